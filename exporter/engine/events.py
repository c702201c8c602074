"""Follows the engine's stream of events, and keeps count.

The engine's own numbers (`RestartCount`, `OOMKilled`, `ExitCode`) start anew with every manual
start; what is counted here does not. The engine remembers its last 256 events (moby
`daemon/events`), so a stream that broke is taken up a moment before it ended (`since=`), and
nothing is lost unless more has happened meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exporter.errors import EngineError
from exporter.model import EventCounts, Health, RemovedContainer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from exporter.engine.base import EventStream
    from exporter.model import ContainerEvent

logger = logging.getLogger(__name__)

# How long what happened to a container that is gone can still be scraped.
KEEP_REMOVED_SECONDS = 300.0

# Seconds before a broken stream is taken up again: doubled with each failure.
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0

# How far back a stream is taken up, in nanoseconds: an engine notes the time of an event before it
# sends it, and where much happens at once it sends an earlier one after a later one.
OVERLAP_NS = 10**9

# How many events are remembered, not to be counted again when the engine repeats them: as many as
# it can repeat.
MOST_REPEATED = 256

# Beyond this many, naming the containers that changed is worth no more than "all".
MOST_CHANGED = 10_000

_COUNTED_HEALTH = {
    Health.STARTING: "became_starting",
    Health.HEALTHY: "became_healthy",
    Health.UNHEALTHY: "became_unhealthy",
}


def count(counts: EventCounts, event: ContainerEvent) -> EventCounts:
    """Return the counts with one more event in them."""
    match event.action:
        case "start":
            return replace(counts, starts=counts.starts + 1)
        case "die":
            return replace(counts, exits=counts.exits + 1)
        case "oom":
            return replace(counts, ooms=counts.ooms + 1)
        case "health_status" if event.health is not None:
            which = _COUNTED_HEALTH[event.health]
            return replace(counts, **{which: getattr(counts, which) + 1})
        case _:
            return counts


@dataclass(frozen=True, slots=True)
class _Record:
    """What happened to the containers of one name and image, one after the other."""

    last: ContainerEvent
    at: float
    counts: EventCounts = field(default_factory=EventCounts)


class EventFollower:
    """Counts events in a thread of its own, and knows which containers they concern.

    Counts are kept by name and image, so that they go on when a container is recreated. Safe to
    use from many threads.
    """

    def __init__(
        self,
        open_stream: Callable[[str], EventStream],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to follow; nothing is opened before `start`.

        Args:
            open_stream: Opens the stream from a moment on (`SECONDS.NANOSECONDS`), or raises
                `EngineError`.
            clock: For the age of what is gone.
        """
        self._open_stream = open_stream
        self._clock = clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._stream: EventStream | None = None
        self._records: dict[tuple[str, str], _Record] = {}
        self._changed: set[str] = set()
        self._all_changed = True
        self._ever_connected = False
        self._began_ns = 0
        self._last_ns = 0
        # In the order in which they came.
        self._seen: dict[tuple[int, str, str], None] = {}

    def start(self) -> None:
        """Begin to follow, from now on."""
        self._began_ns = time.time_ns()
        threading.Thread(target=self._follow, name="engine-events", daemon=True).start()

    def close(self) -> None:
        """Stop following."""
        self._closed = True
        self._wake.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    @property
    def connected(self) -> bool:
        """Whether the stream is up."""
        return self._stream is not None

    def reconnect_now(self) -> None:
        """Stop waiting, if the stream is down: somebody has just seen the engine answer."""
        self._wake.set()

    def take_changed(self) -> set[str] | None:
        """Return the ids of the containers that events have named since the last call.

        None means that any container may have changed: the stream is down, or was.
        """
        with self._lock:
            everything = self._all_changed or self._stream is None
            changed, self._changed, self._all_changed = self._changed, set(), False
            return None if everything else changed

    def counts_of(self, name: str, image: str) -> EventCounts | None:
        """Return what has happened to a container; None while the stream has never been up."""
        if not self._ever_connected:
            return None
        with self._lock:
            record = self._records.get((name, image))
        return record.counts if record else EventCounts()

    def removed(
        self, ids: Collection[str], keys: Collection[tuple[str, str]]
    ) -> tuple[RemovedContainer, ...]:
        """Return what happened to containers that are gone, for `KEEP_REMOVED_SECONDS`.

        Args:
            ids: The containers that are there.
            keys: Their names and images, as far as they are known.
        """
        with self._lock:
            now = self._clock()
            gone = {
                key: record
                for key, record in self._records.items()
                if key not in keys and record.last.container_id not in ids
            }
            for key, record in gone.items():
                if now - record.at > KEEP_REMOVED_SECONDS:
                    del self._records[key]
            return tuple(
                RemovedContainer(
                    id=record.last.container_id,
                    name=name,
                    image=image,
                    labels=record.last.labels,
                    events=record.counts,
                )
                for (name, image), record in gone.items()
                if now - record.at <= KEEP_REMOVED_SECONDS
            )

    def _follow(self) -> None:
        failures = 0
        while not self._closed:
            try:
                self._connect()
                failures = 0
                for event in self._stream or ():
                    self._take(event)
            except EngineError as error:
                # Whoever scrapes is told of the engine itself; once is enough here.
                level = logging.WARNING if failures == 0 else logging.DEBUG
                logger.log(level, "event stream is down", extra={"error": str(error)})
                failures += 1
            finally:
                self._stream = None
            self._wake.wait(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures, 10)))
            if not self._closed:
                self._wake.clear()

    def _connect(self) -> None:
        since = max(self._began_ns, self._last_ns - OVERLAP_NS)
        stream = self._open_stream(f"{since // 10**9}.{since % 10**9:09d}")
        with self._lock:
            self._stream = stream
            self._ever_connected = True
            self._all_changed = True
        if self._closed:
            stream.close()

    def _take(self, event: ContainerEvent) -> None:
        """Count one event, unless it was counted before the stream was taken up again."""
        key = (event.time_ns, event.container_id, event.action)
        with self._lock:
            if key in self._seen:
                return
            self._seen[key] = None
            if len(self._seen) > MOST_REPEATED:
                del self._seen[next(iter(self._seen))]
            self._last_ns = max(self._last_ns, event.time_ns)
            if event.action != "exec_die" or event.exit_code != 0:
                # What a good health check ends with changes nothing, and comes all the time.
                self._note_changed(event.container_id)
            self._count(event)

    def _note_changed(self, container_id: str) -> None:
        if len(self._changed) >= MOST_CHANGED:
            self._changed.clear()
            self._all_changed = True
        self._changed.add(container_id)

    def _count(self, event: ContainerEvent) -> None:
        now = self._clock()
        key = (event.name, event.image)
        record = self._records.get(key) or _Record(last=event, at=now)
        counts = count(record.counts, event)
        destroyed = event.action == "destroy"
        if destroyed or counts is not record.counts:
            self._records[key] = _Record(last=event, at=now, counts=counts)
        if destroyed:
            # Where nobody scrapes, nobody else drops what is long gone.
            self._records = {
                key: record
                for key, record in self._records.items()
                if record.last.action != "destroy" or now - record.at <= KEEP_REMOVED_SECONDS
            }
