"""Writes what a scrape shows, in Prometheus' text format or as OpenMetrics.

The samples of a snapshot are written straight from the catalogue, in the very bytes that
prometheus_client makes of `ContainerCollector`'s families: what costs most there, the labels and
the numbers of thousands of samples, is mostly the same as in the scrape before, and is kept here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.families import PLAIN, Families, empty_family

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client import Metric as Family

    from exporter.metrics.labels import LabelOptions
    from exporter.model import Snapshot

_END = "# EOF\n"


class Exposition:
    """Makes the body of a scrape's answer. Safe to use from many threads."""

    def __init__(
        self, labels: LabelOptions = PLAIN, *, own: CollectorRegistry | None = None
    ) -> None:
        """Prepare to write.

        Args:
            labels: Which labels the series of containers have.
            own: The exporter's own metrics; None to leave them out, and with them what tells how
                the reading itself went.
        """
        self._families = Families(labels, scrape_metrics=own is not None)
        self._own = own
        self._headers = {
            openmetrics: {
                metric.name: _generate([empty_family(metric)], openmetrics=openmetrics)
                .decode()
                .removesuffix(_END)
                for metric in self._families.metrics
            }
            for openmetrics in (False, True)
        }
        self._numbers: dict[float, str] = {}

    def write(self, snapshot: Snapshot, *, openmetrics: bool, names: Collection[str] = ()) -> bytes:
        """Return a snapshot and the exporter's own metrics in one of the two formats.

        Args:
            snapshot: What to show.
            openmetrics: Write OpenMetrics 1.0 rather than the text format.
            names: Show only the families with such a name, or with samples of such a name; they
                are shown whole, as a part of a histogram is not valid OpenMetrics.
        """
        body = "".join(self._parts(snapshot, self._headers[openmetrics], names)).encode()
        own = () if self._own is None else self._own.collect()
        shown = _select(own, names) if names else own
        return body + _generate(shown, openmetrics=openmetrics)

    def _parts(
        self, snapshot: Snapshot, headers: dict[str, str], names: Collection[str]
    ) -> Iterator[str]:
        known = self._numbers
        numbers: dict[float, str] = {}
        for metric, subjects in self._families.of(snapshot):
            name = metric.name
            if names and name not in names and metric.family not in names:
                continue
            yield headers[name]
            for subject, labels in subjects:
                for values, value in metric.read(subject, snapshot):
                    number = numbers.get(value)
                    if number is None:
                        number = known.get(value) or _number(value)
                        numbers[value] = number
                    yield f"{name}{labels.text(metric.labels, values)} {number}\n"
        if not names:
            self._numbers = numbers


def _number(value: float) -> str:
    # A negative zero equals zero, and is written as that: they have one text.
    text: str = floatToGoString(value + 0.0)  # type: ignore[no-untyped-call] # the library's
    return text


class _Collected(Collector):
    """Families, in the shape in which prometheus_client's renderers take them."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _generate(families: Iterable[Family], *, openmetrics: bool) -> bytes:
    """Return families as prometheus_client writes them."""
    # No name of ours needs escaping in any scheme that is offered; this one is the fastest.
    if openmetrics:
        written: bytes = generate_openmetrics(_Collected(families), ALLOWUTF8)  # type: ignore[no-untyped-call]  # the library's
        return written
    return generate_latest(_Collected(families), ALLOWUTF8)


def _select(families: Iterable[Family], names: Collection[str]) -> Iterator[Family]:
    """Yield the families with such a name, or with a sample of such a name."""
    for family in families:
        if family.name in names or any(sample.name in names for sample in family.samples):
            yield family
