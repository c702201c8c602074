"""How busy containers are: a reading of one, with the rate since the reading before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from exporter import stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.model import ContainerStats, CpuCounters

# Two readings of the processor counters tell a rate if they are neither too close nor too old.
_YOUNGEST_SECONDS = 1.0
_OLDEST_SECONDS = 60.0


class _Sample(NamedTuple):
    """What is kept of a reading: when it was made, of which container, and its counters."""

    made_at: float
    container_id: str | None
    cpu: CpuCounters


class Read(Protocol):
    """What reads a container, see `Engine.read_stats`."""

    def __call__(self, name: str, *, pair: bool) -> ContainerStats | None:
        """Return one reading; with the one before it where a pair is asked for."""


class RateReader:
    """Reads what containers use, and how many processors they keep busy.

    The rate is that since the reading before of the same container, if that is of a useful age;
    otherwise the engine is asked for two. Safe to use from many threads.
    """

    def __init__(
        self,
        read: Read,
        pause: Callable[[float], object],
    ) -> None:
        """Prepare to read.

        Args:
            read: Reads a container.
            pause: Waits for so many seconds.
        """
        self._read = read
        self._pause = pause
        self._samples: dict[str, _Sample] = {}

    def read(self, name: str) -> tuple[ContainerStats, float | None] | None:
        """Return a reading with the processors that were busy before it; None if it stands still.

        Raises:
            EngineError: It cannot be read.
        """
        now = time.monotonic()
        sample = self._samples.get(name)
        if sample is not None and not _YOUNGEST_SECONDS <= now - sample.made_at <= _OLDEST_SECONDS:
            sample = None
        reading = self._read(name, pair=sample is None)
        if reading is None:
            return None
        if sample is not None and reading.container_id != sample.container_id:
            sample = None
        ratio = _ratio(sample and sample.cpu, reading)
        if ratio is None and reading.cpu is not None:
            # Another container under this name, one that was restarted, or Podman, whose first
            # answer holds no reading before.
            earlier = reading.cpu
            self._pause(_YOUNGEST_SECONDS)
            reading = self._read(name, pair=False)
            if reading is None:
                return None
            ratio = _ratio(earlier, reading)
        self._keep(name, reading)
        return reading, ratio

    def _keep(self, name: str, reading: ContainerStats) -> None:
        now = time.monotonic()
        samples = self._samples.copy().items()
        fresh = {one: kept for one, kept in samples if now - kept.made_at <= _OLDEST_SECONDS}
        if reading.cpu is not None:
            fresh[name] = _Sample(now, reading.container_id, reading.cpu)
        self._samples = fresh


def as_stats(reading: ContainerStats, ratio: float | None) -> dict[str, Any]:
    """Return a reading in the shape and the units of `DockerClient.get_container_stats`."""
    memory = reading.memory
    usage = memory.shown_usage
    of_limit = reading.memory_ratio
    if of_limit is None:
        of_limit = stats.share(usage, memory.limit)
    return {
        "cpu_percent": None if ratio is None else ratio * 100,
        "memory_usage": usage,
        "memory_limit": memory.limit,
        "memory_percent": None if of_limit is None else of_limit * 100,
        "memory_mb": None if usage is None else usage / 1024 / 1024,
    }


def _ratio(earlier: CpuCounters | None, reading: ContainerStats) -> float | None:
    """Return the busy processors that a reading tells, by itself or since an earlier one."""
    if reading.cpu_ratio is not None:
        return reading.cpu_ratio
    previous = earlier or reading.previous_cpu
    if previous is None or reading.cpu is None:
        return None
    return stats.cpu_ratio(previous, reading.cpu)
