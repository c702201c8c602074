"""Readings of containers from trees of the kernel's files, and what is not read."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.errors import CgroupNotFoundError
from exporter.model import (
    BlockIoStats,
    ContainerStats,
    CpuCounters,
    MemoryStats,
    NetworkStats,
    Pressure,
    PressureStats,
)
from tests.kernel.trees import (
    CONSTRUCTED_ID,
    CONSTRUCTED_V2,
    OTHER_ID,
    RECORDED_V1,
    constructed,
    container,
    kernel_files,
    recorded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.engine.kernel.source import KernelFiles
    from exporter.model import Container

LATE = 30.0
SCOPE = f"system.slice/docker-{CONSTRUCTED_ID}.scope"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a copy of the constructed tree, which a test may change."""
    shutil.copytree(CONSTRUCTED_V2, tmp_path, dirs_exist_ok=True)
    return tmp_path


def read(files: KernelFiles, one: Container) -> ContainerStats | CgroupNotFoundError | None:
    """Return what is read of one container."""
    [(identity, result)] = files.read_stats_of([one])
    assert identity == one.id
    return result


def stats_of(tree: Path, one: Container) -> ContainerStats:
    """Return the stats of one container, with the moment left out, which is always another."""
    stats = read(kernel_files(tree), one)
    assert isinstance(stats, ContainerStats)
    assert stats.cpu is not None
    assert stats.cpu.read_at_ns is not None
    return replace(stats, cpu=replace(stats.cpu, read_at_ns=None))


def counter(operation: str, minor: int, value: int) -> BlockIoStats:
    """Return one counter of a block device that no machine has."""
    return BlockIoStats(
        device=f"4094:{minor}", major=4094, minor=minor, operation=operation, value=value
    )


def test_cgroup_v1_as_recorded() -> None:
    """Every value is the one that the engine's answer had at the same time."""
    stats = stats_of(RECORDED_V1, recorded())
    assert stats.cpu == CpuCounters(
        usage_ns=579330376,
        user_ns=360000000,
        kernel_ns=210000000,
        host_ns=3_754_800_000_000,
        online_cpus=2,
        periods=33,
        throttled_periods=27,
        throttled_ns=1240806023,
        burst_periods=0,
        burst_ns=0,
    )
    assert stats.memory == MemoryStats(
        usage=63893504,
        working_set=63893504 - 61865984,
        shown_usage=63893504 - 61865984,
        limit=67108864,
        max_usage=66506752,
        failcnt=40,
        swap=0,
        cache=61865984,
        rss=53248,
        mapped_file=0,
        active_file=0,
        inactive_file=61865984,
        file_dirty=0,
        file_writeback=0,
        page_faults=1765,
        major_page_faults=0,
    )
    assert stats.networks == (
        NetworkStats(
            interface="eth0",
            receive_bytes=1430,
            receive_packets=17,
            receive_dropped=0,
            receive_errors=0,
            transmit_bytes=280,
            transmit_packets=4,
            transmit_dropped=0,
            transmit_errors=0,
        ),
    )
    operations = ("Read", "Write", "Sync", "Async", "Discard", "Total")
    for entries, written in ((stats.io_bytes, 487424), (stats.io_operations, 120)):
        assert entries is not None
        values = {entry.operation: entry.value for entry in entries}
        assert values == dict(zip(operations, (0, written, written, 0, 0, written), strict=True))
        assert {(entry.major, entry.minor) for entry in entries} == {(254, 0)}
    assert stats.pids == 1
    assert stats.pressure == PressureStats(
        cpu=Pressure(waiting_us=1390041, stalled_us=1383749),
        memory=Pressure(waiting_us=13371, stalled_us=13371),
        io=Pressure(waiting_us=11260, stalled_us=11260),
    )


def test_cgroup_v2_as_constructed() -> None:
    """The engine's formulas, and what its answer lacks."""
    assert stats_of(CONSTRUCTED_V2, constructed("none")) == ContainerStats(
        cpu=CpuCounters(
            usage_ns=3_000_000_000,
            user_ns=2_000_000_000,
            kernel_ns=1_000_000_000,
            host_ns=514_670_000_000,
            online_cpus=4,
            periods=50,
            throttled_periods=20,
            throttled_ns=700_000_000,
            burst_periods=4,
            burst_ns=80_000_000,
        ),
        memory=MemoryStats(
            usage=104857600,
            working_set=104857600 - 31457280,
            shown_usage=104857600 - 31457280,
            limit=268435456,
            max_usage=209715200,
            failcnt=4,
            swap=4194304,
            cache=41943040,
            rss=50331648,
            mapped_file=8388608,
            active_file=10485760,
            inactive_file=31457280,
            file_dirty=12288,
            file_writeback=8192,
            page_faults=90000,
            major_page_faults=12,
            events_high=2,
            events_max=3,
        ),
        networks=None,
        io_bytes=(
            counter("Read", 16, 1000),
            counter("Write", 16, 2000),
            counter("Read", 32, 4096),
            counter("Write", 32, 0),
        ),
        io_operations=(
            counter("Read", 16, 10),
            counter("Write", 16, 20),
            counter("Read", 32, 1),
            counter("Write", 32, 0),
        ),
        pids=7,
        pressure=PressureStats(
            cpu=Pressure(waiting_us=1_500_000, stalled_us=250_000),
            memory=Pressure(waiting_us=30, stalled_us=20),
            io=Pressure(waiting_us=5000, stalled_us=4000),
        ),
    )


