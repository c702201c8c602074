"""What a row of the catalogue is, and the common kinds of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.model import ContainerReading, Snapshot

    Values = Iterable[tuple[tuple[str, ...], float]]

Kind = Literal["counter", "gauge", "unknown"]
S = TypeVar("S")

ALL = "always"
RUNNING = "state running or paused, and stats could be read"
COUNTERS = f"{RUNNING}; SDK mode, or the kernel's files"
KERNEL = f"{RUNNING}; from the kernel's files only"


@dataclass(frozen=True, slots=True)
class Metric(Generic[S]):
    """One metric.

    Attributes:
        name: As Prometheus shows it, with `_total` for a counter.
        kind: Its type.
        help: What it means, and its source.
        labels: Beyond those that every series of its group has.
        present: When there is a series, in words.
        read: Returns the values, each with those of `labels`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    present: str
    read: Callable[[S, Snapshot], Values]

    @property
    def family(self) -> str:
        """The name of its family, which for a counter is that of its samples less `_total`."""
        return self.name.removesuffix("_total") if self.kind == "counter" else self.name


def one(value: float | None) -> Values:
    """Return a single value without labels of its own; nothing for None."""
    return () if value is None else (((), value),)


def of_engine(
    name: str, kind: Kind, text: str, present: str, read: Callable[[Snapshot], float | None]
) -> Metric[Snapshot]:
    """Return a row with one series."""
    return Metric(name, kind, text, (), present, lambda _, snapshot: one(read(snapshot)))


def of_container(
    name: str, kind: Kind, text: str, present: str, read: Callable[[ContainerReading], float | None]
) -> Metric[ContainerReading]:
    """Return a row with one series a container."""
    return Metric(name, kind, text, (), present, lambda reading, _: one(read(reading)))


def one_of(values: Iterable[str], current: str | None) -> Values:
    """Return 1 for the current value and 0 for each other one."""
    return tuple(((value,), float(value == current)) for value in values)
