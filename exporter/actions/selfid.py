"""Which container the exporter itself runs in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# An engine mounts these files of its own over the container's: Docker from `…/containers/ID/`,
# Podman from `…/ID/userdata/`. The mount point matters as well: on the engine's machine, or where
# its root is mounted, there are mounts that name other containers.
_MOUNT = re.compile(
    r"\S*/(?P<id>[0-9a-f]{64})/(?:userdata/)?(?:hostname|hosts|resolv\.conf)"
    r" /etc/(?:hostname|hosts|resolv\.conf)",
    re.ASCII,
)
# `/docker/ID`, `docker-ID.scope`, `libpod-ID.scope`; the innermost, where containers are nested.
_CGROUP = re.compile(r"[/-](?P<id>[0-9a-f]{64})(?:\.scope)?(?=/|$)", re.ASCII | re.MULTILINE)
# What an engine calls a container that nobody gave a host name.
_HOSTNAME = re.compile(r"[0-9a-f]{12}", re.ASCII)


def own_container_id(process: Path, hostname: str) -> str | None:
    """Return how the id of the container begins that this process runs in.

    Args:
        process: The directory of the process in procfs: `/proc/self`.
        hostname: The name of this machine, which by default begins the id of the container. It
            is asked last, and believed where it looks like one: what no container's id begins
            with does no harm.

    Returns:
        The whole id, or its first 12 digits; None where there is no sign of a container.
    """
    for line in _read(process / "mountinfo").splitlines():
        # Fields: mount id, parent id, device, root within the file system, mount point, …
        if match := _MOUNT.fullmatch(" ".join(line.split()[3:5])):
            return match["id"]
    if found := _CGROUP.findall(_read(process / "cgroup")):
        return str(found[-1])
    return hostname if _HOSTNAME.fullmatch(hostname) else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
