"""What is known of each container, and which of them must be inspected again.

An inspect tells everything but costs a request, while nearly nothing changes between two
scrapes: a container is inspected when it is new, when an event or its row in the list says that
it changed, while its health is not settled, and at the latest after a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.model import Health

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from exporter.model import Container, ContainerSummary

# Not everything that inspect shows is announced by an event (a failing streak is not).
OLDEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Known:
    container: Container
    at: float


class Inventory:
    """The containers as they were last inspected. Times are seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._dirty: set[str] = set()

    def due(
        self, rows: Iterable[ContainerSummary], changed: Collection[str] | None, now: float
    ) -> list[str]:
        """Return the ids to inspect; what is no longer listed is forgotten.

        Args:
            rows: The list.
            changed: The ids that events have named since the last call; None for any.
            now: The time.
        """
        listed = {row.id: row for row in rows}
        self._known = {one: known for one, known in self._known.items() if one in listed}
        # One whose inspect fails stays due until it succeeds.
        self._dirty = {
            one
            for one in (self._dirty | set(listed if changed is None else changed))
            if one in listed
        }
        return [one for one, row in listed.items() if self._is_due(row, now)]

    def _is_due(self, row: ContainerSummary, now: float) -> bool:
        known = self._known.get(row.id)
        if known is None or row.id in self._dirty:
            return True
        return (
            known.container.state is not row.state
            or known.container.name != row.name
            or not _is_settled(known.container)
            or now - known.at >= OLDEST_SECONDS
        )

    def keep(self, container: Container, now: float) -> None:
        """Take in what an inspect that began at `now` has shown."""
        self._known[container.id] = _Known(container, now)
        self._dirty.discard(container.id)

    def doubt(self, one: str) -> None:
        """Let a container be inspected again in the next pass."""
        self._dirty.add(one)

    def get(self, one: str) -> Container | None:
        """Return a container as last inspected; None if it must be inspected first."""
        known = self._known.get(one)
        return None if known is None or one in self._dirty else known.container


def _is_settled(container: Container) -> bool:
    """Return whether the health of a container can be expected to stay as it is."""
    check = container.health_check
    if check is None or not container.is_running:
        return True
    return check.status is Health.HEALTHY and check.failing_streak == 0
