"""What a container uses: the running and the paused ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter import stats
from exporter.metrics.catalogue.metric import COUNTERS, RUNNING, Metric, of_container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.metrics.catalogue.metric import Kind, Values
    from exporter.model import (
        BlockIoStats,
        ContainerReading,
        CpuCounters,
        MemoryStats,
        NetworkStats,
        Snapshot,
    )

QUOTA = f"{RUNNING}; SDK mode; only with a CPU quota"


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


def _of_network(
    name: str, text: str, read: Callable[[NetworkStats], int | None]
) -> Metric[ContainerReading]:
    def values(reading: ContainerReading, _: Snapshot) -> Iterator[tuple[tuple[str, ...], float]]:
        if reading.stats is None or not reading.container.has_own_network:
            return
        for network in reading.stats.networks or ():
            value = read(network)
            if value is not None:
                yield (network.interface,), value

    present = f"{COUNTERS}; not on the host's network nor on another container's"
    return Metric(name, "counter", text, ("interface",), present, values)


def _of_block_io(name: str, text: str, field: str, operation: str) -> Metric[ContainerReading]:
    def values(reading: ContainerReading, _: Snapshot) -> Values:
        entries: tuple[BlockIoStats, ...] | None = (
            getattr(reading.stats, field) if reading.stats else None
        )
        return {
            (entry.device,): float(entry.value)
            for entry in entries or ()
            if entry.operation == operation
        }.items()

    present = f"{COUNTERS}; after the first I/O on the device"
    return Metric(name, "counter", text, ("device",), present, values)


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
        "Most memory used so far (memory_stats.max_usage).",
        lambda memory: memory.max_usage,
        f"{COUNTERS}; cgroup v1",
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

NETWORK: tuple[Metric[ContainerReading], ...] = (
    _of_network(
        "container_network_receive_bytes_total",
        "Bytes received (networks.rx_bytes).",
        lambda network: network.receive_bytes,
    ),
    _of_network(
        "container_network_receive_packets_total",
        "Packets received (networks.rx_packets).",
        lambda network: network.receive_packets,
    ),
    _of_network(
        "container_network_receive_packets_dropped_total",
        "Received packets dropped (networks.rx_dropped).",
        lambda network: network.receive_dropped,
    ),
    _of_network(
        "container_network_transmit_bytes_total",
        "Bytes sent (networks.tx_bytes).",
        lambda network: network.transmit_bytes,
    ),
    _of_network(
        "container_network_transmit_packets_total",
        "Packets sent (networks.tx_packets).",
        lambda network: network.transmit_packets,
    ),
    _of_network(
        "container_network_transmit_packets_dropped_total",
        "Packets to send dropped (networks.tx_dropped).",
        lambda network: network.transmit_dropped,
    ),
)


def _block_io_operations(reading: ContainerReading, _: Snapshot) -> Values:
    entries = reading.stats.io_bytes if reading.stats else None
    return {
        (entry.device, str(entry.major), str(entry.minor), entry.operation): float(entry.value)
        for entry in entries or ()
    }.items()


BLOCK_IO: tuple[Metric[ContainerReading], ...] = (
    _of_block_io(
        "container_fs_reads_bytes_total",
        "Bytes read from a block device (blkio_stats.io_service_bytes_recursive Read).",
        "io_bytes",
        "Read",
    ),
    _of_block_io(
        "container_fs_writes_bytes_total",
        "Bytes written to a block device (blkio_stats.io_service_bytes_recursive Write).",
        "io_bytes",
        "Write",
    ),
    _of_block_io(
        "container_fs_reads_total",
        "Reads from a block device (blkio_stats.io_serviced_recursive Read, cgroup v1).",
        "io_operations",
        "Read",
    ),
    _of_block_io(
        "container_fs_writes_total",
        "Writes to a block device (blkio_stats.io_serviced_recursive Write, cgroup v1).",
        "io_operations",
        "Write",
    ),
    Metric(
        "container_blkio_device_usage_total",
        "counter",
        "Bytes by operation; Total sits among its parts (blkio_stats.io_service_bytes_recursive).",
        ("device", "major", "minor", "operation"),
        f"{COUNTERS}; after the first I/O on the device",
        _block_io_operations,
    ),
)
