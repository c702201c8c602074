"""Which source the stats of a container come from, beside an engine that tells who asked it."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.events import EventFollower
from exporter.metrics.snapshot import Snapshots
from exporter.metrics.usage import UsageReader
from tests.kernel.trees import CONSTRUCTED_ID, CONSTRUCTED_V2, OTHER_ID, kernel_files
from tests.support.fake_engine import FakeEngine
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.model import ContainerEvent, Snapshot

SOON = 0.3
LATE = 30.0
HERE, ELSEWHERE = CONSTRUCTED_ID, OTHER_ID
# What the tree says of the container, and what the engine says of each.
BY_KERNEL, BY_ENGINE = 104857600, 1000


class MixedEngine(FakeEngine):
    """An engine with a container whose process is in the tree, and one whose process is not."""

    def __init__(self) -> None:
        super().__init__()
        self.names = {HERE: "here", ELSEWHERE: "elsewhere"}
        self.containers = dict.fromkeys(self.names, "running")

    def inspected(self, one: str) -> dict[str, Any]:
        """Return the answer to an inspect, with the number of a process."""
        answer = super().inspected(one)
        answer["State"]["Pid"] = 4242 if one == HERE else 4243
        return answer


@pytest.fixture
def engine() -> Iterator[MixedEngine]:
    """Give an engine with a container here, and one elsewhere."""
    with MixedEngine() as engine:
        yield engine


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a copy of the constructed tree, which a test may change."""
    shutil.copytree(CONSTRUCTED_V2, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def client(engine: MixedEngine) -> Iterator[DockerClient]:
    """Give a client of the engine."""
    client = DockerClient(engine.host)
    yield client
    client.close()


class QuietStream:
    """A stream of events on which nothing ever comes."""

    def __init__(self, _since: str) -> None:
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Wait until it is closed."""
        self._closed.wait()
        return iter(())

    def close(self) -> None:
        """End."""
        self._closed.set()


def usage(snapshot: Snapshot) -> dict[str, int | None]:
    """Return the memory usage of the containers that have stats, by name."""
    return {
        reading.container.name: reading.stats.memory.usage
        for reading in snapshot.containers
        if reading.stats
    }


def missing(snapshot: Snapshot) -> dict[str, int]:
    """Return how many containers lack their stats, by reason."""
    return {reason: n for reason, n in snapshot.without_stats.items() if n}


def asked_for_stats(engine: MixedEngine) -> set[str]:
    """Return the names of the containers whose stats the engine was asked for."""
    return {name for one, name in engine.names.items() if engine.asked(f"/containers/{one}/stats")}


def snapshots_of(client: DockerClient, tree: Path, *, ask_engine: bool = True) -> Snapshots:
    """Return snapshots that read the kernel's files first."""
    reader = UsageReader(kernel_files(tree), ask_engine=ask_engine)
    return Snapshots(client, ttl=0, usage=reader)


def test_each_container_is_read_where_it_is(
    client: DockerClient, engine: MixedEngine, tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The engine is asked for the rest only, which is nothing to tell."""
    caplog.set_level(logging.INFO)
    snapshot = snapshots_of(client, tree).get(Deadline(LATE))
    assert usage(snapshot) == {"here": BY_KERNEL, "elsewhere": BY_ENGINE}
    assert missing(snapshot) == {}
    assert asked_for_stats(engine) == {"elsewhere"}
    assert "kernel's files" not in caplog.text


def test_engine_alone(client: DockerClient, engine: MixedEngine) -> None:
    """Without the kernel's files it is asked for everything."""
    snapshot = Snapshots(client, ttl=0, usage=UsageReader()).get(Deadline(LATE))
    assert usage(snapshot) == {"here": BY_ENGINE, "elsewhere": BY_ENGINE}
    assert asked_for_stats(engine) == {"here", "elsewhere"}


def test_kernel_alone(
    client: DockerClient, engine: MixedEngine, tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not there is counted, and not asked for; the log says once what is missing."""
    snapshots = snapshots_of(client, tree, ask_engine=False)
    for _ in range(3):
        snapshot = snapshots.get(Deadline(LATE))
        assert usage(snapshot) == {"here": BY_KERNEL}
        assert missing(snapshot) == {"no_cgroup": 1}
        assert snapshot.complete
    assert asked_for_stats(engine) == set()
    [record] = [one for one in caplog.records if "kernel's files" in one.message]
    assert record.levelno == logging.WARNING
    assert "'elsewhere'" in vars(record)["error"]


def test_engine_whose_containers_are_not_here(
    client: DockerClient, tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Their process ids are others' here: nothing is read of those, and the log says so once."""
    caplog.set_level(logging.INFO)
    (tree / "proc/4242/cgroup").write_text("0::/user.slice\n")
    snapshots = snapshots_of(client, tree)
    for _ in range(3):
        snapshot = snapshots.get(Deadline(LATE))
        assert usage(snapshot) == {"here": BY_ENGINE, "elsewhere": BY_ENGINE}
    [record] = [one for one in caplog.records if "kernel's files" in one.message]
    assert record.levelno == logging.INFO
    assert vars(record)["instead"] == "api"
    assert "--path.procfs" in vars(record)["error"]


@pytest.mark.parametrize("ask_engine", [True, False])
def test_container_that_began_anew_is_inspected_again(
    client: DockerClient, engine: MixedEngine, tree: Path, *, ask_engine: bool
) -> None:
    """Though no event said so: its process is another's now, of which nothing is shown."""
    follower = EventFollower(QuietStream)
    follower.start()
    wait_until(lambda: follower.connected, LATE, "events connected")
    reader = UsageReader(kernel_files(tree), ask_engine=ask_engine)
    snapshots = Snapshots(client, ttl=0, follower=follower, usage=reader)
    path = f"/containers/{HERE}/json"
    for _ in range(3):
        assert usage(snapshots.get(Deadline(LATE)))["here"] == BY_KERNEL
    inspected = engine.asked(path)
    (tree / "proc/4242/cgroup").write_text(f"0::/system.slice/docker-{ELSEWHERE}.scope\n")
    snapshot = snapshots.get(Deadline(LATE))
    if ask_engine:
        assert usage(snapshot) == {"here": BY_ENGINE, "elsewhere": BY_ENGINE}
    else:
        assert usage(snapshot) == {}
        assert missing(snapshot) == {"not_running": 1, "no_cgroup": 1}
    assert engine.asked(path) == inspected
    snapshots.get(Deadline(LATE))
    assert engine.asked(path) == inspected + 1
    snapshots.get(Deadline(LATE))
    assert engine.asked(path) == inspected + 1
    follower.close()


@pytest.mark.parametrize("ask_engine", [True, False])
def test_reading_that_is_stuck_is_not_joined_by_another(
    client: DockerClient, tree: Path, *, ask_engine: bool
) -> None:
    """A file that gives nothing costs the scrapes meanwhile: two at once would mix their values.

    When it has come to an end, nothing more is read, which nobody waits for.
    """
    snapshots = snapshots_of(client, tree, ask_engine=ask_engine)
    network = tree / "proc/4242/net/dev"
    interfaces = network.read_bytes()
    network.unlink()
    os.mkfifo(network)
    stuck = snapshots.join(Deadline(SOON))
    wait_until(lambda: stuck.deadline.expired, LATE, "its time is up")
    waiting = snapshots.join(Deadline(SOON)).future.result(LATE)
    assert waiting.error == "The reading before this one has not ended yet."
    assert not stuck.future.done()
    network.write_bytes(interfaces)
    late = stuck.future.result(LATE)
    assert missing(late) == {"timeout": 1}
    network.unlink()
    network.write_bytes(interfaces)
    rest = {"elsewhere": BY_ENGINE} if ask_engine else {}
    assert usage(snapshots.get(Deadline(LATE))) == {"here": BY_KERNEL} | rest


def test_rate_of_the_kernels_counters(client: DockerClient, tree: Path) -> None:
    """The machine's time comes from the same files."""
    snapshots = snapshots_of(client, tree)

    def ratio() -> float | None:
        snapshot = snapshots.get(Deadline(LATE))
        return {one.container.name: one.cpu_ratio for one in snapshot.containers}["here"]

    assert ratio() is None
    scope = next((tree / "cgroup/system.slice").iterdir())
    # Half a second of one processor, while one second of each of the four has passed.
    (scope / "cpu.stat").write_text("usage_usec 3500000\n")
    stat = tree / "proc/stat"
    stat.write_text(stat.read_text().replace("cpu  1000 ", "cpu  1400 "))
    assert ratio() == pytest.approx(0.5)
