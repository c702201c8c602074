"""The containers as the page shows them, in the order and choice that its address asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from exporter import stats
from exporter.model import ContainerState, Health
from exporter.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exporter.model import ContainerReading, Snapshot
    from exporter.rows import Row
    from exporter.web.pages.controls import Button

    Key = Callable[["Entry"], str | float | None]

DEFAULT_ORDER = "state"
_WELL, _ENDED = (ContainerState.RUNNING,), (ContainerState.CREATED, ContainerState.EXITED)
_FAILING = (ContainerState.RESTARTING, ContainerState.DEAD)
_HEALTHS = (Health.UNHEALTHY, Health.STARTING, Health.HEALTHY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One container. None is what is not known, or does not apply.

    Attributes:
        failing_streak: Failed health checks in a row.
        error: Why it could not be started; empty when it could.
        ended_seconds: How long ago it ended, for one that does not run.
        cpus: How many processors it may keep busy; None without a limit of its own.
        cpu_share: How much it uses of these, or else of the machine, from 0 to 1.
        memory_is_limited: Whether the limit is its own, and not the machine's memory.
    """

    row: Row
    failing_streak: int | None
    error: str
    ended_seconds: float | None
    cpus: float | None
    cpu_share: float | None
    memory_is_limited: bool
    buttons: tuple[Button, ...] = ()

    @property
    def why_not(self) -> str:
        """Why some of its buttons do nothing now, in a few words; empty where all do."""
        return "; ".join(dict.fromkeys(filter(None, (one.why_not for one in self.buttons))))

    @property
    def trouble(self) -> int:
        """How much it needs a person: 0 for most, 1 where that may be, more for who is well."""
        row = self.row
        if row.state in _FAILING or row.health == Health.UNHEALTHY or row.oom_killed or self.error:
            return 0
        if row.state in _ENDED:
            return 1 if row.exit_code else 4
        return 3 if row.state in _WELL and row.health != Health.STARTING else 2


def entry_of(
    reading: ContainerReading, snapshot: Snapshot, buttons: tuple[Button, ...] = ()
) -> Entry:
    """Return what the page shows of one container in a snapshot."""
    container = reading.container
    row = row_of(reading, snapshot.taken_at)
    cpus = stats.cpu_limit_ratio(container.limits)
    available = cpus or (snapshot.info.cpus if snapshot.info else None)
    ended = container.finished_at if row.uptime_seconds is None else None
    return Entry(
        row=row,
        failing_streak=container.health.failing_streak if container.health else None,
        error=container.error,
        ended_seconds=None if ended is None else max(0.0, snapshot.taken_at - ended),
        cpus=cpus,
        cpu_share=stats.share(reading.cpu_ratio, available),
        memory_is_limited=container.limits.memory_bytes > 0,
        buttons=buttons,
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """A way to sort, with what is not known at the end.

    Attributes:
        falls: Whether the greatest is first, unless it is reversed.
    """

    key: Key
    falls: bool = False


ORDERS = {
    "name": _Order(lambda entry: entry.row.name),
    "image": _Order(lambda entry: entry.row.image),
    "state": _Order(lambda entry: entry.trouble),
    "health": _Order(
        lambda entry: _HEALTHS.index(Health(entry.row.health)) if entry.row.health else None
    ),
    "restarts": _Order(lambda entry: entry.row.restarts, falls=True),
    "exit": _Order(lambda entry: entry.row.exit_code, falls=True),
    "uptime": _Order(lambda entry: entry.row.uptime_seconds, falls=True),
    "cpu": _Order(lambda entry: entry.row.cpu_percent, falls=True),
    "memory": _Order(lambda entry: entry.row.memory_usage, falls=True),
}
"""Everything that containers can be sorted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What the address of the page asks for.

    Attributes:
        order: One of `ORDERS`.
        reverse: Whether the order is turned round.
        show: The state, or `unhealthy`, that is shown alone; empty for all.
        text: Words that must all be found in a name or an image; an id must begin with them.
    """

    order: str = DEFAULT_ORDER
    reverse: bool = False
    show: str = ""
    text: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Query:
        """Read the parameters of an address; what makes no sense counts as not given.

        Examples:
            >>> Query.of({"sort": "-cpu", "q": " web "})
            Query(order='cpu', reverse=True, show='', text='web')
        """
        sort = parameters.get("sort", "")
        order = sort.removeprefix("-")
        known = order in ORDERS
        return cls(
            order=order if known else DEFAULT_ORDER,
            reverse=known and sort != order,
            show=parameters.get("show", ""),
            text=parameters.get("q", "").strip(),
        )

    @property
    def sort(self) -> str:
        """The order as an address has it."""
        return f"-{self.order}" if self.reverse else self.order

    @property
    def address(self) -> str:
        """The address that asks for this, relative to the page.

        Examples:
            >>> Query(show="a&b").address, Query().address
            ('?show=a%26b', '?')
        """
        sort = "" if self.sort == DEFAULT_ORDER else self.sort
        given = {"sort": sort, "show": self.show, "q": self.text}
        return "?" + urlencode({key: value for key, value in given.items() if value})

    def by(self, order: str) -> Query:
        """Return the same in another order; in the opposite one where it is in this already."""
        return replace(self, order=order, reverse=order == self.order and not self.reverse)

    def showing(self, show: str) -> Query:
        """Return the same for other containers."""
        return replace(self, show=show)

    @property
    def falls(self) -> bool:
        """Whether the greatest is first."""
        return ORDERS[self.order].falls != self.reverse

    def arrange(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the containers that are asked for, in their order."""
        key = ORDERS[self.order].key
        chosen = sorted(filter(self._wants, entries), key=lambda entry: entry.row.name)
        known = [(value, entry) for entry in chosen if (value := key(entry)) is not None]
        known.sort(key=lambda pair: pair[0], reverse=self.falls)
        return [*(entry for _, entry in known), *(one for one in chosen if key(one) is None)]

    def _wants(self, entry: Entry) -> bool:
        row = entry.row
        if self.show and self.show not in (row.state, row.health):
            return False
        found_in = f"{row.name} {row.image}".lower()
        return all(
            word in found_in or row.id.startswith(word) for word in self.text.lower().split()
        )
