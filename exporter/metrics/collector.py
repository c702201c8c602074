"""The collector that turns a snapshot into metric families."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from exporter.deadline import Deadline
from exporter.metrics import catalogue
from exporter.metrics.labels import LabelOptions, Labels, identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.metrics.catalogue import Metric
    from exporter.metrics.snapshot import Snapshots
    from exporter.model import Container, ContainerReading, EventCounts, Snapshot

    S = TypeVar("S")
    BaseLabels = dict[str, str]

# Prometheus' default scrape timeout of 10 s, less what it takes to answer.
DEFAULT_TIMEOUT = 9.5

PLAIN = LabelOptions()


class ContainerCollector(Collector):
    """Shows an engine and all its containers, the stopped ones too.

    Register it with any registry of prometheus_client, or ask for the `families` of one snapshot.
    New families are made each time, so that nothing of a container outlives it::

        docker_up 1.0
        container_state{image="nginx:1.27",name="web",state="running"} 1.0
        container_cpu_usage_seconds_total{cpu="total",image="nginx:1.27",name="web"} 12.5
    """

    def __init__(
        self,
        snapshots: Snapshots,
        *,
        labels: LabelOptions = PLAIN,
        scrape_metrics: bool = True,
    ) -> None:
        """Prepare to collect; nothing is asked before the first `collect`.

        Args:
            snapshots: Where to get them from.
            labels: Which labels the series of containers have.
            scrape_metrics: Whether to show how the reading itself went (`docker_exporter_*`).
        """
        self._snapshots = snapshots
        self._labels = Labels(labels)
        self._of_snapshot = catalogue.ENGINE + (catalogue.SCRAPE if scrape_metrics else ())

    def describe(self) -> Iterator[Family]:
        """Yield the families without samples, so that registering does not read the engine."""
        described: tuple[Metric[Any], ...] = (
            *self._of_snapshot,
            *catalogue.READINGS,
            catalogue.CONTAINER_INFO,
            *catalogue.EVENTS,
        )
        for metric in described:
            yield _family(metric)

    def collect(self) -> Iterator[Family]:
        """Yield the families of a snapshot that is taken now, or was a moment ago.

        Takes no longer than Prometheus' default scrape timeout.
        """
        return self.families(self._snapshots.get(Deadline(DEFAULT_TIMEOUT)))

    def families(self, snapshot: Snapshot) -> Iterator[Family]:
        """Yield the families of one snapshot, those without a sample too."""
        for metric in self._of_snapshot:
            yield _filled(metric, ((snapshot, {}),), snapshot)
        readings = [(reading, self._base(reading.container)) for reading in snapshot.containers]
        for of_reading in catalogue.READINGS:
            yield _filled(of_reading, readings, snapshot)
        yield self._info(readings)
        events = list(self._events(readings, snapshot))
        for of_events in catalogue.EVENTS:
            yield _filled(of_events, events, snapshot)

    def _base(self, container: Container) -> BaseLabels:
        return self._labels.of_series(
            container.id, container.name, container.image, container.labels
        )

    def _info(self, readings: Iterable[tuple[ContainerReading, BaseLabels]]) -> Family:
        family = _family(catalogue.CONTAINER_INFO)
        for reading, base in readings:
            container = reading.container
            facts = identity(container.id, container.labels) | {
                "image_id": container.image_id,
                "hostname": container.hostname,
                "network_mode": container.network_mode,
                "restart_policy": container.restart_policy,
            }
            family.add_sample(
                family.name, self._labels.of_info(base, container.labels) | facts, 1.0
            )
        return family

    def _events(
        self, readings: Iterable[tuple[ContainerReading, BaseLabels]], snapshot: Snapshot
    ) -> Iterator[tuple[EventCounts, BaseLabels]]:
        """Yield the counts of the containers that are there, and of those that were."""
        for reading, base in readings:
            if reading.events is not None:
                yield reading.events, base
        for gone in snapshot.removed:
            yield gone.events, self._labels.of_series(gone.id, gone.name, gone.image, gone.labels)


def _family(metric: Metric[S]) -> Family:
    name = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    return Family(name, metric.help, metric.kind)


def _filled(
    metric: Metric[S], subjects: Iterable[tuple[S, BaseLabels]], snapshot: Snapshot
) -> Family:
    """Return the family with a sample for each value of each subject."""
    family = _family(metric)
    for subject, base in subjects:
        for values, value in metric.read(subject, snapshot):
            # Nearly all series have the base labels only, and share them.
            labels = base | dict(zip(metric.labels, values, strict=True)) if values else base
            family.add_sample(metric.name, labels, value)
    return family
