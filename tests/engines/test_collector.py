"""What a scrape shows of further engines, in both modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter.engine.events import EventFollower
from exporter.metrics import catalogue
from exporter.metrics.collector import ContainerCollector
from exporter.metrics.snapshot import Snapshots
from tests.engines import containers
from tests.engines.kinds import PODMAN
from tests.support.containers import container
from tests.support.modes import MODES
from tests.support.prometheus import promtool_complaints
from tests.support.scrape import Scrape, second_scrape
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.docker_client import DockerClient
    from tests.support.engine import LocalEngine

LATE = 30.0

# What Podman gives as zeros, or not at all.
NOT_OF_PODMAN = {
    *("container_cpu_user_seconds_total", "container_cpu_system_seconds_total"),
    *("container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"),
    *("container_cpu_cfs_throttled_seconds_total",),
    *("container_memory_cache", "container_memory_rss", "container_memory_mapped_file"),
    *("container_memory_max_usage_bytes", "container_memory_failcnt"),
    *("container_memory_failures_total", "container_memory_total_active_file_bytes"),
    *("container_memory_total_inactive_file_bytes", "container_memory_file_dirty_bytes"),
    *("container_memory_file_writeback_bytes",),
    *("container_oom_events_total", "container_health_transitions_total"),
}


@pytest.fixture
def collector(client: DockerClient) -> Iterator[ContainerCollector]:
    """Give a collector in each mode, with events."""
    follower = EventFollower(client.events)
    follower.start()
    wait_until(lambda: follower.connected, LATE, "events connected")
    yield ContainerCollector(Snapshots(client, ttl=0, follower=follower))
    follower.close()


@pytest.fixture(scope="module")
def scrapes(engine: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scrape]:
    """Give a scrape in each mode; the second, so that what is measured between two is there."""
    return {mode: second_scrape(mode, engine, tmp_path_factory.mktemp(mode)) for mode in MODES}


@pytest.fixture
def scrape(mode: str, scrapes: dict[str, Scrape]) -> Scrape:
    """Give the scrape of each mode in turn."""
    return scrapes[mode]


def present(scrape: Scrape) -> set[str]:
    """Return the names of the metrics that have a series."""
    return {name for name, samples in scrape.samples.items() if samples}


def test_promtool_accepts_the_exposition(collector: ContainerCollector) -> None:
    """It has no complaint."""
    registry = CollectorRegistry()
    registry.register(collector)
    assert promtool_complaints(generate_latest(registry).decode()) == ""


def test_engine_is_shown(scrape: Scrape, kind: str, mode: str) -> None:
    """It is up, reached in this mode, and named."""
    assert scrape.value("docker_up") == 1
    assert scrape.value("docker_engine_mode", mode=mode) == 1
    name = "podman" if kind == PODMAN else "docker"
    assert scrape.value("docker_engine_info", engine=name) == 1
    assert scrape.value("docker_exporter_events_connected") == 1


def test_every_container_is_in_exactly_one_state(scrape: Scrape) -> None:
    """The stopped ones too; up is 1 for the running ones alone."""
    for name, state in containers.STATES.items():
        assert scrape.of("container_state", name, state=state) == 1, name
        states = [v for labels, v in scrape.samples["container_state"] if labels["name"] == name]
        assert (len(states), sum(states)) == (7, 1)
        assert scrape.of("container_up", name) == (1 if state == "running" else 0)
    assert scrape.of("container_exit_code", containers.EXITED) == 3
    assert scrape.of("container_exit_code", containers.CREATED) is None


def test_limits_are_shown(scrape: Scrape) -> None:
    """Configured limits come from inspect, which both engines fill alike."""
    limit = containers.MEMORY_LIMIT
    assert scrape.of("container_spec_memory_limit_bytes", containers.IDLE) == limit
    assert scrape.of("container_spec_memory_limit_bytes", containers.BUSY) == 0
    ratio = containers.BUSY_PERCENT / 100
    assert scrape.of("container_spec_cpu_limit_ratio", containers.BUSY) == ratio
    assert scrape.of("container_spec_cpu_limit_ratio", containers.IDLE) is None


def test_usage_of_what_runs(scrape: Scrape, kind: str, mode: str) -> None:
    """What runs has its usage, and what does not run has none."""
    shown = containers.ACTIVE
    if (kind, mode) == (PODMAN, "cli"):
        shown = shown - {containers.PAUSED}
    for metric in ("container_memory_working_set_bytes", "container_threads"):
        assert scrape.containers(metric) == shown
    has_ratio = (kind, mode) != (PODMAN, "cli")
    assert scrape.containers("container_cpu_usage_ratio") == (shown if has_ratio else set())
    counted = scrape.containers("container_cpu_usage_seconds_total")
    assert counted == (shown if mode == "sdk" else set())


def test_what_podman_does_not_count_has_no_series(scrape: Scrape, kind: str, mode: str) -> None:
    """No zero stands for what it does not know, and all of it is known of Docker by the SDK."""
    known = present(scrape) & NOT_OF_PODMAN
    if kind == PODMAN:
        assert known == set()
    elif mode == "sdk":
        assert known == NOT_OF_PODMAN


def test_container_without_a_network_has_no_traffic(scrape: Scrape) -> None:
    """Podman's zeros for it are left out."""
    assert {metric.name for metric in catalogue.NETWORK} & present(scrape) == set()


def test_events_are_counted(collector: ContainerCollector, engine: LocalEngine) -> None:
    """A container that came and went between two scrapes has left its start and its exit."""
    with container(engine, "true", options=containers.NO_NETWORK) as name:
        wait_until(
            lambda: engine.inspect(name)["State"]["Status"] == "exited", LATE, "the container ends"
        )

    def exits() -> float | None:
        return Scrape(collector.collect()).of("container_exits_total", name)

    wait_until(exits, LATE, "the exit is counted")
    scrape = Scrape(collector.collect())
    assert scrape.of("container_starts_total", name) == 1
    assert scrape.of("container_exits_total", name) == 1
