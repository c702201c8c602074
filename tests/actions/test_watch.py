"""Limits, recovery and the service monitor, on a real engine."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from exporter.actions.guard import Action, Policy
from exporter.actions.recovery import ContainerWatch
from exporter.actions.watch import (
    StreamingServiceMonitor,
    check_resource_limits,
    monitor_with_recovery,
)
from exporter.docker_client import DockerClient
from exporter.errors import InvalidNameError
from tests.support.containers import ENDS_ON_SIGTERM, SLEEP, container
from tests.support.modes import NOWHERE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.engine import PrivateEngine

TIMEOUT_SECONDS = 30
AT_ONCE = Policy(cooldown_seconds=0, budget=2)


@pytest.fixture(scope="module")
def busy(engine: PrivateEngine) -> Iterator[str]:
    """Give the name of a container that keeps a tenth of a processor busy."""
    with container(engine, "sh", "-c", "while :; do :; done", options=("--cpus=0.1",)) as name:
        yield name


@pytest.fixture(scope="module")
def sdk_client(engine: PrivateEngine) -> Iterator[DockerClient]:
    """Give one client to several tests, which then knows each container's reading before."""
    client = DockerClient(engine.host)
    yield client
    client.close()


def test_limits_hold_or_are_named(client: DockerClient, busy: str) -> None:
    """A container below its limits is fine; each excess is told, with the figures."""
    assert check_resource_limits(busy, max_cpu=10_000, client=client) == (True, "OK")
    ok, message = check_resource_limits(busy, max_cpu=0.1, max_memory_mb=0.001, client=client)
    assert not ok
    processor, memory = message.split("; ")
    assert processor.startswith("CPU usage ")
    assert processor.endswith("% exceeds limit 0.1%")
    assert memory.startswith("Memory ")
    assert memory.endswith(" MB exceeds limit 0.001 MB")


def test_limits_of_what_does_not_run_cannot_be_known(
    client: DockerClient, engine: PrivateEngine
) -> None:
    """No stats, no verdict."""
    with container(engine, *SLEEP, verb=("create",)) as name:
        assert check_resource_limits(name, client=client) == (False, "Could not get stats")


def test_recovery_stops_at_its_budget_and_says_so(
    client: DockerClient, engine: PrivateEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """A container that crashes again and again is started twice, then left to a person."""
    caplog.set_level("INFO", "exporter.actions")
    with container(engine, "false", verb=("create",)) as name:
        monitor_with_recovery(name, interval=0.1, recovery=AT_ONCE, client=client)
    assert caplog.messages.count("container recovered") == 2
    assert caplog.messages[-1] == "recovery given up"
    assert vars(caplog.records[-1])["outcome"] == (
        "Giving up: the budget is spent (recoveries an hour: 2)."
    )


def test_recovery_waits_for_the_cool_down(engine: PrivateEngine) -> None:
    """A container that has just been started, by whomever, is left alone for a while."""
    policy = Policy(cooldown_seconds=3600)
    with container(engine, "false") as name:
        engine.docker("wait", name)
        watch = ContainerWatch(
            name, client=DockerClient(engine.host), max_failures=2, recovery=policy
        )
        first, second = islice(watch.run(0), 2)
    assert (first.failures, first.recovery) == (1, None)
    assert second.recovery is not None
    assert not second.recovery.done
    assert second.recovery.message.startswith("Waiting for the cool-down to end")


def test_recovery_restarts_what_is_unhealthy(engine: PrivateEngine) -> None:
    """A container that runs, but whose health check fails, gets a restart and counts anew."""
    options = ("--health-cmd=false", "--health-interval=1s", "--health-retries=1")
    with container(engine, *ENDS_ON_SIGTERM, options=options) as name:
        before = engine.inspect(name)["State"]["StartedAt"]
        watch = ContainerWatch(
            name, client=DockerClient(engine.host), max_failures=1, recovery=AT_ONCE
        )
        wait_until(
            lambda: engine.inspect(name)["State"]["Health"]["FailingStreak"],
            TIMEOUT_SECONDS,
            "a failed health check",
        )
        seen = watch.look()
        after = engine.inspect(name)["State"]["StartedAt"]
    assert seen.problem is not None
    assert seen.problem.startswith("unhealthy")
    assert seen.recovery is not None
    assert (seen.recovery.action, seen.recovery.done) == (Action.RESTART, True)
    assert before < after


def test_watch_without_recovery_does_nothing(engine: PrivateEngine) -> None:
    """It counts the failures, and leaves the container as it is."""
    with container(engine, *SLEEP, verb=("create",)) as name:
        watch = ContainerWatch(name, client=DockerClient(engine.host), max_failures=1)
        looks = list(islice(watch.run(0), 3))
        assert engine.inspect(name)["State"]["Status"] == "created"
    assert [look.failures for look in looks] == [1, 2, 3]
    assert [look.recovery for look in looks] == [None, None, None]


def test_watch_counts_anew_after_a_look_at_a_container_that_runs(engine: PrivateEngine) -> None:
    """Failures must come in a row."""
    with container(engine, *SLEEP, verb=("create",)) as name:
        watch = ContainerWatch(name, client=DockerClient(engine.host))
        assert watch.look().failures == 1
        engine.docker("start", name)
        well = watch.look()
        assert (well.failures, well.problem, well.state) == (0, None, "running")
        assert well.memory_mb
        engine.docker("stop", "--time=0", name)
        assert watch.look().failures == 1


@pytest.mark.parametrize("host", [NOWHERE, None])
def test_watch_does_not_count_what_it_cannot_see(engine: PrivateEngine, host: str | None) -> None:
    """Neither an engine that is gone nor a container that is gone is a failure to recover from."""
    watch = ContainerWatch(
        "no-such-container",
        client=DockerClient(host or engine.host),
        max_failures=1,
        recovery=AT_ONCE,
    )
    seen = watch.look()
    assert seen.error
    assert (seen.state, seen.failures, seen.recovery) == (None, 0, None)


def test_watch_ends_when_it_is_stopped(engine: PrivateEngine) -> None:
    """With the event set, the loop does not wait for its interval."""
    stop = threading.Event()
    with container(engine, *SLEEP, verb=("create",)) as name:
        looks = ContainerWatch(name, client=DockerClient(engine.host)).run(3600, stop=stop)
        next(looks)
        stop.set()
        assert list(looks) == []


def test_watch_of_an_impossible_name_is_refused() -> None:
    """The error comes at once, not as a loop that can see nothing."""
    with pytest.raises(InvalidNameError):
        monitor_with_recovery("../web")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    running: bool = True
    pid: int | None = None
    cpu_percent: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True, slots=True)
