"""The collector that turns a snapshot into metric families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from exporter.deadline import Deadline
from exporter.metrics.families import PLAIN, Families, empty_family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric as Family

    from exporter.metrics.labels import LabelOptions
    from exporter.metrics.snapshot import Snapshots
    from exporter.model import Snapshot

# Prometheus' default scrape timeout of 10 s, less what it takes to answer.
DEFAULT_TIMEOUT = 9.5


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
        self._families = Families(labels, scrape_metrics=scrape_metrics)

    def describe(self) -> Iterator[Family]:
        """Yield the families without samples, so that registering does not read the engine."""
        return map(empty_family, self._families.metrics)

    def collect(self) -> Iterator[Family]:
        """Yield the families of a snapshot that is taken now, or was a moment ago.

        Takes no longer than Prometheus' default scrape timeout.
        """
        return self.families(self._snapshots.get(Deadline(DEFAULT_TIMEOUT)))

    def families(self, snapshot: Snapshot) -> Iterator[Family]:
        """Yield the families of one snapshot, those without a sample too."""
        for metric, subjects in self._families.of(snapshot):
            family = empty_family(metric)
            for subject, labels in subjects:
                for values, value in metric.read(subject, snapshot):
                    family.add_sample(metric.name, labels.joined(metric.labels, values), value)
            yield family