@pytest.mark.parametrize("network_mode", ["host", "none", f"container:{OTHER_ID}"])
def test_network_that_is_not_the_containers_own_is_not_read(network_mode: str) -> None:
    """Its process sees the host's counters, or a lender's."""
    assert stats_of(CONSTRUCTED_V2, constructed()).networks is not None
    assert stats_of(CONSTRUCTED_V2, constructed(network_mode)).networks is None


def test_file_that_is_missing_costs_its_value_only(tree: Path) -> None:
    """An older kernel has no `memory.peak`, and one without pressure none of these files."""
    for name in ("memory.peak", "cpu.pressure", "io.stat"):
        (tree / "cgroup" / SCOPE / name).unlink()
    stats = stats_of(tree, constructed())
    assert stats.memory.max_usage is None
    assert stats.memory.usage == 104857600
    assert stats.pressure == PressureStats(
        memory=Pressure(waiting_us=30, stalled_us=20), io=Pressure(waiting_us=5000, stalled_us=4000)
    )
    assert (stats.io_bytes, stats.io_operations) == (None, None)


def test_file_that_cannot_be_read_costs_its_value_only(tree: Path) -> None:
    """As those of a kernel whose pressure is switched off, which can be opened all the same."""
    path = tree / "cgroup" / SCOPE / "memory.peak"
    path.unlink()
    path.mkdir()
    stats = stats_of(tree, constructed())
    assert stats.memory.max_usage is None
    assert stats.memory.usage == 104857600


def test_long_file_is_read_to_its_end(tree: Path) -> None:
    """A container may write to more devices than one look at the file tells of."""
    lines = [f"4094:{minor} rbytes={minor} wbytes=0 rios=1 wios=0\n" for minor in range(1000)]
    (tree / "cgroup" / SCOPE / "io.stat").write_text("".join(lines))
    stats = stats_of(tree, constructed())
    assert stats.io_bytes is not None
    assert {entry.minor for entry in stats.io_bytes} == set(range(1000))


def test_what_changes_is_read_anew(tree: Path) -> None:
    """Nothing that was read is remembered but the place."""
    files = kernel_files(tree)
    read(files, constructed())
    (tree / "cgroup" / SCOPE / "pids.current").write_text("9\n")
    stats = read(files, constructed())
    assert isinstance(stats, ContainerStats)
    assert stats.pids == 9


def test_containers_are_read_one_by_one(tree: Path) -> None:
    """One that is not here costs itself only."""
    absent = container(OTHER_ID, 4243)
    results = dict(kernel_files(tree).read_stats_of([absent, constructed()]))
    assert isinstance(results[OTHER_ID], CgroupNotFoundError)
    assert isinstance(results[CONSTRUCTED_ID], ContainerStats)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        pytest.param(container(CONSTRUCTED_ID, 4243), "Process 4243 is in no", id="no process"),
        pytest.param(container(CONSTRUCTED_ID, None), "Process None is in no", id="no process id"),
        pytest.param(container(OTHER_ID, 4242), "Process 4242 is in no", id="another's process"),
    ],
)
def test_container_that_is_not_here(tree: Path, one: Container, text: str) -> None:
    """As with an engine on another machine, whose process ids are others' here."""
    error = read(kernel_files(tree), one)
    assert isinstance(error, CgroupNotFoundError)
    assert text in str(error)
    assert "--path.procfs" in str(error)


def test_hierarchies_that_are_not_mounted_here(tree: Path) -> None:
    """The error says which option names the place; nothing is read of the process either."""
    shutil.rmtree(tree / "cgroup" / SCOPE)
    for _ in range(2):
        error = read(kernel_files(tree), constructed())
        assert isinstance(error, CgroupNotFoundError)
        assert "--path.cgroup" in str(error)


