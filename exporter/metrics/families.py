"""Which families a snapshot has: each row of the catalogue, and what it is read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.core import Metric as Family

from exporter.metrics import catalogue
from exporter.metrics.labels import LabelOptions, Labels, SeriesLabels, identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from exporter.metrics.catalogue import Metric
    from exporter.model import Container, EventCounts, Snapshot

    # What a row reads its values from, with the labels that all of them have.
    Subjects = Iterable[tuple[Any, SeriesLabels]]

PLAIN = LabelOptions()


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A container with the labels of its series, and those of its `container_info`."""

    container: Container
    series: SeriesLabels
    info: SeriesLabels


class Families:
    """Pairs the rows of the catalogue with the engine and the containers of a snapshot.

    The labels of a container are kept from one snapshot to the next, for as long as it is there.
    Safe to use from many threads.

    Attributes:
        metrics: The rows, in the order in which they are shown.
    """

    def __init__(self, labels: LabelOptions = PLAIN, *, scrape_metrics: bool = True) -> None:
        """Prepare to pair.

        Args:
            labels: Which labels the series of containers have.
            scrape_metrics: Whether to show how the reading itself went (`docker_exporter_*`).
        """
        self._labels = Labels(labels)
        self._of_snapshot = (
            *catalogue.ENGINE,
            *catalogue.DISK,
            *(catalogue.SCRAPE if scrape_metrics else ()),
        )
        self._of_engine = SeriesLabels({})
        self._known: dict[str, _Labelled] = {}
        self._gone: dict[tuple[str, str], SeriesLabels] = {}
        self.metrics: tuple[Metric[Any], ...] = (
            *self._of_snapshot,
            *catalogue.READINGS,
            catalogue.CONTAINER_INFO,
            *catalogue.EVENTS,
        )

    def of(self, snapshot: Snapshot) -> Iterator[tuple[Metric[Any], Subjects]]:
        """Yield each of `metrics` with its subjects, also where none of them has a value."""
        for of_snapshot in self._of_snapshot:
            yield of_snapshot, ((snapshot, self._of_engine),)
        labelled = [self._labelled(reading.container) for reading in snapshot.containers]
        self._known = {one.container.id: one for one in labelled}
        readings = [
            (reading, one.series)
            for reading, one in zip(snapshot.containers, labelled, strict=True)
        ]
        for of_reading in catalogue.READINGS:
            yield of_reading, readings
        yield catalogue.CONTAINER_INFO, [(one.container, one.info) for one in labelled]
        events = [
            (reading.events, series) for reading, series in readings if reading.events is not None
        ]
        events += self._events_of_removed(snapshot)
        for of_events in catalogue.EVENTS:
            yield of_events, events

    def _labelled(self, container: Container) -> _Labelled:
        known = self._known.get(container.id)
        if known is not None and known.container is container:
            return known
        labels = container.labels
        base = self._labels.of_series(container.id, container.name, container.image, labels)
        info = self._labels.of_info(base, labels) | identity(container.id, labels)
        info |= {
            "image_id": container.image_id,
            "hostname": container.hostname,
            "network_mode": container.network_mode,
            "restart_policy": container.restart_policy,
        }
        return _Labelled(
            container,
            _kept(known.series if known else None, base),
            _kept(known.info if known else None, info),
        )

    def _events_of_removed(self, snapshot: Snapshot) -> list[tuple[EventCounts, SeriesLabels]]:
        """Return the counts of containers that are gone, whose last events are still shown."""
        gone = {
            (one.name, one.image): _kept(
                self._gone.get((one.name, one.image)),
                self._labels.of_series(one.id, one.name, one.image, one.labels),
            )
            for one in snapshot.removed
        }
        self._gone = gone
        return [(one.events, gone[one.name, one.image]) for one in snapshot.removed]


def _kept(known: SeriesLabels | None, labels: dict[str, str]) -> SeriesLabels:
    """Return what is known if these are its labels, so that what it has made is kept."""
    return known if known is not None and known.labels == labels else SeriesLabels(labels)


def empty_family(metric: Metric[Any]) -> Family:
    """Return the family of a row, without samples."""
    return Family(metric.family, metric.help, metric.kind)
