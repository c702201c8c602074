"""A container kept running, restarted and measured, in both modes; and trying again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from exporter.actions.manager import ContainerManager, retry_on_failure, uptime
from exporter.docker_client import DockerClient
from tests.support.containers import SLEEP, container

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine

# Fails the first time it is started, and runs from the second time on.
_SECOND_TIME = "test -e /tried && exec sleep 1d; touch /tried; exit 1"


def test_ensure_running_starts_a_container_that_needs_two_tries(
    client: DockerClient, engine: PrivateEngine
) -> None:
    """What ends at once is started again, and is running in the end."""
    with container(engine, "sh", "-c", _SECOND_TIME, verb=("create",)) as name:
        assert ContainerManager(name, client=client).ensure_running()
        assert engine.inspect(name)["State"]["Running"]


def test_ensure_running_does_not_wait_once_it_is_stopped(engine: PrivateEngine) -> None:
    """With the event set, a hundred tries with ever longer waits end now."""
    stop = threading.Event()
    stop.set()
    with container(engine, "false", verb=("create",)) as name:
        manager = ContainerManager(name, client=DockerClient(engine.host), stop=stop)
        assert not manager.ensure_running(max_retries=100)


@pytest.mark.usefixtures("client")
def test_graceful_restart_waits_longer_than_the_client_does_for_an_answer(
    engine: PrivateEngine,
) -> None:
    """A container that ends slowly ends by itself, as its restart is granted the time."""
    impatient = DockerClient(timeout=2)
    script = "trap 'sleep 3; touch /ended; exit 0' TERM; sleep 1d & wait"
    with container(engine, "sh", "-c", script) as name:
        assert ContainerManager(name, client=impatient).graceful_restart(timeout=60)
        engine.docker("exec", name, "ls", "/ended")
    impatient.close()


def test_graceful_restart_starts_a_stopped_container(engine: PrivateEngine) -> None:
    """What does not run is started."""
    with container(engine, *SLEEP, verb=("create",)) as name:
        assert ContainerManager(name, client=DockerClient(engine.host)).graceful_restart()
        assert engine.inspect(name)["State"]["Running"]


def test_stop_ends_a_process_that_ignores_sigterm(
    client: DockerClient, engine: PrivateEngine
) -> None:
    """The engine kills it after the timeout, and the stop is a success."""
    with container(engine, "sh", "-c", "trap '' TERM; sleep 1d") as name:
        result = client.stop_container(name, timeout=1)
        assert result == {"success": True, "message": f"Container '{name}' stopped."}
        assert engine.inspect(name)["State"]["ExitCode"] == 137


def test_resource_usage_has_the_true_uptime_far_from_greenwich(
    engine: PrivateEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The uptime lies within the time that has passed since the container was made."""
    monkeypatch.setenv("TZ", "Pacific/Pago_Pago")
    time.tzset()
    before = time.time()
    try:
        with container(engine, *SLEEP) as name:
            usage = ContainerManager(name, client=DockerClient(engine.host)).get_resource_usage()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert usage is not None
    assert usage["status"] == "running"
    assert usage["uptime"] is not None
    assert 0 < usage["uptime"] < time.time() - before


def test_resource_usage_is_none_for_a_stopped_container(
    client: DockerClient, engine: PrivateEngine
) -> None:
    """What does not run uses nothing that could be shown."""
    with container(engine, *SLEEP, verb=("create",)) as name:
        assert ContainerManager(name, client=client).get_resource_usage() is None


def test_monitor_yields_until_its_time_is_up(engine: PrivateEngine) -> None:
    """Each value is a reading of the running container, and there is an end."""
    with container(engine, *SLEEP) as name:
        manager = ContainerManager(name, client=DockerClient(engine.host))
        usages = list(manager.monitor(interval=0.1, duration=1))
    assert usages
    assert all(usage is not None and usage["memory_mb"] for usage in usages)


def test_monitor_ends_when_it_is_stopped(engine: PrivateEngine) -> None:
    """With the event set there is one last value, and no wait for the next."""
    stop = threading.Event()
    with container(engine, *SLEEP, verb=("create",)) as name:
        manager = ContainerManager(name, client=DockerClient(engine.host), stop=stop)
        values = manager.monitor(interval=3600, duration=7200)
        assert next(values) is None
        stop.set()
        assert list(values) == []


def test_uptime_is_never_negative() -> None:
    """An engine whose clock is ahead of ours gives 0."""
    assert uptime("2030-01-01T00:00:00.123456789Z", 0.0) == 0.0


def test_uptime_of_what_makes_no_sense_is_not_known() -> None:
    """Neither rubbish nor the engine's word for never gives a number."""
    assert uptime("yesterday", 0.0) is None
    assert uptime("0001-01-01T00:00:00Z", 0.0) is None


class _Failing:
    """A function that fails so many times before it succeeds."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error

    def __call__(self) -> dict[str, object]:
        """Fail, or succeed."""
        self.calls += 1
        if self.calls > self._failures:
            return {"success": True, "message": "Done."}
        if self._error is not None:
            raise self._error
        return {"success": False, "message": "Not yet."}


@pytest.mark.parametrize("error", [None, OSError("broken")])
def test_retry_calls_again_until_it_succeeds(error: Exception | None) -> None:
    """A failure is followed by another call, whether it was raised or returned."""
    func = _Failing(2, error)
    assert retry_on_failure(func, max_retries=3, delay=0.01) == {
        "success": True,
        "message": "Done.",
    }
    assert func.calls == 3


def test_retry_raises_the_last_exception_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """The caller sees what the function raised; each failure before it has been logged."""
    func = _Failing(9, OSError("broken"))
    with pytest.raises(OSError, match="broken"):
        retry_on_failure(func, max_retries=2, delay=0.01)
    assert func.calls == 2
    assert caplog.messages == ["attempt failed"]
    assert vars(caplog.records[0])["error"] == "broken"


def test_retry_names_the_function_and_its_last_message() -> None:
    """A failure that was only returned becomes an error with its message."""

    def start() -> dict[str, object]:
        return {"success": False, "message": "No such container."}

    expected = "Function start failed after 2 attempts: No such container."
    with pytest.raises(RuntimeError, match=expected):
        retry_on_failure(start, max_retries=2, delay=0.01)


@pytest.mark.parametrize("value", [None, False, 0, "", {}, {"message": "no word of success"}])
def test_retry_returns_what_is_no_failure(value: object) -> None:
    """Only a dictionary that says so is a failure."""
    assert retry_on_failure(lambda: value) == value


def test_retry_without_a_try_fails() -> None:
    """No call is made if none is allowed."""
    func = _Failing(0)
    with pytest.raises(RuntimeError, match="after 0 attempts"):
        retry_on_failure(func, max_retries=0)
    assert func.calls == 0


class _Waits(threading.Event):
    """An event that notes how long it should be waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note the time."""
        self.seconds.append(timeout)
        return False


def test_retry_waits_longer_each_time_but_never_more_than_a_minute() -> None:
    """The waits grow by the factor up to a minute, and there is none after the last try."""
    waits = _Waits()
    with pytest.raises(OSError, match="broken"):
        retry_on_failure(_Failing(9, OSError("broken")), 5, 10, 3, stop=waits)
    assert waits.seconds == [10, 30, 60, 60]
