"""Trees of the kernel's files, and containers that live in them.

`recorded_v1` was recorded on Linux 6.18 from a container of Docker 20.10 that had run into its
limits: cgroup v1 with a v2 hierarchy beside it, cgroupfs driver. `constructed_v2` was built from
the kernel's documentation (`cgroup-v2.rst`): systemd driver, with an `io.stat` as some kernels
write it, where a device without counters shares a line with the next.
"""

from __future__ import annotations

from pathlib import Path

from exporter.engine.kernel.source import KernelFiles
from exporter.model import Container, ContainerState

TREES = Path(__file__).parent / "trees"
RECORDED_V1 = TREES / "recorded_v1"
CONSTRUCTED_V2 = TREES / "constructed_v2"

RECORDED_ID = "f1392c93409c9d752ab2dd3cbe6e21ee61faacb122e802baeb3310102c771367"
CONSTRUCTED_ID = "c0ffee01234567890123456789012345678901234567890123456789abcdef00"
OTHER_ID = "0123456789abcdef" * 4


def recorded(network_mode: str = "bridge") -> Container:
    """Return the container of `recorded_v1`."""
    return container(RECORDED_ID, 8897, network_mode)


def constructed(network_mode: str = "bridge") -> Container:
    """Return the container of `constructed_v2`."""
    return container(CONSTRUCTED_ID, 4242, network_mode)


def container(one: str, pid: int | None, network_mode: str = "bridge") -> Container:
    """Return a running container."""
    return Container(
        id=one,
        name="web",
        image="nginx",
        image_id="",
        state=ContainerState.RUNNING,
        status="running",
        pid=pid,
        network_mode=network_mode,
    )


def kernel_files(tree: Path) -> KernelFiles:
    """Return the files of a tree as a source."""
    return KernelFiles(tree / "cgroup", tree / "proc")
