"""What a scrape shows, to be asked for single values."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from exporter.docker_client import DockerClient
from exporter.engine.events import EventFollower
from exporter.metrics.collector import ContainerCollector
from exporter.metrics.snapshot import Snapshots
from tests.support.modes import environment_for
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prometheus_client import Metric

    from exporter.metrics.usage import UsageReader
    from tests.support.engine import LocalEngine

_CONNECT_TIMEOUT_SECONDS = 30


class Scrape:
    """The samples of one scrape, by metric and by the values of labels."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for family in families:
            for sample in family.samples:
                self.samples[sample.name].append((dict(sample.labels), sample.value))

    def of(self, metric: str, container: str, **labels: str) -> float | None:
        """Return the value of a container's series; None where there is none."""
        wanted = {"name": container, **labels}
        values = [value for found, value in self.samples[metric] if wanted.items() <= found.items()]
        assert len(values) <= 1, f"{metric}{wanted}: {len(values)} series"
        return values[0] if values else None

    def containers(self, metric: str) -> set[str]:
        """Return the names of the containers that have a series of a metric."""
        return {labels["name"] for labels, _ in self.samples[metric]}

    def value(self, metric: str, **labels: str) -> float | None:
        """Return the value of a series that belongs to no container."""
        values = [value for found, value in self.samples[metric] if labels.items() <= found.items()]
        return values[0] if len(values) == 1 else None


class _Held(Collector):
    """Families, in the shape in which prometheus_client's renderers take them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def rendered(families: Iterable[Metric], *, openmetrics: bool) -> bytes:
    """Return families as prometheus_client writes them."""
    if openmetrics:
        written: bytes = generate_openmetrics(_Held(families))  # type: ignore[no-untyped-call] # the library's
        return written
    return generate_latest(_Held(families))


def second_scrape(
    mode: str, engine: LocalEngine, directory: Path, usage: UsageReader | None = None
) -> Scrape:
    """Return what a second scrape shows, which has what is measured between two.

    Args:
        mode: `sdk` or `cli`.
        engine: Which engine.
        directory: For what the mode needs, see `environment_for`.
        usage: Where stats come from; the engine, if it is not said.
    """
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment_for(mode, engine, directory).items():
            patch.setenv(variable, value)
        client = DockerClient()
        follower = EventFollower(client.events)
        follower.start()
        wait_until(lambda: follower.connected, _CONNECT_TIMEOUT_SECONDS, "events connected")
        collector = ContainerCollector(Snapshots(client, ttl=0, follower=follower, usage=usage))
        list(collector.collect())
        scrape = Scrape(collector.collect())
        follower.close()
        client.close()
    return scrape
