"""The client's contract on further engines, in both modes."""

from __future__ import annotations

import logging
import time
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.docker_sdk import NARROW, SdkEngine
from exporter.model import Container, ContainerStats, Mode, NetworkStats
from tests.engines import containers
from tests.engines.kinds import PODMAN
from tests.support.containers import SLEEP, container
from tests.support.engine import IMAGE
from tests.support.modes import MODES, environment_for
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.engine.base import Engine
    from tests.support.engine import LocalEngine

LATE = 30.0


@pytest.fixture
def worker(engine: LocalEngine) -> Iterator[str]:
    """Give the name of a running container that a test may treat as it likes."""
    with container(engine, *SLEEP, options=containers.NO_NETWORK) as name:
        yield name


def rows_of(found: Engine) -> dict[str, tuple[str, str | None]]:
    """Return the ids and states of the containers that stay as they are, by name."""
    rows = found.list_containers(Deadline(LATE))
    return {row.name: (row.id, row.state) for row in rows if row.name in containers.STATES}


def stats_of(found: Engine) -> dict[str, object]:
    """Return one reading of each of these containers, by name."""
    ids = {one: name for name, (one, _) in rows_of(found).items()}
    return {ids[one]: result for one, result in found.read_stats_of(list(ids), Deadline(LATE))}


def test_mode_is_what_the_client_could_reach(client: DockerClient, mode: str) -> None:
    """The engine is reached by either way."""
    assert client.is_available() is (mode == "sdk")
    assert client.mode is Mode(mode)


def test_only_the_running_run(client: DockerClient) -> None:
    """Paused, created, ended and absent containers do not."""
    running = {name for name in containers.STATES if client.is_container_running(name)}
    assert running == {containers.IDLE, containers.BUSY}
    assert client.is_container_running(containers.ABSENT) is False


def test_absent_container_is_answered_everywhere(client: DockerClient) -> None:
    """Each method says so as documented, and none raises."""
    assert client.get_container_info(containers.ABSENT) is None
    assert client.get_container_stats(containers.ABSENT) is None
    for act in (client.start_container, client.stop_container, client.restart_container):
        result = act(containers.ABSENT)
        assert result["success"] is False
        assert f"'{containers.ABSENT}' not found" in result["message"]


def test_stop_start_and_restart(client: DockerClient, engine: LocalEngine, worker: str) -> None:
    """Each does what it says; doing it twice is a success that says so."""
    began = engine.inspect(worker)["State"]["StartedAt"]
    assert "already running" in client.start_container(worker)["message"]
    assert client.restart_container(worker, timeout=0)["success"] is True
    assert engine.inspect(worker)["State"]["StartedAt"] > began
    assert client.stop_container(worker, timeout=0)["message"] == f"Container '{worker}' stopped."
    assert engine.inspect(worker)["State"]["Status"] == "exited"
    again = client.stop_container(worker)
    assert again["success"] is True
    assert "already stopped" in again["message"]
    assert client.start_container(worker)["message"] == f"Container '{worker}' started."
    assert client.is_container_running(worker)


def test_info_has_the_documented_shape(client: DockerClient, engine: LocalEngine) -> None:
    """The values are the engine's own; what has never happened is None."""
    truth = engine.inspect(containers.IDLE)
    assert client.get_container_info(containers.IDLE) == {
        "id": truth["Id"],
        "name": containers.IDLE,
        "status": "running",
        "started_at": truth["State"]["StartedAt"],
        "pid": truth["State"]["Pid"],
    }
    created = client.get_container_info(containers.CREATED)
    assert created is not None
    assert (created["status"], created["started_at"], created["pid"]) == ("created", None, None)


def test_cpu_of_a_busy_container_is_true_or_absent(
    client: DockerClient, kind: str, mode: str
) -> None:
    """Beyond its limit is no true number: Podman's own comes to that on a machine at rest.

    The command makes no number of Podman's answers that is worth the name.
    """
    for _ in range(2):
        stats = client.get_container_stats(containers.BUSY)
        assert stats is not None
        if (kind, mode) == (PODMAN, "cli"):
            assert stats["cpu_percent"] is None
        else:
            assert 5 < stats["cpu_percent"] < 1.5 * containers.BUSY_PERCENT


