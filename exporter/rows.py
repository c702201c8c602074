"""A container as people look at it: what `ps`, `top`, `stats` and the page show of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter import stats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.model import Container, ContainerReading, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One container. None is what is not known, or does not apply.

    Attributes:
        health: None for a container that does not run, or has no health check.
        restarts: By the engine's restart policy, since the last manual start.
        exit_code: Of a container that has ended.
        uptime_seconds: Of one that runs or is paused.
        cpu_percent: 100 is one processor.
        memory_usage: What `docker stats` shows, in bytes.
        pids: Processes and threads.
        network_receive_bytes: Since the start, over all interfaces of its own.
        block_read_bytes: Since the start, over all devices.
    """

    name: str
    id: str
    image: str
    state: str
    health: str | None
    restarts: int
    exit_code: int | None
    oom_killed: bool
    uptime_seconds: float | None
    cpu_percent: float | None
    memory_usage: int | None
    memory_limit: int | None
    memory_percent: float | None
    pids: int | None
    network_receive_bytes: int | None
    network_transmit_bytes: int | None
    block_read_bytes: int | None
    block_write_bytes: int | None


def rows_of(snapshot: Snapshot) -> list[Row]:
    """Return the containers of a snapshot by name."""
    rows = [row_of(reading, snapshot.taken_at) for reading in snapshot.containers]
    return sorted(rows, key=lambda row: row.name)


def row_of(reading: ContainerReading, now: float) -> Row:
    """Return one container at a moment, in seconds since the Unix epoch."""
    container, sample = reading.container, reading.stats
    memory = sample.memory if sample else None
    share = sample.memory_ratio if sample else None
    if share is None and memory:
        share = stats.share(memory.shown_usage, memory.limit)
    networks = sample.networks if sample and container.has_own_network else None
    blocks = sample.io_bytes if sample else None
    return Row(
        name=container.name,
        id=container.id,
        image=container.image,
        state=container.status,
        health=container.health.status.value if container.health else None,
        restarts=container.restart_count,
        exit_code=container.last_exit_code,
        oom_killed=container.oom_killed,
        uptime_seconds=_uptime(container, now),
        cpu_percent=_percent(reading.cpu_ratio),
        memory_usage=memory.shown_usage if memory else None,
        memory_limit=memory.limit if memory else None,
        memory_percent=_percent(share),
        pids=sample.pids if sample else None,
        network_receive_bytes=_sum(network.receive_bytes for network in networks or ()),
        network_transmit_bytes=_sum(network.transmit_bytes for network in networks or ()),
        block_read_bytes=_sum(block.value for block in blocks or () if block.operation == "Read"),
        block_write_bytes=_sum(block.value for block in blocks or () if block.operation == "Write"),
    )


def _uptime(container: Container, now: float) -> float | None:
    if container.started_at is None or container.state is None:
        return None
    return max(0.0, now - container.started_at) if container.state.has_processes else None


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else ratio * 100


def _sum(counters: Iterable[int]) -> int | None:
    """Return the sum of counters; None where there are none: some kernels do not count."""
    values = list(counters)
    return sum(values) if values else None
