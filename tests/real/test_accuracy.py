"""The figures, beside the kernel's own for the same time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.metrics.snapshot import Snapshots
from tests.support import zoo as animals
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from exporter.model import ContainerReading
    from tests.support.engine import PrivateEngine

LATE = 30.0
CGROUPS = Path("/sys/fs/cgroup")

TIMEOUT_SECONDS = 60


def read_cgroup(controller: str, engine: PrivateEngine, name: str, file: str) -> int:
    """Return a number that the kernel keeps of a container, on cgroup v1 or v2."""
    one = engine.inspect(name)["Id"]
    found = [*CGROUPS.glob(f"{controller}/docker/{one}"), *CGROUPS.glob(f"docker/{one}")]
    assert found, f"no cgroup of {name}"
    return int((found[0] / file).read_text())


def read_one(snapshots: Snapshots, name: str) -> ContainerReading:
    """Return what a snapshot that is taken now says of a container."""
    snapshot = snapshots.get(Deadline(LATE))
    return next(one for one in snapshot.containers if one.container.name == name)


def test_cpu_of_a_busy_container_is_that_of_the_kernel(zoo: PrivateEngine) -> None:
    """What is read lies between what the kernel says before and after, also as it grows."""
    client = DockerClient(zoo.host)
    snapshots = Snapshots(client, ttl=0)

    def kernel() -> int:
        return read_cgroup("cpuacct", zoo, animals.BUSY, "cpuacct.usage")

    def usage() -> int:
        before, reading, after = kernel(), read_one(snapshots, animals.BUSY), kernel()
        assert reading.stats is not None
        assert reading.stats.cpu is not None
        assert before <= reading.stats.cpu.usage_ns <= after
        return reading.stats.cpu.usage_ns

    first = usage()
    wait_until(usage, TIMEOUT_SECONDS, "it was busy", lambda now: now - first > 1_500_000_000)
    client.close()


def test_cpu_ratio_is_the_rate_of_the_counter(zoo: PrivateEngine) -> None:
    """The gauge and the counter tell the same story about the same time."""
    client = DockerClient(zoo.host)
    snapshots = Snapshots(client, ttl=0)
    first = read_one(snapshots, animals.BUSY)
    threading.Event().wait(3)
    second = read_one(snapshots, animals.BUSY)
    client.close()
    assert first.stats is not None
    assert first.stats.cpu is not None
    assert second.stats is not None
    assert second.stats.cpu is not None
    assert first.stats.cpu.read_at_ns is not None
    assert second.stats.cpu.read_at_ns is not None
    used = second.stats.cpu.usage_ns - first.stats.cpu.usage_ns
    passed = second.stats.cpu.read_at_ns - first.stats.cpu.read_at_ns
    assert second.cpu_ratio == pytest.approx(used / passed, rel=0.1)


def test_memory_is_that_of_the_kernel(zoo: PrivateEngine) -> None:
    """The usage of a container that does nothing equals the file of its cgroup."""
    client = DockerClient(zoo.host)
    reading = read_one(Snapshots(client), animals.MEMORY_LIMITED)
    client.close()
    assert reading.stats is not None
    expected = read_cgroup("memory", zoo, animals.MEMORY_LIMITED, "memory.usage_in_bytes")
    assert reading.stats.memory.usage == expected
    assert reading.stats.memory.limit == 64 * 1024 * 1024
