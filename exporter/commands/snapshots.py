"""What `ps`, `top` and `stats` read of an engine."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from exporter.commands.engine import TIMEOUT_SECONDS
from exporter.deadline import Deadline
from exporter.errors import EngineUnavailableError
from exporter.metrics.filters import Filters
from exporter.metrics.snapshot import Snapshots
from exporter.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from exporter.docker_client import DockerClient
    from exporter.model import Snapshot
    from exporter.rows import Row

# A processor's load is a difference; over less time than this it says little.
RATE_SECONDS = 0.5


def read_rows(client: DockerClient, names: Collection[str] | None = None) -> list[Row]:
    """Return containers by name; all of them if no names are given.

    Raises:
        EngineUnavailableError: The engine cannot be reached, or cannot list its containers.
    """
    include = None if names is None else re.compile("|".join(map(re.escape, names)))
    return rows_of(first_snapshot(Snapshots(client, ttl=0, filters=Filters(include=include))))


def first_snapshot(snapshots: Snapshots) -> Snapshot:
    """Return what a first look sees; it takes two where one does not tell the load.

    Raises:
        EngineUnavailableError: The engine cannot be reached, or cannot list its containers.
    """
    snapshot = _read(snapshots)
    if any(reading.stats and reading.cpu_ratio is None for reading in snapshot.containers):
        threading.Event().wait(RATE_SECONDS)
        snapshot = _read(snapshots)
    return snapshot


def _read(snapshots: Snapshots) -> Snapshot:
    snapshot = snapshots.get(Deadline(TIMEOUT_SECONDS))
    if snapshot.error is not None:
        raise EngineUnavailableError(snapshot.error)
    return snapshot