class _Service:
    """A service manager that always says the same."""

    status: _Status

    def get_status(self) -> _Status:
        """Return what it was made with."""
        return self.status


def test_service_status_prefers_the_figures_of_docker(
    client: DockerClient, engine: PrivateEngine, busy: str
) -> None:
    """What the service says of processors and memory counts only where Docker is silent."""
    service = _Service(_Status(cpu_percent=-1.0, memory_mb=-1.0))
    status = StreamingServiceMonitor(service, busy, client=client).get_comprehensive_status()
    assert status["cpu_percent"] is not None
    assert status["cpu_percent"] > 0
    assert status["memory_mb"] is not None
    assert status["memory_mb"] > 0
    assert status["pid"] == engine.inspect(busy)["State"]["Pid"]
    assert "warning" not in status


def test_service_status_takes_the_process_from_the_service_first(
    sdk_client: DockerClient, busy: str
) -> None:
    """The process that the service names wins over the container's first."""
    monitor = StreamingServiceMonitor(_Service(_Status(pid=42)), busy, client=sdk_client)
    assert monitor.get_comprehensive_status()["pid"] == 42


def test_service_status_without_docker_is_that_of_the_service() -> None:
    """Its process and its figures are kept, and the disagreement is told."""
    service = _Service(_Status(pid=42, cpu_percent=1.5, memory_mb=2.5))
    monitor = StreamingServiceMonitor(service, "web", client=DockerClient(NOWHERE))
    assert monitor.get_comprehensive_status() == {
        "service_running": True,
        "docker_running": False,
        "pid": 42,
        "cpu_percent": 1.5,
        "memory_mb": 2.5,
        "warning": "Status mismatch between service manager and Docker",
    }


@pytest.mark.parametrize(
    ("running", "message"),
    [(False, "Service is not running"), (True, "Docker container is not running")],
)
def test_service_that_does_not_run_is_not_healthy(running: bool, message: str) -> None:  # noqa: FBT001 -- a parameter of the test
    """Both sides must see it running."""
    service = _Service(_Status(running=running))
    monitor = StreamingServiceMonitor(service, "web", client=DockerClient(NOWHERE))
    assert monitor.health_check() == (False, message)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_cpu": 0.1}, "CPU usage too high: "),
        ({"max_memory_mb": 0.001}, "Memory usage too high: "),
    ],
)
def test_service_health_depends_on_its_limits(
    sdk_client: DockerClient, busy: str, limits: dict[str, float], message: str
) -> None:
    """A service that uses more than it should is not healthy, and the message says of what."""
    monitor = StreamingServiceMonitor(_Service(_Status()), busy, client=sdk_client, **limits)
    healthy, said = monitor.health_check()
    assert not healthy
    assert said.startswith(message)