def test_memory_has_the_documented_shape(client: DockerClient) -> None:
    """The values agree with each other, and with the limit that was set."""
    stats = client.get_container_stats(containers.IDLE)
    assert stats is not None
    assert stats["memory_limit"] == containers.MEMORY_LIMIT
    assert 0 < stats["memory_usage"] < containers.MEMORY_LIMIT
    assert stats["memory_mb"] == pytest.approx(stats["memory_usage"] / 1024**2)
    # The command prints two decimals.
    expected = stats["memory_usage"] / stats["memory_limit"] * 100
    assert stats["memory_percent"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("name", [containers.EXITED, containers.CREATED])
def test_stats_of_what_does_not_run_are_none(
    client: DockerClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Podman's empty answer is that too, and no engine that has gone away."""
    with caplog.at_level(logging.INFO):
        assert client.get_container_stats(name) is None
    assert "engine lost" not in caplog.messages


def test_second_reading_is_compared_with_the_first_of_the_same_container(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it takes one request; another container under the same name takes two again.

    No engine's one-shot answer says whose it is: those of Docker from 24.0 on have no id, and
    those of Podman have it under another key.
    """
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    asked: list[str] = []
    client = DockerClient(observe=lambda operation, *_: asked.append(operation))

    def requests_of_a_reading(name: str) -> int:
        asked.clear()
        assert client.get_container_stats(name) is not None
        return asked.count("stats")

    def wait_for_a_useful_age() -> None:
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 1.1, LATE, "the first reading has aged")

    with container(engine, *SLEEP, options=containers.NO_NETWORK) as name:
        requests_of_a_reading(name)
        wait_for_a_useful_age()
        assert requests_of_a_reading(name) == 1
        engine.docker("rm", "--force", name)
        # It has soon used more than the first: a difference would look like a reading.
        options = ("--detach", *containers.NO_NETWORK, f"--name={name}")
        engine.docker("run", *options, IMAGE, "sh", "-c", "exec yes > /dev/null")
        wait_for_a_useful_age()
        assert requests_of_a_reading(name) == 2
    client.close()


def test_both_modes_list_and_inspect_alike(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fact about every container is the same, whichever way it came."""
    readings = []
    for mode in MODES:
        for variable, value in environment_for(mode, engine, tmp_path).items():
            monkeypatch.setenv(variable, value)
        client = DockerClient()
        found = client.connect()
        rows = rows_of(found)
        assert {name: state for name, (_, state) in rows.items()} == containers.STATES
        ids = [one for one, _ in rows.values()]
        readings.append((rows, dict(found.inspect_many(ids, Deadline(LATE)))))
        assert client.mode == mode
        client.close()
    by_sdk, by_cli = readings
    assert by_sdk == by_cli
    rows, inspected = by_sdk
    facts = {name: inspected[one] for name, (one, _) in rows.items()}
    idle, busy, exited = (
        facts[name] for name in (containers.IDLE, containers.BUSY, containers.EXITED)
    )
    assert isinstance(idle, Container)
    assert isinstance(busy, Container)
    assert isinstance(exited, Container)
    assert idle.labels == {"tier": "web"}
    assert idle.limits.memory_bytes == containers.MEMORY_LIMIT
    assert busy.limits.nano_cpus == containers.BUSY_PERCENT * 10_000_000
    assert exited.exit_code == 3


def test_stats_of_many(client: DockerClient, kind: str, mode: str) -> None:
    """What runs has stats, the paused one too; counters come by the SDK only.

    Asked for all that run, Podman leaves the paused ones out, as the command does not know.
    """
    expected = containers.ACTIVE
    if (kind, mode) == (PODMAN, "cli"):
        expected = expected - {containers.PAUSED}
    results = stats_of(client.connect())
    assert {name for name, one in results.items() if isinstance(one, ContainerStats)} == expected
    for stats in results.values():
        if isinstance(stats, ContainerStats):
            assert stats.pids
            assert stats.memory.working_set
            assert (stats.cpu is not None) is (mode == "sdk")
            assert (stats.cpu_ratio is not None) is (mode == "cli" and kind != PODMAN)


def test_what_podman_does_not_count_is_absent(client: DockerClient, kind: str, mode: str) -> None:
    """Its zeros are no values; Docker's are."""
    if mode == "cli":
        return
    stats = stats_of(client.connect())[containers.BUSY]
    assert isinstance(stats, ContainerStats)
    assert stats.cpu is not None
    assert stats.cpu.usage_ns > 0
    known = [
        *(stats.cpu.user_ns, stats.cpu.kernel_ns, stats.cpu.host_ns),
        *(stats.cpu.periods, stats.cpu.throttled_periods, stats.cpu.throttled_ns),
        *(stats.memory.failcnt, stats.memory.cache, stats.memory.inactive_file),
    ]
    assert {value is None for value in known} == {kind == PODMAN}
    made_up = (NetworkStats(interface="network", receive_bytes=0, transmit_bytes=0),)
    assert stats.networks == (made_up if kind == PODMAN else None)


def test_engines_that_answer_at_once_are_asked_few_at_a_time(
    client: DockerClient, mode: str
) -> None:
    """Neither waits for a tick, so there need not be a round for all at once."""
    found = client.connect()
    assert isinstance(found, SdkEngine) is (mode == "sdk")
    if isinstance(found, SdkEngine):
        assert found.width == NARROW


def test_engine_info(client: DockerClient, engine: LocalEngine, kind: str) -> None:
    """The engine says which it is, and its version and machine are its own."""
    info, truth = client.connect().info(Deadline(LATE)), engine.get("/info")
    assert info.engine == ("podman" if kind == PODMAN else "docker")
    assert info.version == truth["ServerVersion"]
    assert info.api_version == engine.get("/version")["ApiVersion"]
    assert (info.cpus, info.memory_bytes) == (truth["NCPU"], truth["MemTotal"])
    assert info.images == truth["Images"]


def test_events_come_as_they_happen(client: DockerClient, engine: LocalEngine, worker: str) -> None:
    """The end and the start of a container are told, with its exit code, from a moment on."""
    since = f"{time.time():.9f}"
    engine.docker("restart", "--time=0", worker)
    stream = client.events(since)
    died, started = islice((event for event in stream if event.name == worker), 2)
    stream.close()
    truth = engine.inspect(worker)
    assert (died.action, died.exit_code, died.labels) == ("die", 137, {})
    assert (started.action, started.exit_code) == ("start", None)
    assert died.image == started.image == truth["Config"]["Image"]
    assert started.time_ns > died.time_ns
    assert started.container_id == truth["Id"]


def test_removal_is_told(client: DockerClient, engine: LocalEngine) -> None:
    """Podman has another word for it, which comes as Docker's."""
    since = f"{time.time():.9f}"
    with container(engine, "true", options=containers.NO_NETWORK) as name:
        pass
    stream = client.events(since)
    removed = next(event for event in stream if event.name == name and event.action == "destroy")
    stream.close()
    assert removed.labels == {}
