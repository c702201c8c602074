"""What a scrape shows of containers in every state, in both modes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.deadline import Deadline
from exporter.engine.events import EventFollower
from exporter.metrics import catalogue
from exporter.metrics.collector import ContainerCollector
from exporter.metrics.exposition import Exposition
from exporter.metrics.filters import Filters
from exporter.metrics.labels import LabelOptions
from exporter.metrics.snapshot import Snapshots
from tests.support import zoo as animals
from tests.support.engine import IMAGE
from tests.support.modes import MODES
from tests.support.prometheus import promtool_complaints
from tests.support.scrape import Scrape, rendered, second_scrape
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.docker_client import DockerClient
    from tests.support.engine import PrivateEngine

LATE = 30.0
STATES = {specimen.name: specimen.state.status for specimen in animals.SPECIMENS}
RUNNING = {name for name, state in STATES.items() if state == "running"}
ACTIVE = RUNNING | {name for name, state in STATES.items() if state == "paused"}

pytestmark = pytest.mark.usefixtures("zoo")


@pytest.fixture
def snapshots(client: DockerClient) -> Iterator[Snapshots]:
    """Give snapshots in each mode, with events."""
    follower = EventFollower(client.events)
    follower.start()
    wait_until(lambda: follower.connected, LATE, "events connected")
    yield Snapshots(client, ttl=0, follower=follower)
    follower.close()


@pytest.fixture(scope="module")
def scrapes(zoo: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scrape]:
    """Give a scrape in each mode; the second, so that what is measured between two is there."""
    return {mode: second_scrape(mode, zoo, tmp_path_factory.mktemp(mode)) for mode in MODES}


@pytest.fixture
def scrape(mode: str, scrapes: dict[str, Scrape]) -> Scrape:
    """Give the scrape of each mode in turn."""
    return scrapes[mode]


def test_exposition_is_good_in_both_formats(snapshots: Snapshots) -> None:
    """Promtool has no complaint, and the library's own parsers read it back."""
    registry = CollectorRegistry()
    registry.register(ContainerCollector(snapshots))
    text = generate_latest(registry).decode()
    assert promtool_complaints(text) == ""
    assert {family.name for family in parse_text(text)} >= {"docker_up", "container_state"}
    openmetrics = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call]  # the library's
    families = list(parse_openmetrics(openmetrics))  # type: ignore[no-untyped-call]  # the library's
    assert {family.name for family in families} >= {"docker_up", "container_state"}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_what_is_served_is_what_the_collector_gives(
    snapshots: Snapshots, *, openmetrics: bool
) -> None:
    """The exporter's own writer and any registry's renderer give the same bytes."""
    snapshot = snapshots.get(Deadline(LATE))
    options = LabelOptions(container_labels=("*",))
    collector = ContainerCollector(snapshots, labels=options, scrape_metrics=False)
    written = Exposition(options).write(snapshot, openmetrics=openmetrics)
    assert animals.ODD.encode() in written
    assert written == rendered(collector.families(snapshot), openmetrics=openmetrics)


def test_no_series_is_there_twice(snapshots: Snapshots) -> None:
    """No two samples have the same name and labels."""
    seen = [
        (sample.name, frozenset(sample.labels.items()))
        for family in ContainerCollector(snapshots).collect()
        for sample in family.samples
    ]
    assert len(seen) == len(set(seen))


def test_every_metric_of_the_catalogue_is_described(snapshots: Snapshots) -> None:
    """Registering asks nothing of the engine, and a scrape brings no name beyond."""
    collector = ContainerCollector(snapshots)
    described = {family.name for family in collector.describe()}
    assert {family.name for family in collector.collect()} == described


def test_engine_is_shown(scrape: Scrape, mode: str, zoo: PrivateEngine) -> None:
    """It is up, reached in this mode, with all its containers counted by state."""
    assert scrape.value("docker_up") == 1
    assert scrape.value("docker_engine_mode", mode=mode) == 1
    assert sum(value for _, value in scrape.samples["docker_engine_mode"]) == 1
    assert len(scrape.samples["docker_containers"]) == 7
    counted = scrape.value("docker_containers", state="paused")
    assert counted == len(zoo.docker("ps", "--quiet", "--filter=status=paused").split())
    assert scrape.value("machine_cpu_cores") == zoo.get("/info")["NCPU"]


def test_every_container_is_in_exactly_one_state(scrape: Scrape) -> None:
    """The stopped ones too; up is 1 for the running ones alone."""
    for name, state in STATES.items():
        if state == "restarting":
            continue
        assert scrape.of("container_state", name, state=state) == 1, name
        states = [v for labels, v in scrape.samples["container_state"] if labels["name"] == name]
        assert (len(states), sum(states)) == (7, 1)
        assert scrape.of("container_up", name) == (1 if state == "running" else 0)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (animals.HEALTHY, "healthy"),
        (animals.UNHEALTHY, "unhealthy"),
        (animals.STARTING, "starting"),
    ],
)
def test_health_of_what_is_checked(scrape: Scrape, name: str, status: str) -> None:
    """The current health is 1, the two others are 0."""
    values = {
        labels["status"]: value
        for labels, value in scrape.samples["container_health"]
        if labels["name"] == name
    }
    assert values == {one: float(one == status) for one in ("starting", "healthy", "unhealthy")}
    assert scrape.of("container_health_state", name) == (1 if status == "healthy" else 0)


