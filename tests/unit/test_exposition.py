"""The exposition: the very bytes that prometheus_client makes of the same, and what is kept."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from bench.rendering import measure, snapshots
from exporter.docker_client import DockerClient
from exporter.metrics.collector import ContainerCollector
from exporter.metrics.exposition import Exposition
from exporter.metrics.families import Families
from exporter.metrics.labels import MOST_TEXTS, LabelOptions, SeriesLabels
from exporter.metrics.snapshot import Snapshots
from exporter.model import (
    BlockIoStats,
    Container,
    ContainerReading,
    ContainerState,
    ContainerStats,
    CpuCounters,
    EngineInfo,
    EventCounts,
    Health,
    HealthCheck,
    Limits,
    MemoryStats,
    NetworkStats,
    RemovedContainer,
    Snapshot,
)
from tests.support.scrape import rendered

# Whatever can be encoded, with what has to be escaped coming often.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n{},= '), max_size=6
)
# Negative zero is left out: it equals zero, and is written as that.
FLOATS = (st.floats() | st.sampled_from([1e6, 1e7, 123456789.5, 1.7e9])).map(lambda one: one + 0.0)
COUNTS = st.integers(0, 2**64)

STATS = st.builds(
    ContainerStats,
    cpu=st.none() | st.builds(CpuCounters, usage_ns=COUNTS, user_ns=st.none() | COUNTS),
    memory=st.builds(
        MemoryStats, usage=st.none() | COUNTS, failcnt=COUNTS, page_faults=st.none() | COUNTS
    ),
    memory_ratio=st.none() | FLOATS,
    networks=st.lists(
        st.builds(NetworkStats, interface=TEXTS, receive_bytes=COUNTS, transmit_bytes=COUNTS),
        max_size=2,
    ).map(tuple),
    io_bytes=st.lists(
        st.builds(
            BlockIoStats,
            device=TEXTS,
            major=COUNTS,
            minor=COUNTS,
            operation=st.sampled_from(["Read", "Total"]),
            value=COUNTS,
        ),
        max_size=2,
    ).map(tuple),
    pids=st.none() | COUNTS,
)
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=3)
EVENTS = st.builds(EventCounts, exits=COUNTS, became_healthy=COUNTS)
CONTAINERS = st.builds(
    Container,
    id=st.text("0123456789abcdef", min_size=1, max_size=3),
    name=TEXTS,
    image=TEXTS,
    image_id=TEXTS,
    state=st.sampled_from(ContainerState),
    status=st.just(""),
    health_check=st.none()
    | st.builds(HealthCheck, status=st.sampled_from(Health), failing_streak=COUNTS),
    restart_count=COUNTS,
    exit_code=st.none() | st.integers(-1, 255),
    created_at=st.none() | FLOATS,
    started_at=st.none() | FLOATS,
    hostname=TEXTS,
    limits=st.builds(Limits, memory_bytes=COUNTS, nano_cpus=COUNTS, cpu_quota_us=COUNTS),
    labels=LABELS,
)
READINGS = st.builds(
    ContainerReading,
    container=CONTAINERS,
    stats=st.none() | STATS,
    cpu_ratio=st.none() | FLOATS,
    events=st.none() | EVENTS,
)
REMOVED = st.builds(
    RemovedContainer, id=TEXTS, name=TEXTS, image=TEXTS, labels=LABELS, events=EVENTS
)
INFO = st.builds(
    EngineInfo,
    **dict.fromkeys(
        ("engine", "version", "api_version", "os", "kernel_version", "cgroup_version"), TEXTS
    ),
    storage_driver=TEXTS,
    cpus=st.none() | COUNTS,
    memory_bytes=st.none() | COUNTS,
    images=st.none() | COUNTS,
)
SNAPSHOTS = st.builds(
    Snapshot,
    taken_at=FLOATS,
    taken_monotonic=st.just(0.0),
    duration_seconds=FLOATS,
    info=st.none() | INFO,
    states=st.none() | st.just(dict.fromkeys(ContainerState, 1)),
    containers=st.lists(READINGS, max_size=3).map(tuple),
    removed=st.lists(REMOVED, max_size=2).map(tuple),
)
OPTIONS = st.builds(
    LabelOptions,
    series=st.sampled_from([(), ("id", "compose_service")]),
    container_labels=st.sampled_from([(), ("*",)]),
    everywhere=st.booleans(),
)


def by_the_library(snapshot: Snapshot, options: LabelOptions, *, openmetrics: bool) -> bytes:
    """Return what prometheus_client makes of the collector's families."""
    collector = ContainerCollector(Snapshots(DockerClient()), labels=options, scrape_metrics=False)
    return rendered(collector.families(snapshot), openmetrics=openmetrics)


