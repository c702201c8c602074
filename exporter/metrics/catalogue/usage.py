"""What a container uses of processors and memory: the running and the paused ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter import stats
from exporter.metrics.catalogue.metric import COUNTERS, KERNEL, RUNNING, Metric, of_container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.metrics.catalogue.metric import Kind, Values
    from exporter.model import (
        ContainerReading,
        CpuCounters,
        MemoryStats,
        Snapshot,
    )

QUOTA = f"{COUNTERS}; only with a CPU quota"
V2 = f"{KERNEL}; cgroup v2"


def _of_cpu(
    name: str, text: str, present: str, read: Callable[[CpuCounters], float | None]
) -> Metric[ContainerReading]:
    def value(reading: ContainerReading) -> float | None:
        cpu = reading.stats.cpu if reading.stats else None
        return None if cpu is None else read(cpu)

    return of_container(name, "counter", text, present, value)


def _of_memory(
    name: str, kind: Kind, text: str, read: Callable[[MemoryStats], float | None], present: str = ""
) -> Metric[ContainerReading]:
    return of_container(
        name,
        kind,
        text,
        present or COUNTERS,
        lambda reading: None if reading.stats is None else read(reading.stats.memory),
    )


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


def _quota(
    read: Callable[[CpuCounters], float | None],
) -> Callable[[ContainerReading], float | None]:
    """Return a reader for a counter that stands still without a quota, and is left out then."""

    def value(reading: ContainerReading) -> float | None:
        cpu = reading.stats.cpu if reading.stats else None
        if cpu is None or stats.cpu_quota_us(reading.container.limits) is None:
            return None
        return read(cpu)

    return value


def _cpu_total(reading: ContainerReading, _: Snapshot) -> Values:
    cpu = reading.stats.cpu if reading.stats else None
    return () if cpu is None else ((("total",), cpu.usage_ns / 1e9),)


CPU: tuple[Metric[ContainerReading], ...] = (
    Metric(
        "container_cpu_usage_seconds_total",
        "counter",
        "CPU time used, of all processors together (cpu_stats.cpu_usage.total_usage).",
        ("cpu",),
        COUNTERS,
        _cpu_total,
    ),
    _of_cpu(
        "container_cpu_user_seconds_total",
        "CPU time used in user mode (cpu_stats.cpu_usage.usage_in_usermode).",
        COUNTERS,
        lambda cpu: _seconds(cpu.user_ns),
    ),
    _of_cpu(
        "container_cpu_system_seconds_total",
        "CPU time used in kernel mode (cpu_stats.cpu_usage.usage_in_kernelmode).",
        COUNTERS,
        lambda cpu: _seconds(cpu.kernel_ns),
    ),
    of_container(
        "container_cpu_cfs_periods_total",
        "counter",
        "Periods in which a quota was in force (cpu_stats.throttling_data.periods).",
        QUOTA,
        _quota(lambda cpu: cpu.periods),
    ),
    of_container(
        "container_cpu_cfs_throttled_periods_total",
        "counter",
        "Periods in which the quota was used up (cpu_stats.throttling_data.throttled_periods).",
        QUOTA,
        _quota(lambda cpu: cpu.throttled_periods),
    ),
    of_container(
        "container_cpu_cfs_throttled_seconds_total",
        "counter",
        "Time spent waiting for the next period (cpu_stats.throttling_data.throttled_time).",
        QUOTA,
        _quota(lambda cpu: _seconds(cpu.throttled_ns)),
    ),
    of_container(
        "container_cpu_cfs_burst_periods_total",
        "counter",
        "Periods in which more than the quota was used, saved up before (cpu.stat nr_bursts).",
        f"{KERNEL}, 5.14 or later; only with a CPU quota",
        _quota(lambda cpu: cpu.burst_periods),
    ),
    of_container(
        "container_cpu_cfs_burst_seconds_total",
        "counter",
        "CPU time used beyond the quota in those periods (cpu.stat burst_time, burst_usec).",
        f"{KERNEL}, 5.14 or later; only with a CPU quota",
        _quota(lambda cpu: _seconds(cpu.burst_ns)),
    ),
    of_container(
        "container_cpu_usage_ratio",
        "gauge",
        "Busy processors between the last two snapshots, 1.0 for one: the CPU % of docker stats "
        "divided by 100 (cpu_stats).",
        f"{RUNNING}; not on a container's first snapshot",
        lambda reading: reading.cpu_ratio,
    ),
)


def _memory_ratio(reading: ContainerReading) -> float | None:
    if reading.stats is None:
        return None
    if reading.stats.memory_ratio is not None:
        return reading.stats.memory_ratio
    return stats.share(reading.stats.memory.working_set, reading.stats.memory.limit)


def _memory_failures(
    reading: ContainerReading, _: Snapshot
) -> Iterator[tuple[tuple[str, ...], float]]:
    if reading.stats is None:
        return
    memory = reading.stats.memory
    for kind, value in (("pgfault", memory.page_faults), ("pgmajfault", memory.major_page_faults)):
        if value is not None:
            # cAdvisor gives the same number for both.
            yield (kind, "container"), value
            yield (kind, "hierarchy"), value


MEMORY: tuple[Metric[ContainerReading], ...] = (
    _of_memory(
        "container_memory_usage_bytes",
        "gauge",
        "Memory used, page cache included (memory_stats.usage).",
        lambda memory: memory.usage,
    ),
    _of_memory(
        "container_memory_working_set_bytes",
        "gauge",
        "Memory used less inactive page cache (memory_stats.usage, stats.inactive_file).",
        lambda memory: memory.working_set,
        RUNNING,
    ),
    of_container(
        "container_memory_usage_ratio",
        "gauge",
        "Working set divided by the limit, or by the machine's memory without one "
        "(memory_stats.limit).",
        RUNNING,
        _memory_ratio,
    ),
    _of_memory(
        "container_memory_cache",
        "gauge",
        "Page cache (memory_stats.stats.total_cache, file).",
        lambda memory: memory.cache,
    ),
    _of_memory(
        "container_memory_rss",
        "gauge",
        "Anonymous memory (memory_stats.stats.total_rss, anon).",
        lambda memory: memory.rss,
    ),
    _of_memory(
        "container_memory_mapped_file",
        "gauge",
        "Files mapped into memory (memory_stats.stats.total_mapped_file, file_mapped).",
        lambda memory: memory.mapped_file,
    ),
    _of_memory(
        "container_memory_max_usage_bytes",
        "gauge",
        "Most memory used so far (memory_stats.max_usage; on cgroup v2 memory.peak).",
        lambda memory: memory.max_usage,
        f"{COUNTERS}; on cgroup v2 from the kernel's files only, of 5.19 or later",
    ),
    _of_memory(
        "container_memory_swap",
        "gauge",
        "Memory that is swapped out (memory.stat total_swap, memory.swap.current).",
        lambda memory: memory.swap,
        KERNEL,
    ),
    _of_memory(
        "container_memory_events_high_total",
        "counter",
        "Times that usage went over the soft limit memory.high (memory.events high).",
        lambda memory: memory.events_high,
        V2,
    ),
    _of_memory(
        "container_memory_events_max_total",
        "counter",
        "Times that usage was about to go over the limit (memory.events max).",
        lambda memory: memory.events_max,
        V2,
    ),
    _of_memory(
        "container_memory_failcnt",
        "unknown",
        "On cgroup v1 how often the limit was hit, on v2 the number of OOM events "
        "(memory_stats.failcnt).",
        lambda memory: memory.failcnt,
    ),
    Metric(
        "container_memory_failures_total",
        "counter",
        "Page faults and major page faults (memory_stats.stats.pgfault, pgmajfault).",
        ("failure_type", "scope"),
        COUNTERS,
        _memory_failures,
    ),
    _of_memory(
        "container_memory_total_active_file_bytes",
        "gauge",
        "Page cache in use (memory_stats.stats.total_active_file, active_file).",
        lambda memory: memory.active_file,
    ),
    _of_memory(
        "container_memory_total_inactive_file_bytes",
        "gauge",
        "Page cache that can be taken back (memory_stats.stats.total_inactive_file, "
        "inactive_file).",
        lambda memory: memory.inactive_file,
    ),
    _of_memory(
        "container_memory_file_dirty_bytes",
        "gauge",
        "Page cache that waits to be written (memory_stats.stats.total_dirty, file_dirty).",
        lambda memory: memory.file_dirty,
    ),
    _of_memory(
        "container_memory_file_writeback_bytes",
        "gauge",
        "Page cache being written (memory_stats.stats.total_writeback, file_writeback).",
        lambda memory: memory.file_writeback,
    ),
    of_container(
        "container_threads",
        "gauge",
        "Processes and threads (pids_stats.current).",
        RUNNING,
        lambda reading: reading.stats.pids if reading.stats else None,
    ),
)
