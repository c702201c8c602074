"""One pass over an engine: the list, inspects of what changed, and stats of what runs.

`EngineReader` does the asking, and remembers what the next pass needs. `Progress` holds what one
pass has read so far, and makes a `Snapshot` of it at any moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.errors import (
    CgroupNotFoundError,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
)
from exporter.metrics.asking import persist
from exporter.metrics.catalogue.engine import OF_INFO
from exporter.metrics.inventory import Inventory
from exporter.model import Container, ContainerReading, ContainerState, ContainerStats, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.deadline import Deadline
    from exporter.docker_client import DockerClient
    from exporter.engine.base import Engine
    from exporter.engine.events import EventFollower
    from exporter.metrics.disk import DiskUsageReader
    from exporter.metrics.filters import Filters
    from exporter.metrics.usage import UsageReader
    from exporter.model import ContainerSummary, EngineInfo, Mode

logger = logging.getLogger(__name__)

# Facts about an engine change seldom, and cost two requests.
INFO_SECONDS = 60.0

# How much of the time that is left the inspects may take.
INSPECT_SHARE = 0.5

# Why a container lacks some of its series: the reasons of `EngineError`s, and two of our own.
NOT_RUNNING = "not_running"
UNKNOWN_STATE = "unknown_state"
CUT_REASONS = ("timeout", "unavailable", "permission_denied")
REASONS = (
    *CUT_REASONS,
    *("bad_response", "not_found", CgroupNotFoundError.reason, NOT_RUNNING, UNKNOWN_STATE),
)


class Progress:
    """What one pass has read so far. One thread writes; any may ask for a snapshot."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.listed_at = time.time()
        self.listed_monotonic = self.began
        self.error: str | None = None
        self.mode: Mode | None = None
        self.info: EngineInfo | None = None
        self.rows: tuple[ContainerSummary, ...] | None = None
        self.inspected: dict[str, Container | EngineError] = {}
        self.stats: dict[str, ContainerStats | EngineError | None] = {}
        self.ratios: dict[str, float | None] = {}
        self.finished = False

    def listed(self, engine: Engine, rows: tuple[ContainerSummary, ...]) -> None:
        """Take in the list."""
        self.listed_at, self.listed_monotonic = time.time(), time.monotonic()
        self.mode = engine.mode
        self.rows = rows

    def running(self) -> list[Container]:
        """Return the containers that have stats to read."""
        return [
            container
            for container in self.inspected.values()
            if isinstance(container, Container)
            and container.state is not None
            and container.state.has_processes
        ]


