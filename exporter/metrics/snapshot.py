"""Snapshots of an engine: one pass for all who ask at the same time, kept for a few seconds."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from exporter.deadline import Deadline
from exporter.errors import EngineError
from exporter.metrics.filters import Filters
from exporter.metrics.reading import EngineReader, Progress
from exporter.metrics.usage import UsageReader

if TYPE_CHECKING:
    from exporter.docker_client import DockerClient
    from exporter.engine.events import EventFollower
    from exporter.metrics.disk import DiskUsageReader
    from exporter.model import Snapshot

logger = logging.getLogger(__name__)

EVERYTHING = Filters()


class SharedSnapshot:
    """One reading of an engine, under way or over.

    It belongs to nobody: whoever waits leaves at their own deadline with `partial`, and the pass
    goes on up to the longest of them.

    Attributes:
        deadline: By when it ends; later comers may move it.
        future: The snapshot, once the pass is over. It never fails.
    """

    def __init__(self, reader: EngineReader, deadline: Deadline) -> None:
        self.deadline = deadline
        self.future: Future[Snapshot] = Future()
        self._reader = reader
        self._progress = Progress()

    def run(self) -> None:
        """Read the engine."""
        try:
            self._reader.read(self._progress, self.deadline)
        except EngineError as error:
            self._progress.error = str(error)
        except Exception as error:
            # A mistake of ours must not leave those who wait without an answer.
            logger.exception("snapshot failed")
            self._progress.error = f"The snapshot failed: {error!r}"
        else:
            self._progress.finished = True
        self.future.set_result(self.partial())

    def give_up(self, error: str) -> None:
        """Take in that nothing can be read."""
        self._progress.error = error
        self.future.set_result(self.partial())

    def partial(self) -> Snapshot:
        """Return what has been read by now."""
        return self._reader.snapshot(self._progress)


class Snapshots:
    """Gives out snapshots of one engine. Safe to use from many threads."""

    def __init__(  # noqa: PLR0913 -- parts that can each be left out
        self,
        client: DockerClient,
        *,
        ttl: float = 3.0,
        filters: Filters = EVERYTHING,
        follower: EventFollower | None = None,
        disk: DiskUsageReader | None = None,
        usage: UsageReader | None = None,
    ) -> None:
        """Prepare to read; nothing is asked before the first `join`.

        Args:
            client: Reaches the engine.
            ttl: For how many seconds a complete snapshot is given out again; 0 for not at all.
            filters: Which containers are shown.
            follower: Counts events, and says what need not be inspected again.
            disk: Reads what things take on disk; None to leave that out.
            usage: Where stats come from; the engine, if it is not said.
        """
        self._reader = EngineReader(
            client, filters=filters, follower=follower, disk=disk, usage=usage or UsageReader()
        )
        self._ttl = ttl
        self._lock = threading.Lock()
        self._current: SharedSnapshot | None = None

    def join(self, deadline: Deadline) -> SharedSnapshot:
        """Return the pass to wait for: a fresh one that is over, the one under way, or a new one.

        Never blocks. A snapshot that failed, or was cut, is not given out to anyone who comes
        later; a pass whose time is up is left to those who wait for it.
        """
        with self._lock:
            current = self._current
            if current is not None and self._serves(current):
                current.deadline.extend_to(deadline)
                return current
            # A deadline of its own: the caller's may be cut short, and belongs to the caller.
            self._current = current = SharedSnapshot(self._reader, Deadline(deadline.remaining()))
        try:
            threading.Thread(target=current.run, name="snapshot", daemon=True).start()
        except RuntimeError as error:
            # The system gives no thread, as in a container with too low a limit of processes.
            current.give_up(f"The snapshot cannot begin: {error}.")
        return current

    def get(self, deadline: Deadline) -> Snapshot:
        """Return a snapshot by the deadline: complete if it can be, else what was read by then."""
        joined = self.join(deadline)
        try:
            return joined.future.result(timeout=deadline.remaining())
        except TimeoutError:
            return joined.partial()

    def _serves(self, current: SharedSnapshot) -> bool:
        if not current.future.done():
            return not current.deadline.expired
        snapshot = current.future.result()
        return snapshot.complete and time.monotonic() - snapshot.taken_monotonic < self._ttl
