"""What the page shows of one snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.metrics.reading import NOT_RUNNING
from exporter.model import ContainerState, Health
from exporter.web.pages.controls import buttons_of
from exporter.web.pages.entries import Query, entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from exporter.actions.guard import Action, Denial
    from exporter.model import Container, Snapshot
    from exporter.web.pages.entries import Entry

    Denials = Callable[[Action, Container], Denial | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of containers, and how many it has.

    Attributes:
        show: As in `Query`; empty for all.
    """

    show: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the page shows.

    Attributes:
        age_seconds: How old the snapshot is.
        entries: The containers that were asked for, in their order.
        total: How many there are to choose from.
        listed: How many the engine lists, shown or not; None where it does not list them.
        missing: How many lack something, by reason.
        has_actions: Whether there is a column for buttons.
    """

    snapshot: Snapshot
    query: Query
    age_seconds: float
    choices: tuple[Choice, ...]
    entries: tuple[Entry, ...]
    total: int
    listed: int | None
    missing: dict[str, int]
    has_actions: bool


def view_of(snapshot: Snapshot, query: Query, now: float, denial: Denials | None) -> View:
    """Return what the page shows.

    Args:
        snapshot: What is known.
        query: What is asked for.
        now: The time on the monotonic clock.
        denial: What the guard would say to an action; None where nothing can be done.
    """
    entries = [
        entry_of(reading, snapshot, buttons_of(reading.container, denial) if denial else ())
        for reading in snapshot.containers
    ]
    return View(
        snapshot=snapshot,
        query=query,
        age_seconds=max(0.0, now - snapshot.taken_monotonic),
        choices=tuple(_choices(entries, query.show)),
        entries=tuple(query.arrange(entries)),
        total=len(entries),
        listed=None if snapshot.states is None else sum(snapshot.states.values()),
        missing={
            reason: count
            for reason, count in snapshot.without_stats.items()
            # One that ended between the list and the reading lacks nothing.
            if count and reason != NOT_RUNNING
        },
        has_actions=denial is not None,
    )


def _choices(entries: Iterable[Entry], chosen: str) -> Iterator[Choice]:
    """Yield the choices that there are, and the one that was made."""
    counts: Counter[str] = Counter()
    for entry in entries:
        counts.update((entry.row.state,))
        counts.update((Health.UNHEALTHY.value,) if entry.row.health == Health.UNHEALTHY else ())
    yield Choice("", sum(1 for _ in entries))
    known = [*(state.value for state in ContainerState), Health.UNHEALTHY.value]
    for show in [*known, *sorted((counts.keys() | {chosen} - {""}) - set(known))]:
        if counts[show] or show == chosen:
            yield Choice(show, counts[show])