def test_hierarchies_that_are_not_mounted_here_are_looked_through_once(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with each reading of each container."""
    shutil.rmtree(tree / "cgroup" / SCOPE)
    (tree / "proc/4242/cgroup").write_text(f"0::/../{CONSTRUCTED_ID}\n")
    files = kernel_files(tree)
    assert isinstance(read(files, constructed()), CgroupNotFoundError)
    monkeypatch.setattr(Path, "iterdir", lambda path: pytest.fail(f"{path} is looked through"))
    assert isinstance(read(files, constructed()), CgroupNotFoundError)


def test_what_is_no_longer_asked_for_is_forgotten(tree: Path) -> None:
    """A container that is back is as good as new, and so is the place where it was not seen."""
    files = kernel_files(tree)
    read(files, constructed())
    assert [*files.read_stats_of([])] == []
    place = tree / "proc/4242/cgroup"
    there = place.read_text()
    place.write_text("0::/\n")
    assert isinstance(read(files, constructed()), CgroupNotFoundError)
    place.write_text(there)
    scope = tree / "cgroup" / SCOPE
    scope.rename(tree / "elsewhere")
    assert isinstance(read(files, constructed()), CgroupNotFoundError)
    assert [*files.read_stats_of([])] == []
    (tree / "elsewhere").rename(scope)
    assert isinstance(read(files, constructed()), ContainerStats)


def test_place_that_is_not_there_at_all(tmp_path: Path) -> None:
    """As where the exporter runs on no Linux, or an option is mistyped."""
    error = read(kernel_files(tmp_path), constructed())
    assert isinstance(error, CgroupNotFoundError)
    assert str(tmp_path / "proc") in str(error)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"0::/system.slice/docker-{OTHER_ID}.scope\n", id="another container's"),
        pytest.param("0::/\n", id="the machine's"),
        pytest.param(None, id="no process"),
    ],
)
def test_process_that_became_anothers_between_two_readings(tree: Path, text: str | None) -> None:
    """The container has ended, or begun anew: what was known of it is asked for again."""
    files = kernel_files(tree)
    assert isinstance(read(files, constructed()), ContainerStats)
    place = tree / "proc/4242/cgroup"
    place.unlink() if text is None else place.write_text(text)
    assert read(files, constructed()) is None
    # By now it is a container that is not here.
    assert isinstance(read(files, constructed()), CgroupNotFoundError)


def test_container_that_goes_on_in_another_process_and_place(tree: Path) -> None:
    """What was found of its last run is not read again."""
    files = kernel_files(tree)
    read(files, constructed())
    (tree / "proc/4242").rename(tree / "proc/4243")
    (tree / "cgroup" / SCOPE).rename(tree / "cgroup" / CONSTRUCTED_ID)
    (tree / "proc/4243/cgroup").write_text(f"0::/{CONSTRUCTED_ID}\n")
    assert isinstance(read(files, container(CONSTRUCTED_ID, 4243)), ContainerStats)


@contextmanager
def pipes(*contents: tuple[Path, bytes]) -> Iterator[None]:
    """Turn files into pipes that give each content once, in this order, however long it takes."""
    for path in {path for path, _ in contents}:
        path.unlink()
        os.mkfifo(path)

    def serve() -> None:
        for path, content in contents:
            path.write_bytes(content)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    thread.join(LATE)
    assert not thread.is_alive()


def test_process_that_becomes_anothers_while_it_is_read(tree: Path) -> None:
    """The network may be the other's by then: the whole reading is dropped."""
    place, network = tree / "proc/4242/cgroup", tree / "proc/4242/net/dev"
    before, interfaces = place.read_bytes(), network.read_bytes()
    files = kernel_files(tree)
    with pipes((place, before), (network, interfaces), (place, b"0::/docker/" + b"e" * 64)):
        assert read(files, constructed()) is None
    place.unlink()
    place.write_text("0::/\n")
    # By now it is a container that is not here.
    assert isinstance(read(files, constructed()), CgroupNotFoundError)


def test_process_that_moves_within_its_container_while_it_is_read(tree: Path) -> None:
    """As systemd does when it begins, in a container: the reading is good."""
    place, network = tree / "proc/4242/cgroup", tree / "proc/4242/net/dev"
    before, interfaces = place.read_bytes(), network.read_bytes()
    after = before.rstrip() + b"/init.scope\n"
    files = kernel_files(tree)
    with pipes((place, before), (network, interfaces), (place, after)):
        stats = read(files, constructed())
    assert isinstance(stats, ContainerStats)
    assert stats.networks is not None


def test_nothing_stays_open(tree: Path) -> None:
    """Nor after a reading that nobody has listened to the end."""
    before = len([*Path("/proc/self/fd").iterdir()])
    files = kernel_files(tree)
    for _ in range(3):
        reading = files.read_stats_of([constructed(), container(OTHER_ID, 4243)])
        next(reading)
        del reading
        read(files, constructed())
    assert len([*Path("/proc/self/fd").iterdir()]) == before
