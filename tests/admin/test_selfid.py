"""In which container the exporter runs: on real containers, and on what other engines mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.actions.selfid import own_container_id
from tests.admin.values import ID
from tests.support.engine import IMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import PrivateEngine

OTHER = "f" * 64
FIELDS = "rw,relatime - ext4 /dev/vda rw"


def mount(root: str, point: str) -> str:
    """Return a line of mountinfo."""
    return f"1571 1559 254:1 {root} {point} {FIELDS}\n"


def write(directory: Path, mountinfo: str = "", cgroup: str = "") -> Path:
    """Write the files of a process, and return their directory."""
    (directory / "mountinfo").write_text(mountinfo)
    (directory / "cgroup").write_text(cgroup)
    return directory


@pytest.mark.parametrize(
    "options", [(), ("--hostname=x",), ("--network=host",), ("--hostname=x", "--network=none")]
)
def test_real_container_knows_itself(
    engine: PrivateEngine, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """What a process inside sees in procfs is enough, whatever its host name and network are."""
    command = "cat /proc/self/mountinfo; echo; cat /proc/self/cgroup"
    name = "knows-itself"
    try:
        seen = engine.docker("run", f"--name={name}", *options, IMAGE, "sh", "-c", command)
        true = engine.inspect(name)["Id"]
    finally:
        engine.docker("rm", "--force", name)
    mountinfo, cgroup = seen.split("\n\n")
    assert own_container_id(write(tmp_path, mountinfo), "x") == true
    assert own_container_id(write(tmp_path, "", cgroup), "x") == true


def test_machine_with_containers_is_not_one_of_them(tmp_path: Path) -> None:
    """On the engine's machine there are mounts that belong to containers, for others."""
    there = write(
        tmp_path,
        mount("/", f"/var/lib/docker/containers/{OTHER}/mounts/shm")
        + mount(f"/var/lib/docker/containers/{OTHER}/hostname", "/rootfs/etc/hostname"),
        "0::/system.slice/docker-exporter.service\n",
    )
    assert own_container_id(there, "machine") is None


@pytest.mark.parametrize(
    "mountinfo",
    [
        mount(f"/var/lib/docker/containers/{ID}/resolv.conf", "/etc/resolv.conf"),
        mount(f"/docker/data/containers/{ID}/hosts", "/etc/hosts"),
        mount(f"/overlay-containers/{ID}/userdata/hostname", "/etc/hostname"),
        mount(f"/var/lib/docker/containers/{OTHER}/hostname", "/host/etc/hostname")
        + mount(f"/var/lib/docker/containers/{ID}/hostname", "/etc/hostname"),
    ],
)
def test_mounts_of_engines(tmp_path: Path, mountinfo: str) -> None:
    """Docker and Podman mount files of their own over those of the container."""
    assert own_container_id(write(tmp_path, mountinfo), "x") == ID


@pytest.mark.parametrize(
    "cgroup",
    [
        f"12:cpu,cpuacct:/docker/{ID}\n11:memory:/docker/{ID}\n",
        f"0::/system.slice/docker-{ID}.scope\n",
        f"0::/machine.slice/libpod-{ID}.scope/container\n",
        f"9:pids:/docker/{OTHER}/docker/{ID}\n",
    ],
)
def test_cgroups_of_engines(tmp_path: Path, cgroup: str) -> None:
    """Both drivers name the container; where they are nested, the innermost is ours."""
    assert own_container_id(write(tmp_path, "", cgroup), "x") == ID


def test_hostname_is_asked_last(tmp_path: Path) -> None:
    """It is believed only if it looks like the beginning of an id."""
    there = write(tmp_path, mount("/", "/etc"), "0::/\n")
    assert own_container_id(there, ID[:12]) == ID[:12]
    assert own_container_id(there, "web-1") is None
    assert own_container_id(tmp_path / "missing", "web-1") is None
