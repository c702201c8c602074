"""Where the kernel keeps the cgroup of a container.

`/proc/<pid>/cgroup` names the cgroup of a process in each hierarchy, and an engine names that of
a container after its id: `/docker/ID`, `/system.slice/docker-ID.scope`, or deep below
`/user.slice` for a rootless engine. A process may sit further below it, in a cgroup that the
container has made for itself.

The names are those that the reader sees. In a cgroup namespace of its own the reader is the root,
what stands beside it is `/../ID`, and what stands above has no name. Where a mount shows but a
part of the hierarchy, names begin above it. Both are resolved by looking, which is safe, as
nothing but the right cgroup has the 64 digits of the id in its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from exporter.engine.kernel import pressure, v1, v2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from exporter.engine.kernel.machine import Machine
    from exporter.model import ContainerStats, NetworkStats

_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)

# The controller-less hierarchy of cgroup v2 in `/proc/<pid>/cgroup`; and where systemd mounts it
# beside the others.
_UNIFIED = ""
_HYBRID_MOUNT = "unified"

# How far below the root of a hierarchy an engine's cgroups may be: a rootless one's are at
# `user.slice/user-1000.slice/user@1000.service/user.slice`.
_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The files of one container.

    Attributes:
        files: What to read: the name of each, and its path below the root of the hierarchies.
        stats: Makes a reading of what they hold, by name.
    """

    files: tuple[tuple[str, str], ...]
    stats: Callable[[Mapping[str, bytes], Machine, tuple[NetworkStats, ...] | None], ContainerStats]


def container_paths(text: bytes, container_id: str) -> dict[str, str]:
    r"""Return the cgroups that are named after a container, by controller.

    Args:
        text: What `/proc/<pid>/cgroup` holds.
        container_id: The full id.

    Returns:
        The path up to the name of the container, under `` for cgroup v2. Nothing where the
        process is in no cgroup of this container.

    Examples:
        >>> one = "0123456789abcdef" * 4
        >>> text = f"4:cpu,cpuacct:/docker/{one}\n0::/system.slice/docker-{one}.scope/init\n"
        >>> {name: path.replace(one, "ID") for name, path in container_paths(text.encode(), one)
        ...  .items()}
        {'cpu': '/docker/ID', 'cpuacct': '/docker/ID', '': '/system.slice/docker-ID.scope'}
    """
    paths: dict[str, str] = {}
    if _ID.fullmatch(container_id) is None or container_id.encode() not in text:
        return paths
    for line in text.decode(errors="replace").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        parts = path.split("/")
        for depth, part in enumerate(parts, 1):
            if _is_named_after(part, container_id):
                paths |= dict.fromkeys(controllers.split(","), "/".join(parts[:depth]))
                break
    return paths


def _is_named_after(part: str, container_id: str) -> bool:
    """Return whether a cgroup is a container's: `ID`, `docker-ID.scope`, `libpod-ID`.

    Podman has one as `libpod-conmon-ID.scope` as well, in which the container is not.
    """
    engine, found, suffix = part.partition(container_id)
    if not found or suffix not in ("", ".scope"):
        return False
    return not engine or (engine.endswith("-") and engine[:-1].isalnum())


class Finder:
    """Finds the directories of containers below the place where the hierarchies are mounted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # What the last `/..` stood for, by hierarchy.
        self._above: dict[Path, Path] = {}

    def find(self, paths: Mapping[str, str]) -> Cgroup | None:
        """Return the files of a container; None where a directory that there must be is not there.

        Args:
            paths: See `container_paths`.
        """
        if controllers := [one for one in v1.FILES if one in paths]:
            files: list[tuple[str, str]] = []
            for controller in controllers:
                directory = self._locate(self._root / controller, paths[controller])
                if directory is None:
                    return None
                files += self._below(directory, v1.FILES[controller])
            beside = self._locate(self._root / _HYBRID_MOUNT, paths.get(_UNIFIED, ""))
            files += self._below(beside, pressure.FILES) if beside else ()
            return Cgroup(tuple(files), v1.container_stats)
        directory = self._locate(self._root, paths.get(_UNIFIED, ""))
        if directory is None:
            return None
        return Cgroup(tuple(self._below(directory, v2.FILES)), v2.container_stats)

    def _below(self, directory: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
        place = directory.relative_to(self._root)
        return ((name, f"{place}/{name}") for name in names)

    def _locate(self, hierarchy: Path, path: str) -> Path | None:
        """Return the directory of a cgroup in a hierarchy; None where it cannot be seen."""
        parts = [part for part in path.split("/") if part not in ("", "..")]
        tails = ["/".join(parts[start:]) for start in range(len(parts))]
        for tail in tails:
            if (hierarchy / tail).is_dir():
                return hierarchy / tail
        return self._search(hierarchy, tails[0]) if path.startswith("/..") and tails else None

    def _search(self, hierarchy: Path, tail: str) -> Path | None:
        """Return the directory that ends in `tail`, from the least deep one on."""
        # Most often it is beside the one before.
        known = self._above.get(hierarchy, hierarchy)
        for above in chain((known,), _directories(hierarchy)):
            if (above / tail).is_dir():
                self._above[hierarchy] = above
                return above / tail
        return None


def _directories(top: Path) -> Iterator[Path]:
    """Yield the directories below one, level by level, as deep as engines put containers."""
    level = [top]
    for _ in range(_DEPTH):
        level = [below for above in level for below in _children(above)]
        yield from level


def _children(directory: Path) -> list[Path]:
    try:
        return [below for below in directory.iterdir() if below.is_dir()]
    except OSError:
        # It went away, or may not be looked into.
        return []
