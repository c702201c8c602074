"""What a process holds, and whether that grows."""

from __future__ import annotations

import statistics
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.cpu import CpuGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What the processes of an exporter hold at a moment, or held at least in a while.

    Attributes:
        resident: Memory in RAM (RSS), in bytes.
        threads: Threads of all processes.
        descriptors: Open files, sockets and pipes.
        processes: The exporter's own, and those that it has started.
    """

    resident: int
    threads: int
    descriptors: int
    processes: int


# What is no growth yet: memory that the allocator has not given back, and connections that a pool
# has or has not opened again.
TOLERANCE = Vitals(resident=2 * 1024 * 1024, threads=1, descriptors=3, processes=0)
# Of series, as a share: the containers that have just come are others each time.
SERIES_TOLERANCE = 0.1

NAMES = {
    "resident": "RSS",
    "threads": "threads",
    "descriptors": "file descriptors",
    "processes": "processes",
}


def read(group: CpuGroup) -> Vitals:
    """Return what the processes of a group hold now."""
    resident, threads, descriptors, processes = 0, 0, 0, 0
    for pid in group.pids():
        with suppress(OSError):  # It has ended meanwhile.
            directory = Path(f"/proc/{pid}")
            status = dict(
                line.split(":", 1) for line in (directory / "status").read_text().splitlines()
            )
            descriptors += sum(1 for _ in (directory / "fd").iterdir())
            resident += int(status.get("VmRSS", "0 kB").split()[0]) * 1024
            threads += int(status["Threads"])
            processes += 1
    return Vitals(resident=resident, threads=threads, descriptors=descriptors, processes=processes)


def lowest(readings: Iterable[Vitals]) -> Vitals:
    """Return the lowest of each: what is held between two requests rather than for one."""
    kept = list(readings)
    return Vitals(**{name: min(getattr(one, name) for one in kept) for name in NAMES})


def growth(before: Vitals, end: Vitals) -> list[str]:
    """Return what has grown by more than `TOLERANCE`, in words.

    Examples:
        >>> held = Vitals(resident=2**25, threads=5, descriptors=9, processes=1)
        >>> growth(held, Vitals(resident=2**26, threads=5, descriptors=99, processes=1))
        ['RSS by 32.0 MiB', 'file descriptors by 90']
    """
    grown = []
    for field in fields(Vitals):
        by = getattr(end, field.name) - getattr(before, field.name)
        if by > getattr(TOLERANCE, field.name):
            amount = f"{by / 2**20:.1f} MiB" if field.name == "resident" else str(by)
            grown.append(f"{NAMES[field.name]} by {amount}")
    return grown


def series_growth(before: Sequence[int], end: Sequence[int]) -> list[str]:
    """Return how much the number of series has grown from scrapes to later ones, in words.

    Examples:
        >>> series_growth([100, 102], [110, 109]), series_growth([100, 102], [150])
        ([], ['series by 49'])
    """
    if not (before and end):
        return []
    by = statistics.median(end) - statistics.median(before)
    return [f"series by {by:.0f}"] if by > SERIES_TOLERANCE * statistics.median(before) else []
