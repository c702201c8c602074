"""What things take on disk, as told by further engines, in both modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.deadline import Deadline
from exporter.disk import DiskKind
from tests.engines.kinds import PODMAN
from tests.support.containers import container

if TYPE_CHECKING:
    from exporter.docker_client import DockerClient
    from tests.support.engine import LocalEngine

LATE = 60.0
MIB = 1024 * 1024
# What Podman counts as well: the container's own directories.
ROUNDING = 64


def test_disk_usage(client: DockerClient, engine: LocalEngine, kind: str) -> None:
    """The layer of a container is measured; images are there where the engine knows their size."""
    write = "dd if=/dev/zero of=/file bs=1M count=3"
    with container(engine, "sh", "-c", write, verb=("run",)) as name:
        usage = client.connect().disk_usage(Deadline(LATE))
        size = usage.containers[engine.inspect(name)["Id"]]
    assert 3 * MIB <= size <= 3 * MIB + ROUNDING
    used = {of: space.used for of, space in usage.kinds.items()}
    assert (DiskKind.IMAGES in used) is (kind != PODMAN)
    assert used[DiskKind.CONTAINERS] >= 2.99 * MIB
    assert used[DiskKind.VOLUMES] == used[DiskKind.BUILD_CACHE] == 0
