"""What the exporter says of itself: its version, its process, and its requests to the engine."""

from __future__ import annotations

import platform
from itertools import product
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import Metric

    from exporter.errors import EngineError

# From a cached answer of a local engine to a stop that waits for its container.
_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Instruments:
    """The exporter's own metrics, in a registry of their own.

    Attributes:
        registry: Holds them.
    """

    def __init__(self) -> None:
        # A series of its own for the moment that a counter was made tells nobody anything.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library's
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        Gauge(
            "docker_exporter_build_info",
            "The version of the exporter, and of the Python it runs on; always 1.",
            ("version", "pythonversion"),
            registry=self.registry,
        ).labels(__version__, platform.python_version()).set(1)
        self._requests = Counter(
            "docker_exporter_engine_requests",
            "Requests to the engine, the failed ones too.",
            ("operation",),
            registry=self.registry,
        )
        self._failed = Counter(
            "docker_exporter_engine_requests_failed",
            "Requests to the engine that failed, by reason.",
            ("operation", "reason"),
            registry=self.registry,
        )
        self._durations = Histogram(
            "docker_exporter_engine_request_duration_seconds",
            "How long requests to the engine took.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def observe(self, operation: str, seconds: float, error: EngineError | None) -> None:
        """Count one request to the engine; an `Observer` of the client."""
        self._requests.labels(operation).inc()
        self._durations.labels(operation).observe(seconds)
        if error is not None:
            self._failed.labels(operation, error.reason).inc()


class ActionInstruments:
    """What the admin API has been asked for; only made where it is enabled."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        actions: Iterable[str],
        triggers: Iterable[str],
        outcomes: Iterable[str],
    ) -> None:
        """Begin every series at zero, so that the first event is an increase.

        Args:
            registry: Where the metrics are added.
            actions: Every value of that label; so for the rest.
            triggers: Every value of that label.
            outcomes: Every value of that label.
        """
        self._actions = Counter(
            "docker_exporter_actions",
            "Attempts to act on a container: done, failed, denied, tried only, or ignored.",
            ("action", "trigger", "outcome"),
            registry=registry,
        )
        for labels in product(actions, triggers, outcomes):
            self._actions.labels(*labels)
        self._auth_failures = Counter(
            "docker_exporter_auth_failures",
            "Requests to the admin API without a valid token.",
            registry=registry,
        )

    def count_action(self, action: str, trigger: str, outcome: str) -> None:
        """Count one attempt."""
        self._actions.labels(action, trigger, outcome).inc()

    def count_auth_failure(self) -> None:
        """Count one request without a valid token."""
        self._auth_failures.inc()


class ConfigReloads(Collector):
    """What became of the configuration files that are read again, as of the moment of the scrape.

    The names are those of Prometheus itself.
    """

    def __init__(self, reloads: Callable[[], Iterable[tuple[str, bool, float]]]) -> None:
        """Keep what tells, for each file, whether it was well, and when it last was."""
        self._reloads = reloads

    def collect(self) -> Iterator[Metric]:
        """Yield the two families."""
        successful = GaugeMetricFamily(
            "docker_exporter_config_last_reload_successful",
            "Whether the file, and all that it names, could be used when it last changed.",
            labels=("file",),
        )
        at = GaugeMetricFamily(
            "docker_exporter_config_last_reload_success_timestamp_seconds",
            "When the file, and all that it names, was last read and could be used.",
            labels=("file",),
        )
        for file, success, seconds in self._reloads():
            successful.add_metric((file,), float(success))
            at.add_metric((file,), seconds)
        yield successful
        yield at


class ExhaustedHealing(Collector):
    """The containers whose healing was given up, as of the moment of the scrape."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        """Keep what tells their names."""
        self._names = names

    def collect(self) -> Iterator[Metric]:
        """Yield the one family."""
        family = GaugeMetricFamily(
            "docker_exporter_healing_exhausted",
            "1 while healing of this container is stopped, because it has not helped.",
            labels=("name",),
        )
        for name in self._names():
            family.add_metric((name,), 1)
        yield family