class EngineReader:
    """Reads an engine, pass after pass, and remembers what makes the next pass cheap.

    Safe to use from many threads: a pass waits for the one before it to end.
    """

    def __init__(
        self,
        client: DockerClient,
        *,
        filters: Filters,
        follower: EventFollower | None,
        disk: DiskUsageReader | None,
        usage: UsageReader,
    ) -> None:
        self._client = client
        self._filters = filters
        self._follower = follower
        self._disk = disk
        self._inventory = Inventory()
        self._usage = usage
        self._engine: Engine | None = None
        self._info: tuple[float, EngineInfo] | None = None
        self._told_of_info = False
        self._reading = threading.Lock()

    def read(self, progress: Progress, deadline: Deadline) -> None:
        """Read everything into `progress`, by the deadline, which may be moved meanwhile.

        Raises:
            EngineError: The engine cannot be listed. What goes wrong after that is in `progress`.
        """
        # A pass that is cut ends soon after its deadline, when the next one may have begun.
        while not self._reading.acquire(timeout=deadline.pause()):
            if deadline.expired:
                raise EngineTimeoutError("The reading before this one has not ended yet.")
        try:
            self._read(progress, deadline)
        finally:
            self._reading.release()

    def snapshot(self, progress: Progress) -> Snapshot:
        """Return what `progress` holds by now."""
        connected = self._follower.connected if self._follower else None
        rows = progress.rows
        if rows is None:
            return Snapshot(
                taken_at=progress.listed_at,
                taken_monotonic=progress.listed_monotonic,
                duration_seconds=time.monotonic() - progress.began,
                error=progress.error or "The engine has not listed its containers in time.",
                complete=False,
                events_connected=connected,
            )
        missing: Counter[str] = Counter()
        readings = tuple(self._readings(rows, progress, missing))
        states = Counter(row.state for row in rows)
        inspected = progress.inspected.copy()
        keys = {(c.name, c.image) for c in inspected.values() if isinstance(c, Container)}
        removed = self._follower.removed({row.id for row in rows}, keys) if self._follower else ()
        return Snapshot(
            taken_at=progress.listed_at,
            taken_monotonic=progress.listed_monotonic,
            duration_seconds=time.monotonic() - progress.began,
            mode=progress.mode,
            info=progress.info,
            states={state: states[state] for state in ContainerState},
            containers=readings,
            removed=tuple(
                gone
                for gone in removed
                if self._filters.accept_name(gone.name) and self._filters.accept_labels(gone.labels)
            ),
            without_stats={reason: missing[reason] for reason in REASONS},
            complete=progress.finished and not any(missing[reason] for reason in CUT_REASONS),
            events_connected=connected,
            disk=self._disk.latest() if self._disk else None,
        )

    def _read(self, progress: Progress, deadline: Deadline) -> None:
        # Before the list: what happens later is looked at in the next pass.
        changed = self._follower.take_changed() if self._follower else None
        try:
            engine, rows = self._client.call(
                lambda engine: (engine, engine.list_containers(deadline)), deadline
            )
        except EngineError:
            self._info = None
            raise
        if engine != self._engine:
            # What is known was said by another one, or by this one before it was lost.
            self._engine, self._info = engine, None
        if self._follower:
            self._follower.reconnect_now()
        progress.listed(engine, rows)
        progress.info = self._info[1] if self._info else None
        self._inspect(engine, rows, changed, progress, deadline)
        for one in self._usage.read(engine, progress, deadline):
            self._inventory.doubt(one)
        # Last, since some engines take long to tell of themselves.
        progress.info = self._engine_info(engine, deadline)

    def _engine_info(self, engine: Engine, deadline: Deadline) -> EngineInfo | None:
        """Return the facts about the engine, at most a minute old; None where it does not tell.

        An engine that has become another version is given up, to be found anew by the next pass.
        """
        now, known = time.monotonic(), self._info
        if known is None or now - known[0] >= INFO_SECONDS:
            try:
                self._info = (now, engine.info(deadline))
                self._told_of_info = False
            except EngineError as error:
                # A socket proxy may well refuse this one: everything else goes on. Once is
                # enough until it works again.
                logger.log(
                    logging.DEBUG if self._told_of_info else logging.WARNING,
                    "engine info cannot be read",
                    extra={"missing": " ".join(OF_INFO), "error": str(error)},
                )
                self._told_of_info = True
                self._info = None
        info = self._info[1] if self._info else None
        if known and info and info.version != known[1].version:
            # How it is asked best was settled on with the one before it.
            change = f"{known[1].version} has become {info.version}."
            self._client.lost(engine, EngineUnavailableError(change))
        return info

    def _inspect(
        self,
        engine: Engine,
        rows: Sequence[ContainerSummary],
        changed: set[str] | None,
        progress: Progress,
        deadline: Deadline,
    ) -> None:
        now = time.monotonic()
        shown = [row for row in rows if self._filters.accept_name(row.name)]
        due = self._inventory.due(shown, changed, now)
        for row in shown:
            known = self._inventory.get(row.id)
            if known is not None and row.id not in due:
                progress.inspected[row.id] = known
        # One that hangs must leave time to read the stats of the others.
        for one, result in persist(engine.inspect_many, due, deadline.part(INSPECT_SHARE)):
            if isinstance(result, Container):
                self._inventory.keep(result, now)
            progress.inspected[one] = result

    def _readings(
        self, rows: Sequence[ContainerSummary], progress: Progress, missing: Counter[str]
    ) -> Iterator[ContainerReading]:
        """Yield what is known of each container that is shown, and count what is missing."""
        for row in rows:
            if not self._filters.accept_name(row.name):
                continue
            container = progress.inspected.get(row.id)
            if not isinstance(container, Container):
                missing[_reason(container)] += 1
                continue
            if not self._filters.accept_labels(container.labels):
                continue
            if container.name != row.name:
                # Renamed between list and inspect. Names are unique within one list only.
                container = replace(container, name=row.name)
            stats = progress.stats.get(row.id)
            if container.state is None:
                missing[UNKNOWN_STATE] += 1
            elif container.state.has_processes and not isinstance(stats, ContainerStats):
                gone = row.id in progress.stats and stats is None
                missing[NOT_RUNNING if gone else _reason(stats)] += 1
            yield ContainerReading(
                container=container,
                stats=stats if isinstance(stats, ContainerStats) else None,
                cpu_ratio=progress.ratios.get(row.id),
                events=self._follower.counts_of(container.name, container.image)
                if self._follower
                else None,
            )


def _reason(result: object) -> str:
    """Return the word for what is missing; what has not come yet is late."""
    reason = result.reason if isinstance(result, EngineError) else "timeout"
    return reason if reason in REASONS else "bad_response"
