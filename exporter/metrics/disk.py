"""Keeps what an engine's objects take on disk: read now and then, and never while a scrape waits.

The engine walks through every volume and the writable layer of every container to tell it.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from exporter.deadline import Deadline
from exporter.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.disk import DiskUsage
    from exporter.docker_client import DockerClient

logger = logging.getLogger(__name__)

# An engine that has not told by then is not waited for any longer, in seconds.
PATIENCE = 300.0

# After a failure the engine is asked again sooner, as it may have been away for a moment only.
RETRY = 60.0

# For how many intervals a reading is shown.
KEPT_INTERVALS = 2

# What cutting a reading short may take.
_CLOSE_SECONDS = 2.0


class DiskUsageReader:
    """Reads the disk usage in the background, when somebody asks for it and it is time.

    Nothing is read while nobody asks. Safe to use from many threads.
    """

    def __init__(
        self,
        client: DockerClient,
        interval: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to read; nothing is asked before the first `latest`.

        Args:
            client: Reaches the engine.
            interval: Seconds from the beginning of one reading to that of the next.
            clock: For the age of a reading.
        """
        self._client = client
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._deadline = Deadline(0)
        self._due_at = clock()
        self._latest: tuple[float, DiskUsage] | None = None
        self._failing = False
        self._closed = False

    def latest(self) -> DiskUsage | None:
        """Return the last reading, and begin another one if it is time. Never blocks.

        None stands for no reading yet, or none within the last two intervals.
        """
        with self._lock:
            now = self._clock()
            if self._thread is None and now >= self._due_at and not self._closed:
                self._begin(now)
            kept = self._latest
        if kept is None or now - kept[0] > KEPT_INTERVALS * self._interval:
            return None
        return kept[1]

    def close(self) -> None:
        """Cut short what is being read, and read nothing more."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._deadline.cut()
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def _begin(self, now: float) -> None:
        """Begin a reading; the lock is held."""
        self._due_at = now + self._interval
        self._deadline = Deadline(min(self._interval, PATIENCE))
        thread = threading.Thread(
            target=self._read, args=(now, self._deadline), name="disk-usage", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives no thread now; the scrape that asked goes on without.
            self._due_at = now + RETRY
            logger.warning("disk usage not read", extra={"error": str(error)})
        else:
            self._thread = thread

    def _read(self, began: float, deadline: Deadline) -> None:
        usage: DiskUsage | None = None
        error: EngineError | None = None
        try:
            # Not by `call`, to which a refusal is the loss of the engine: scrapes find that out.
            usage = self._client.connect(deadline).disk_usage(deadline)
        except EngineError as failure:
            error = failure
        except Exception:
            # A mistake of ours costs these series only.
            logger.exception("disk usage not read")
        with self._lock:
            self._thread = None
            if usage is not None:
                self._latest = (began, usage)
            else:
                self._due_at = min(self._due_at, self._clock() + RETRY)
            first = usage is None and not self._failing
            self._failing = usage is None
        if error is not None:
            # Absent series tell of it as well; once is enough here.
            level = logging.WARNING if first else logging.DEBUG
            logger.log(level, "disk usage not read", extra={"error": str(error)})
