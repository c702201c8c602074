"""The answer to a stats call, turned into one reading of what a container uses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from exporter.engine.block_io import block_io_stats
from exporter.engine.memory import memory_stats
from exporter.engine.payload import Count, timestamp
from exporter.model import ContainerStats, CpuCounters, MemoryStats, NetworkStats

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.model import BlockIoStats

# Podman before 5 sums up the bytes of all interfaces under this name, and counts no packets.
_PODMAN_SUM = "network"


class _Network(msgspec.Struct):
    rx_bytes: Count = 0
    rx_packets: Count = 0
    rx_dropped: Count = 0
    tx_bytes: Count = 0
    tx_packets: Count = 0
    tx_dropped: Count = 0


class _CpuUsage(msgspec.Struct):
    total_usage: Count | None = None
    usage_in_kernelmode: Count | None = None
    usage_in_usermode: Count | None = None
    percpu_usage: list[Count] | None = None


class _Throttling(msgspec.Struct):
    periods: Count = 0
    throttled_periods: Count = 0
    throttled_time: Count = 0


class _Cpu(msgspec.Struct):
    cpu_usage: _CpuUsage | None = None
    # Only Podman sends this one, a percentage: it tells whose numbers these are.
    cpu: float | None = None
    system_cpu_usage: Count | None = None
    online_cpus: Count | None = None
    throttling_data: _Throttling | None = None


class _Memory(msgspec.Struct):
    usage: Count | None = None
    max_usage: Count | None = None
    limit: Count | None = None
    failcnt: Count | None = None
    stats: dict[str, int] | None = None


class _BlockIoEntry(msgspec.Struct):
    major: Count
    minor: Count
    op: str
    value: Count


class _BlockIo(msgspec.Struct):
    io_service_bytes_recursive: list[_BlockIoEntry] | None = None
    io_serviced_recursive: list[_BlockIoEntry] | None = None


class _Pids(msgspec.Struct):
    current: Count | None = None


class StatsPayload(msgspec.Struct):
    """The answer of `GET /containers/{id}/stats`."""

    read: str = ""
    preread: str = ""
    cpu_stats: _Cpu | None = None
    precpu_stats: _Cpu | None = None
    memory_stats: _Memory | None = None
    networks: dict[str, _Network] | None = None
    blkio_stats: _BlockIo | None = None
    pids_stats: _Pids | None = None


def container_stats(
    payload: StatsPayload, name_device: Callable[[int, int], str]
) -> ContainerStats | None:
    """Turn the answer to a stats call into a value; None for a container that does not run.

    For a stopped or restarting one, the engine answers 200 with a reading of the year 1 and
    zeros. Exporting those would look like every counter being reset.

    Args:
        payload: The answer.
        name_device: Names a block device by its major and minor number.
    """
    if payload.read and timestamp(payload.read) is None:
        return None
    io = payload.blkio_stats or _BlockIo()
    podman = payload.cpu_stats is not None and payload.cpu_stats.cpu is not None
    return ContainerStats(
        cpu=_cpu(payload.cpu_stats, payload.read),
        previous_cpu=_previous_cpu(payload),
        memory=_memory(payload.memory_stats or _Memory()),
        networks=_networks(payload.networks, podman=podman),
        io_bytes=_block_io(io.io_service_bytes_recursive, name_device, podman=podman),
        io_operations=_block_io(io.io_serviced_recursive, name_device, podman=podman),
        pids=payload.pids_stats.current if payload.pids_stats else None,
    )


def _previous_cpu(payload: StatsPayload) -> CpuCounters | None:
    """Return the reading before, where there is one: a one-shot answer holds zeros instead."""
    previous = _cpu(payload.precpu_stats, payload.preread)
    if previous is None or previous.host_ns is None:
        return None
    return previous


def _cpu(payload: _Cpu | None, read: str) -> CpuCounters | None:
    if payload is None or payload.cpu_usage is None or payload.cpu_usage.total_usage is None:
        return None
    usage = payload.cpu_usage
    podman = payload.cpu is not None
    moment = timestamp(read)
    counters = CpuCounters(
        usage_ns=payload.cpu_usage.total_usage,
        # Podman's counts only the time in which the machine's processors were busy.
        host_ns=None if podman else payload.system_cpu_usage or None,
        # Engines before API 1.27 tell it by the length of the list only.
        online_cpus=payload.online_cpus or len(usage.percpu_usage or ()) or None,
        read_at_ns=None if moment is None else int(moment * 1e9),
    )
    if podman:
        # It counts kernel time in microseconds in some versions, and throttling never.
        return counters
    throttling = payload.throttling_data or _Throttling()
    return replace(
        counters,
        user_ns=usage.usage_in_usermode,
        kernel_ns=usage.usage_in_kernelmode,
        periods=throttling.periods,
        throttled_periods=throttling.throttled_periods,
        throttled_ns=throttling.throttled_time,
    )


def _memory(payload: _Memory) -> MemoryStats:
    fields = payload.stats or {}
    return memory_stats(
        fields,
        usage=payload.usage,
        limit=payload.limit or None,
        max_usage=payload.max_usage,
        # Docker leaves a zero out, so its silence is a zero; Podman sends one that it never counts.
        failcnt=(payload.failcnt or 0) if payload.usage is not None and fields else None,
    )


def _networks(
    payload: dict[str, _Network] | None, *, podman: bool
) -> tuple[NetworkStats, ...] | None:
    if payload is None:
        return None
    return tuple(
        NetworkStats(
            interface=interface,
            receive_bytes=counters.rx_bytes,
            transmit_bytes=counters.tx_bytes,
        )
        if podman and interface == _PODMAN_SUM
        else NetworkStats(
            interface=interface,
            receive_bytes=counters.rx_bytes,
            receive_packets=counters.rx_packets,
            receive_dropped=counters.rx_dropped,
            transmit_bytes=counters.tx_bytes,
            transmit_packets=counters.tx_packets,
            transmit_dropped=counters.tx_dropped,
        )
        for interface, counters in sorted(payload.items())
    )


def _block_io(
    entries: list[_BlockIoEntry] | None, name_device: Callable[[int, int], str], *, podman: bool
) -> tuple[BlockIoStats, ...] | None:
    if entries is None:
        return None
    return block_io_stats(
        (
            # Podman writes the minor number first.
            (entry.minor, entry.major, entry.op, entry.value)
            if podman
            else (entry.major, entry.minor, entry.op, entry.value)
            for entry in entries
        ),
        name_device,
    )
