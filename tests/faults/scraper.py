"""An exporter's reading side, with hooks into the middle of a scrape."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.events import EventFollower
from exporter.metrics.filters import Filters
from exporter.metrics.snapshot import Snapshots
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.errors import EngineError
    from exporter.model import Snapshot

LATE = 30.0
EVERYTHING = Filters()


class Scraper:
    """Takes one snapshot after the other of the engine that the environment names.

    Attributes:
        client: The client.
        follower: Its events; None where they are not followed.
        asked: How often each operation was asked for since the last scrape began.
    """

    def __init__(self, *, events: bool, filters: Filters, timeout: float) -> None:
        self.asked: Counter[str] = Counter()
        self.client = DockerClient(observe=self._observe, timeout=timeout)
        self.follower = EventFollower(self.client.events) if events else None
        self._snapshots = Snapshots(self.client, ttl=0, filters=filters, follower=self.follower)
        self._hooks: dict[str, Callable[[], object]] = {}
        self._scraping: threading.Thread | None = None

    def after(self, operation: str, act: Callable[[], object]) -> None:
        """Do something once, in the middle of a scrape: after the first answer of a kind."""
        self._hooks[operation] = act

    def scrape(self, seconds: float = LATE) -> Snapshot:
        """Return what a scrape with so much time shows, once the whole of it is over.

        Raises:
            TimeoutError: It goes on long after its deadline.
        """
        self.asked.clear()
        return self._snapshots.join(Deadline(seconds)).future.result(2 * LATE)

    def _observe(self, operation: str, _seconds: float, _error: EngineError | None) -> None:
        self.asked[operation] += 1
        # Others ask too: what follows events, and whoever acts.
        if threading.current_thread().name == "snapshot" and operation in self._hooks:
            self._hooks.pop(operation)()


@contextmanager
def scraper(
    *, events: bool = False, filters: Filters = EVERYTHING, timeout: float = 2.0
) -> Iterator[Scraper]:
    """Give a scraper, whose first scrape is over where it follows events.

    Args:
        events: Whether it does.
        filters: Which containers it shows.
        timeout: The client's, in seconds.
    """
    one = Scraper(events=events, filters=filters, timeout=timeout)
    try:
        if one.follower is not None:
            one.follower.start()
            wait_until(lambda: one.follower and one.follower.connected, LATE, "events connected")
            one.scrape()
        yield one
    finally:
        if one.follower is not None:
            one.follower.close()
        one.client.close()


def with_stats(snapshot: Snapshot) -> set[str]:
    """Return the names of the containers whose stats were read."""
    return {reading.container.name for reading in snapshot.containers if reading.stats}


def names(snapshot: Snapshot) -> set[str]:
    """Return the names of the containers that are shown."""
    return {reading.container.name for reading in snapshot.containers}


def missing(snapshot: Snapshot) -> dict[str, int]:
    """Return how many containers lack something, by reason."""
    return {reason: count for reason, count in snapshot.without_stats.items() if count}
