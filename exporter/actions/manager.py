"""One container kept running, restarted and measured; and anything tried again until it works.

All waits end at once when the event given as `stop` is set, and Ctrl-C ends them as well.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import tenacity

from exporter.deadline import Deadline
from exporter.docker_client import get_docker_client
from exporter.engine.payload import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.docker_client import DockerClient

T = TypeVar("T")

logger = logging.getLogger(__name__)

# What ends sooner after its start than this has not started well.
SETTLE_SECONDS = 2.0

# However often something has failed, it is tried again after this time.
LONGEST_WAIT_SECONDS = 60.0


class ResourceUsage(TypedDict):
    """What a running container uses. A value is None where the engine does not tell.

    `cpu_percent` is 100 for one processor, `memory_percent` is of the limit, `memory_mb` counts
    1024 x 1024 bytes, `uptime` is in seconds.
    """

    cpu_percent: float | None
    memory_mb: float | None
    memory_percent: float | None
    status: str
    uptime: float | None


def uptime(started_at: str | None, now: float) -> float | None:
    """Return for how many seconds something has been up.

    Args:
        started_at: Since when, as the engine writes it: RFC 3339 with up to nine digits of a
            second, in any time zone.
        now: Until when, in seconds since the Unix epoch.

    Returns:
        The seconds, 0 where our clock is behind the engine's; None where the start is not known.

    Examples:
        >>> uptime("2025-11-06T14:30:00.500000000Z", 1762439460.0)
        59.5
        >>> uptime("2025-11-06T15:30:00+01:00", 1762439460.0)
        60.0
        >>> uptime(None, 1762439460.0) is None
        True
    """
    since = None if started_at is None else timestamp(started_at)
    return None if since is None else max(0.0, now - since)


def retry_on_failure(
    func: Callable[[], T],
    max_retries: int = 3,
    delay: float = 1.0,
    backoff: float = 2.0,
    *,
    stop: threading.Event | None = None,
) -> T:
    """Return what a function returns, calling it again while it fails.

    It fails by raising an exception, or by returning a dictionary whose `success` is false.

    Args:
        func: What to call.
        max_retries: How many calls there are at most, the first one included.
        delay: Seconds to wait after the first failure.
        backoff: By what each wait is longer than the one before; none exceeds a minute.
        stop: Ends the waiting when it is set: one last call is made at once.

    Raises:
        RuntimeError: The last call returned a failure, whose message the text ends with; or none
            was allowed.
        Exception: What the last call raised.

    Examples:
        >>> retry_on_failure(lambda: {"success": True, "message": "Started."})
        {'success': True, 'message': 'Started.'}
    """
    if max_retries < 1:
        raise RuntimeError(f"Function {_name(func)} failed after 0 attempts")
    stop = stop or threading.Event()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Exception) | tenacity.retry_if_result(_has_failed),
        stop=tenacity.stop_after_attempt(max_retries) | tenacity.stop_when_event_set(stop),
        wait=tenacity.wait_exponential(delay, max=LONGEST_WAIT_SECONDS, exp_base=backoff),
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=_log_failure,
        retry_error_callback=_give_up,
    )
    return retrying(func)


class ContainerManager:
    """Looks after one container.

    Attributes:
        container_name: Its name.
        client: Reaches its engine.
    """

    def __init__(
        self,
        container_name: str,
        *,
        client: DockerClient | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Prepare to look after a container; nothing is asked yet.

        Args:
            container_name: Its name.
            client: Reaches its engine; None for the client that this process shares.
            stop: Ends every wait when it is set.
        """
        self.container_name = container_name
        self.client = client or get_docker_client()
        self._stop = stop or threading.Event()

    def ensure_running(self, max_retries: int = 3) -> bool:
        """Return whether the container runs, after starting it where it does not.

        One that ends within two seconds has not been started: it is tried again after 2 s, 4 s,
        8 s … until it has been tried `max_retries` times. False also when `stop` cut that short.
        """
        try:
            retry_on_failure(self._bring_up, max_retries, delay=2.0, stop=self._stop)
        except RuntimeError:
            return False
        return True

    def graceful_restart(self, timeout: int = 30) -> bool:
        """Return whether the container could be restarted, or started if it was stopped.

        Args:
            timeout: Seconds until the engine kills what has not ended by itself.
        """
        if not self.client.is_container_running(self.container_name):
            return self.ensure_running()
        success: bool = self.client.restart_container(self.container_name, timeout)["success"]
        return success

    def get_resource_usage(self) -> ResourceUsage | None:
        """Return what the container uses; None when it does not run or cannot be read."""
        if not self.client.is_container_running(self.container_name):
            return None
        stats = self.client.get_container_stats(self.container_name)
        info = self.client.get_container_info(self.container_name)
        if stats is None or info is None:
            return None
        return ResourceUsage(
            cpu_percent=stats["cpu_percent"],
            memory_mb=stats["memory_mb"],
            memory_percent=stats["memory_percent"],
            status=info["status"],
            uptime=uptime(info["started_at"], time.time()),
        )

    def monitor(
        self, interval: float = 10, duration: float = 300
    ) -> Iterator[ResourceUsage | None]:
        """Yield what the container uses, again and again; None when it does not run.

        Args:
            interval: Seconds between two readings.
            duration: Seconds until the last one.
        """
        deadline = Deadline(duration)
        while not deadline.expired:
            yield self.get_resource_usage()
            if self._stop.wait(min(interval, deadline.remaining())):
                return

    def _bring_up(self) -> dict[str, Any]:
        """Start the container if it does not run, and look at it again after a moment."""
        if self.client.is_container_running(self.container_name):
            return {"success": True}
        result = self.client.start_container(self.container_name)
        if not result["success"]:
            return result
        if self._stop.wait(SETTLE_SECONDS):
            return {"success": False, "message": "There was no time to see whether it stays up."}
        return {
            "success": self.client.is_container_running(self.container_name),
            "message": f"Container '{self.container_name}' ended soon after its start.",
        }


def _has_failed(result: object) -> bool:
    return isinstance(result, dict) and not result.get("success", True)


def _name(func: object) -> str:
    """Return what a function is called; a partial one, or an object, has no name of its own."""
    return str(getattr(func, "__name__", func))


def _problem(state: tenacity.RetryCallState) -> object:
    """Return what went wrong at the last attempt."""
    if state.outcome is None:
        return None
    error = state.outcome.exception()
    return error if error is not None else state.outcome.result().get("message")


def _log_failure(state: tenacity.RetryCallState) -> None:
    logger.warning(
        "attempt failed",
        extra={
            "function": _name(state.fn),
            "attempt": state.attempt_number,
            "error": str(_problem(state)),
            "retry_in_seconds": state.next_action.sleep if state.next_action else None,
        },
    )


def _give_up(state: tenacity.RetryCallState) -> Any:  # noqa: ANN401 -- raises in every case
    if state.outcome is not None and state.outcome.failed:
        return state.outcome.result()
    raise RuntimeError(
        f"Function {_name(state.fn)} failed after {state.attempt_number} attempts: "
        f"{_problem(state)}"
    )
