"""Limits, a loop that brings a container back, and a service seen from two sides."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NotRequired, Protocol, TypedDict

from exporter.actions.guard import Policy
from exporter.actions.recovery import ContainerWatch
from exporter.docker_client import get_docker_client

if TYPE_CHECKING:
    import threading

    from exporter.actions.recovery import Observation
    from exporter.docker_client import DockerClient

logger = logging.getLogger(__name__)

DEFAULT_POLICY = Policy()


def check_resource_limits(
    container_name: str,
    max_cpu: float = 90.0,
    max_memory_mb: float = 8192,
    *,
    client: DockerClient | None = None,
) -> tuple[bool, str]:
    """Return whether a container uses no more than it should, and a sentence that says so.

    Args:
        container_name: Which one.
        max_cpu: In percent: 100 is one processor.
        max_memory_mb: Of 1024 x 1024 bytes.
        client: Reaches its engine; None for the client that this process shares.

    Returns:
        True and `OK`; or False and what exceeds its limit, or cannot be known.
    """
    stats = (client or get_docker_client()).get_container_stats(container_name)
    if stats is None:
        return False, "Could not get stats"
    cpu, memory = stats["cpu_percent"], stats["memory_mb"]
    issues = []
    if cpu is None:
        issues.append("CPU usage is not known")
    elif cpu > max_cpu:
        issues.append(f"CPU usage {cpu:.1f}% exceeds limit {max_cpu}%")
    if memory is None:
        issues.append("Memory is not known")
    elif memory > max_memory_mb:
        issues.append(f"Memory {memory:.1f} MB exceeds limit {max_memory_mb} MB")
    return not issues, "; ".join(issues) or "OK"


def monitor_with_recovery(
    container_name: str,
    interval: float = 10,
    *,
    recovery: Policy = DEFAULT_POLICY,
    client: DockerClient | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Watch a container, bring it back when it fails, and log what is seen.

    It goes on through the death and the return of the engine, until the budget is spent, `stop`
    is set, or Ctrl-C is pressed.

    Args:
        container_name: Which one.
        interval: Seconds between two looks.
        recovery: The cool-down and the budget of what is done after three failures in a row.
        client: Reaches its engine; None for the client that this process shares.
        stop: Ends the watch when it is set.

    Raises:
        InvalidNameError: No engine could have such a container.
    """
    watch = ContainerWatch(container_name, client=client, recovery=recovery)
    try:
        for seen in watch.run(interval, stop=stop):
            _log(seen)
    except KeyboardInterrupt:
        logger.info("watch stopped", extra={"container": container_name})


class ServiceStatus(Protocol):
    """What a service manager says of its service; None is what it does not know."""

    @property
    def running(self) -> bool:
        """Whether the service runs."""

    @property
    def pid(self) -> int | None:
        """The process that it runs in."""

    @property
    def cpu_percent(self) -> float | None:
        """How busy it is: 100 is one processor."""

    @property
    def memory_mb(self) -> float | None:
        """How much memory it uses, in units of 1024 x 1024 bytes."""


class ServiceManager(Protocol):
    """Anything that knows how a service is."""

    def get_status(self) -> ServiceStatus:
        """Return how it is now."""


class ComprehensiveStatus(TypedDict):
    """A service as its manager and Docker see it; `warning` is there only if they disagree."""

    service_running: bool
    docker_running: bool
    pid: int | None
    cpu_percent: float | None
    memory_mb: float | None
    warning: NotRequired[str]


class StreamingServiceMonitor:
    """Sees a service that runs in a container from both sides: its own manager's, and Docker's.

    Attributes:
        service_manager: Knows the service.
        container_name: The container that it runs in.
        docker_client: Reaches the engine of that.
    """

    def __init__(
        self,
        service_manager: ServiceManager,
        container_name: str,
        *,
        max_cpu: float = 95.0,
        max_memory_mb: float = 8192,
        client: DockerClient | None = None,
    ) -> None:
        """Prepare to look; nothing is asked yet.

        Args:
            service_manager: Knows the service.
            container_name: The container that it runs in.
            max_cpu: More than this is not healthy, in percent: 100 is one processor.
            max_memory_mb: More than this is not healthy; of 1024 x 1024 bytes.
            client: Reaches the engine; None for the client that this process shares.
        """
        self.service_manager = service_manager
        self.container_name = container_name
        self.docker_client = client or get_docker_client()
        self._max_cpu = max_cpu
        self._max_memory_mb = max_memory_mb

    def get_comprehensive_status(self) -> ComprehensiveStatus:
        """Return how the service is; Docker's figures win where it has them.

        The process is the one that the service manager names, else the container's first.
        """
        status = self.service_manager.get_status()
        info = self.docker_client.get_container_info(self.container_name)
        stats = self.docker_client.get_container_stats(self.container_name)
        result = ComprehensiveStatus(
            service_running=status.running,
            docker_running=info is not None and info["status"] == "running",
            pid=status.pid or (None if info is None else info["pid"]),
            cpu_percent=status.cpu_percent if stats is None else stats["cpu_percent"],
            memory_mb=status.memory_mb if stats is None else stats["memory_mb"],
        )
        if result["service_running"] != result["docker_running"]:
            result["warning"] = "Status mismatch between service manager and Docker"
        return result

    def health_check(self) -> tuple[bool, str]:
        """Return whether the service is healthy, and a sentence that says so or why not."""
        status = self.get_comprehensive_status()
        if not status["service_running"]:
            return False, "Service is not running"
        if not status["docker_running"]:
            return False, "Docker container is not running"
        cpu, memory = status["cpu_percent"], status["memory_mb"]
        if cpu is not None and cpu > self._max_cpu:
            return False, f"CPU usage too high: {cpu:.1f}%"
        if memory is not None and memory > self._max_memory_mb:
            return False, f"Memory usage too high: {memory:.1f} MB"
        return True, "Service is healthy"


def _log(seen: Observation) -> None:
    fields: dict[str, object] = {"container": seen.container}
    if seen.error is not None:
        logger.warning("container not readable", extra=fields | {"error": seen.error})
    elif seen.problem is None:
        usage = {"cpu_percent": seen.cpu_percent, "memory_mb": seen.memory_mb}
        logger.info("container is well", extra=fields | usage)
    else:
        failing = {"problem": seen.problem, "failures": seen.failures}
        logger.warning("container is failing", extra=fields | failing)
    if seen.recovery is None:
        return
    fields |= {"action": seen.recovery.action.value, "outcome": seen.recovery.message}
    if seen.recovery.done:
        logger.info("container recovered", extra=fields)
    elif seen.recovery.final:
        logger.error("recovery given up", extra=fields)
    else:
        logger.warning("container not recovered", extra=fields)