@pytest.mark.parametrize(
    "name",
    [
        *(animals.STOPPED_AFTER_HEALTHY, animals.PAUSED_AFTER_HEALTHY),
        *(animals.UNPAUSED_AFTER_HEALTHY, animals.IDLE, animals.EXITED_0),
    ],
)
def test_what_is_not_watched_is_never_unhealthy(scrape: Scrape, name: str) -> None:
    """The engine calls these unhealthy with no failed check, or has no check: no health."""
    assert name not in scrape.containers("container_health")
    assert name not in scrape.containers("container_health_failing_streak")
    expected = -1 if name == animals.IDLE else None
    assert scrape.of("container_health_state", name) == expected


def test_exit_codes_of_what_has_ended(scrape: Scrape) -> None:
    """Ended and not started containers have one, running and merely created ones none."""
    assert scrape.of("container_exit_code", animals.EXITED_0) == 0
    assert scrape.of("container_exit_code", animals.EXITED_3) == 3
    assert scrape.of("container_exit_code", animals.FORCED_STOP) == 137
    assert scrape.of("container_exit_code", animals.COULD_NOT_START) == 127
    assert scrape.of("container_exit_code", animals.CREATED) is None
    assert scrape.of("container_exit_code", animals.IDLE) is None


def test_out_of_memory_is_told_from_a_forced_stop(scrape: Scrape) -> None:
    """Both exit with 137, and only one was killed for lack of memory."""
    assert scrape.of("container_oom_killed", animals.OOM_KILLED) == 1
    assert scrape.of("container_oom_killed", animals.FORCED_STOP) == 0


def test_restarts_are_counted(scrape: Scrape) -> None:
    """The container that ends at once is restarted by its policy, again and again."""
    restarts = scrape.of("container_restarts_total", animals.RESTARTING)
    assert restarts is not None
    assert restarts > 0
    assert scrape.of("container_restarts_total", animals.IDLE) == 0


def test_times_are_there_when_the_thing_has_happened(scrape: Scrape) -> None:
    """A container that was never started has neither start nor end."""
    for name in (animals.CREATED, animals.COULD_NOT_START):
        assert scrape.of("container_creation_time_seconds", name)
        assert scrape.of("container_start_time_seconds", name) is None
        assert scrape.of("container_finish_time_seconds", name) is None
    start = scrape.of("container_start_time_seconds", animals.EXITED_3)
    assert start is not None
    assert scrape.of("container_finish_time_seconds", animals.EXITED_3)
    assert scrape.of("container_start_time_seconds", animals.IDLE)
    assert scrape.of("container_finish_time_seconds", animals.IDLE) is None


def test_last_seen_is_there_for_what_has_processes(scrape: Scrape) -> None:
    """Stopped containers must be absent, or counts of running ones would be wrong."""
    seen = scrape.containers("container_last_seen") - {animals.RESTARTING}
    assert seen == ACTIVE


def test_image_is_what_was_typed(scrape: Scrape) -> None:
    """Also when its tag has moved to another image since."""
    labels = [labels for labels, _ in scrape.samples["container_up"]]
    images = {one["name"]: one["image"] for one in labels}
    assert images[animals.MOVED_TAG] == animals.MOVED_IMAGE
    assert images[animals.IDLE] == IMAGE
    assert all(set(one) == {"name", "image"} for one in labels)


def test_configured_limits(scrape: Scrape) -> None:
    """0 stands for no memory limit, as in cAdvisor; a CPU limit is there only when set."""
    limit = 64 * 1024 * 1024
    assert scrape.of("container_spec_memory_limit_bytes", animals.MEMORY_LIMITED) == limit
    assert scrape.of("container_spec_memory_limit_bytes", animals.IDLE) == 0
    assert scrape.of("container_spec_cpu_quota", animals.CPU_LIMITED) == 10_000
    assert scrape.of("container_spec_cpu_period", animals.CPU_LIMITED) == 100_000
    assert scrape.of("container_spec_cpu_limit_ratio", animals.CPU_LIMITED) == 0.1
    assert scrape.of("container_spec_cpu_quota", animals.IDLE) is None
    assert scrape.of("container_spec_cpu_limit_ratio", animals.IDLE) is None
    assert scrape.of("container_spec_cpu_shares", animals.EXITED_0) == 1024
    assert scrape.of("container_threads_max", animals.EXITED_0) == 0


def test_usage_is_there_for_what_has_processes_only(scrape: Scrape) -> None:
    """No zero is made up for a stopped container."""
    for metric in (
        "container_memory_working_set_bytes",
        "container_memory_usage_ratio",
        "container_threads",
        "container_cpu_usage_ratio",
    ):
        assert scrape.containers(metric) - {animals.RESTARTING} == ACTIVE, metric
    assert scrape.value("docker_exporter_containers_without_stats", reason="timeout") == 0


