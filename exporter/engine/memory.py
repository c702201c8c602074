"""The memory of a container, from the fields of `memory.stat` that every source passes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter import stats
from exporter.engine.payload import MOST
from exporter.model import MemoryStats

if TYPE_CHECKING:
    from collections.abc import Mapping


def memory_stats(  # noqa: PLR0913 -- each is a number of its own beside the fields
    fields: Mapping[str, int],
    *,
    usage: int | None,
    limit: int | None,
    max_usage: int | None,
    failcnt: int | None,
    swap: int | None = None,
    events_high: int | None = None,
    events_max: int | None = None,
) -> MemoryStats:
    """Return one reading of the memory.

    Args:
        fields: Of `memory.stat`, in the words of cgroup v1 or v2. On v1 those that count the
            cgroups below as well (`total_…`) are taken, as cAdvisor does.
        usage: As in `MemoryStats`, as the others are.
        limit: The limit, or the machine's memory where there is none.
        max_usage: The most so far.
        failcnt: On v1 times the limit was hit; on v2 OOM events.
        swap: Where it is not among the fields.
        events_high: v2 `memory.events`.
        events_max: v2 `memory.events`.
    """

    def first(*names: str) -> int | None:
        # Many numbers stand there: one that makes no sense spoils nothing but itself.
        for name in names:
            if 0 <= fields.get(name, -1) <= MOST:
                return fields[name]
        return None

    inactive_file = first("total_inactive_file", "inactive_file")
    return MemoryStats(
        usage=usage,
        working_set=None if usage is None else stats.working_set(usage, inactive_file),
        shown_usage=None if usage is None else stats.shown_usage(usage, inactive_file),
        limit=limit,
        max_usage=max_usage,
        failcnt=failcnt,
        swap=first("total_swap", "swap") if swap is None else swap,
        cache=first("total_cache", "cache", "file"),
        rss=first("total_rss", "rss", "anon"),
        mapped_file=first("total_mapped_file", "mapped_file", "file_mapped"),
        active_file=first("total_active_file", "active_file"),
        inactive_file=inactive_file,
        file_dirty=first("total_dirty", "dirty", "file_dirty"),
        file_writeback=first("total_writeback", "writeback", "file_writeback"),
        page_faults=first("total_pgfault", "pgfault"),
        major_page_faults=first("total_pgmajfault", "pgmajfault"),
        events_high=events_high,
        events_max=events_max,
    )