def snapshot_of(*containers: Container, removed: tuple[RemovedContainer, ...] = ()) -> Snapshot:
    """Return a snapshot of containers."""
    return Snapshot(
        taken_at=0.0,
        taken_monotonic=0.0,
        duration_seconds=0.0,
        containers=tuple(ContainerReading(container=one) for one in containers),
        removed=removed,
    )


WEB = Container(
    id="1" * 64,
    name="web",
    image="nginx",
    image_id="",
    state=ContainerState.RUNNING,
    status="running",
    labels={"tier": "front"},
)


@pytest.mark.parametrize("openmetrics", [False, True])
@given(first=SNAPSHOTS, second=SNAPSHOTS, options=OPTIONS)
def test_bytes_are_those_of_prometheus_client(
    first: Snapshot, second: Snapshot, options: LabelOptions, *, openmetrics: bool
) -> None:
    """Also of a second scrape, when labels and numbers of the first are known."""
    exposition = Exposition(options)
    for snapshot in (first, second, first):
        written = exposition.write(snapshot, openmetrics=openmetrics)
        assert written == by_the_library(snapshot, options, openmetrics=openmetrics)


def test_numbers_that_are_equal_have_one_text() -> None:
    """A negative zero is written as zero, whichever comes first."""
    for started_at in (-0.0, 0.0):
        body = Exposition().write(
            snapshot_of(replace(WEB, started_at=started_at)), openmetrics=False
        )
        assert b'\ncontainer_start_time_seconds{image="nginx",name="web"} 0.0\n' in body


@pytest.mark.parametrize("openmetrics", [False, True])
def test_own_metrics_come_last(*, openmetrics: bool) -> None:
    """They end the body, in the format that was asked for, with what tells of the reading."""
    own = CollectorRegistry()
    Counter("own", "Ours.", registry=own).inc()
    body = Exposition(own=own).write(snapshot_of(WEB), openmetrics=openmetrics).decode()
    assert "\ndocker_exporter_scrape_duration_seconds 0.0\n" in body
    before, _, after = body.partition("own_total 1.0\n")
    assert "container_info{" in before
    assert "container_" not in after
    assert body.count("# EOF") == int(openmetrics)
    assert body.endswith("# EOF\n") is openmetrics


def test_without_own_metrics_nothing_tells_of_the_reading() -> None:
    """Who leaves out the exporter's own metrics wants none of them."""
    assert b"docker_exporter" not in Exposition().write(snapshot_of(WEB), openmetrics=False)


def labels_of(families: Families, snapshot: Snapshot) -> dict[str, list[SeriesLabels]]:
    """Return the labels that the subjects of each metric have."""
    return {
        metric.name: [labels for _, labels in subjects]
        for metric, subjects in families.of(snapshot)
    }


def test_labels_are_kept_for_as_long_as_the_container_is_there() -> None:
    """Also when it is inspected again; not when they have become others, nor when it is gone."""
    families = Families(LabelOptions(series=("compose_service",)))
    kept = labels_of(families, snapshot_of(WEB))
    for again in (WEB, replace(WEB, restart_count=1)):
        same = labels_of(families, snapshot_of(again))
        assert same["container_up"][0] is kept["container_up"][0]
        assert same["container_info"][0] is kept["container_info"][0]
    renamed = labels_of(families, snapshot_of(replace(WEB, name="other")))
    assert renamed["container_up"][0].labels["name"] == "other"
    gone = [weakref.ref(renamed[name][0]) for name in ("container_up", "container_info")]
    del renamed
    assert labels_of(families, snapshot_of())["container_up"] == []
    gc.collect()
    assert [one() for one in gone] == [None, None]


def test_labels_of_the_removed_are_kept_while_they_are_shown() -> None:
    """Then they are forgotten."""
    removed = RemovedContainer(id="2" * 64, name="job", image="alpine", events=EventCounts())
    families = Families()
    kept = labels_of(families, snapshot_of(removed=(removed,)))["container_exits_total"][0]
    [again] = labels_of(families, snapshot_of(removed=(removed,)))["container_exits_total"]
    assert again is kept
    gone = weakref.ref(kept)
    del kept, again
    labels_of(families, snapshot_of())
    gc.collect()
    assert gone() is None


def test_texts_are_made_once_and_not_without_end() -> None:
    """A text is made anew only after so many others that no container has as many series."""
    labels = SeriesLabels({"name": "web"})
    first = labels.text(("interface",), ("eth0",))
    assert labels.text(("interface",), ("eth0",)) is first
    for number in range(MOST_TEXTS):
        labels.text(("interface",), (str(number),))
    again = labels.text(("interface",), ("eth0",))
    assert again == first
    assert again is not first


def test_bench_compares_what_is_the_same() -> None:
    """The command behind the figures runs; it ends where the two bodies differ."""
    _, _, samples = measure(list(snapshots(2, busy=True)), openmetrics=True)
    assert samples > 100