def test_cli_mode_shows_no_counters_made_of_rounded_text(scrape: Scrape, mode: str) -> None:
    """The counters of usage are there by the SDK, and absent by the command."""
    counters = {
        metric.name
        for metric in (*catalogue.CPU, *catalogue.MEMORY, *catalogue.NETWORK, *catalogue.BLOCK_IO)
        if metric.kind == "counter"
    }
    present = {name for name in counters if scrape.samples[name]}
    if mode == "cli":
        assert present == set()
    else:
        assert {"container_cpu_usage_seconds_total", "container_network_receive_bytes_total"} <= (
            present
        )


def test_throttling_is_shown_with_a_quota_only(scrape: Scrape, mode: str) -> None:
    """A counter that stands still for ever is left out."""
    expected = {animals.CPU_LIMITED} if mode == "sdk" else set()
    assert scrape.containers("container_cpu_cfs_periods_total") == expected
    if mode == "sdk":
        assert scrape.of("container_cpu_cfs_throttled_periods_total", animals.CPU_LIMITED)


def test_network_belongs_to_its_owner(scrape: Scrape, mode: str) -> None:
    """Neither the host's counters nor a lender's are shown as a container's own."""
    owners = scrape.containers("container_network_receive_bytes_total")
    if mode == "cli":
        assert owners == set()
        return
    assert animals.NETWORK_BRIDGE in owners
    strangers = {animals.NETWORK_CONTAINER, animals.NETWORK_HOST, animals.NETWORK_NONE}
    assert owners.isdisjoint(strangers)
    sent = scrape.of(
        "container_network_transmit_bytes_total", animals.NETWORK_BRIDGE, interface="eth0"
    )
    assert sent


def test_events_begin_at_zero_for_every_listed_container(scrape: Scrape) -> None:
    """So that an increase shows the first event."""
    for name in STATES:
        assert scrape.of("container_exits_total", name) is not None, name
    assert scrape.of("container_oom_events_total", animals.IDLE) == 0
    assert scrape.of("container_health_transitions_total", animals.IDLE, status="healthy") == 0
    assert scrape.value("docker_exporter_events_connected") == 1


def test_events_are_counted_and_outlive_their_container(
    snapshots: Snapshots, engine: PrivateEngine
) -> None:
    """A container that came and went between two scrapes has left its starts and exits."""
    collector = ContainerCollector(snapshots)
    engine.docker("run", "--rm", "--name=visitor", IMAGE, "true")

    def exits() -> float | None:
        return Scrape(collector.collect()).of("container_exits_total", "visitor")

    wait_until(exits, LATE, "the exit is counted")
    scrape = Scrape(collector.collect())
    assert scrape.of("container_starts_total", "visitor") == 1
    assert scrape.of("container_up", "visitor") is None


def test_info_joins_identity_to_the_lean_series(scrape: Scrape, zoo: PrivateEngine) -> None:
    """One series a container, with the id as cAdvisor writes it."""
    infos = {labels["name"]: labels for labels, _ in scrape.samples["container_info"]}
    assert set(infos) >= set(STATES)
    truth = zoo.inspect(animals.IDLE)
    assert infos[animals.IDLE] == {
        "name": animals.IDLE,
        "image": IMAGE,
        "id": f"/docker/{truth['Id']}",
        "image_id": truth["Image"],
        "hostname": truth["Config"]["Hostname"],
        "network_mode": "default",
        "restart_policy": "no",
        "compose_project": "",
        "compose_service": "",
    }


def test_labels_on_demand(client: DockerClient, zoo: PrivateEngine) -> None:
    """Odd labels come through the exposition unharmed, where they were asked for."""
    options = LabelOptions(
        series=("id",), container_labels=("quotes", "new*", "back*", "uni*"), everywhere=True
    )
    registry = CollectorRegistry()
    registry.register(ContainerCollector(Snapshots(client), labels=options))
    scrape = Scrape(parse_text(generate_latest(registry).decode()))
    (labels,) = [
        labels for labels, _ in scrape.samples["container_up"] if labels["name"] == animals.ODD
    ]
    assert labels == {
        "name": animals.ODD,
        "image": IMAGE,
        "id": f"/docker/{zoo.inspect(animals.ODD)['Id']}",
        **{
            f"container_label_{key}": animals.ODD_LABELS[key]
            for key in ("quotes", "newline", "backslash", "unicode")
        },
    }


def test_filters(client: DockerClient) -> None:
    """Names are matched whole; a label must be there."""
    by_name = Filters(include=re.compile("exited-.*"), exclude=re.compile(animals.EXITED_3))
    by_label = Filters(labels=(("Dotted.key-1", "x=y"),))
    for filters, expected in ((by_name, {animals.EXITED_0}), (by_label, {animals.ODD})):
        snapshot = Snapshots(client, filters=filters).get(Deadline(LATE))
        assert {reading.container.name for reading in snapshot.containers} == expected
