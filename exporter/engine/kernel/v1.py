"""cgroup v1: a container has a directory in the hierarchy of each controller.

The formulas are the engine's own (containerd/cgroups v1, moby `statsV1`), so that the values are
those of the API. Block I/O is that of the throttling layer, which counts whatever the scheduler.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from exporter.engine.block_io import block_io_stats
from exporter.engine.devices import local_name
from exporter.engine.kernel.machine import TICK_NS
from exporter.engine.kernel.numbers import keyed, number, scaled
from exporter.engine.kernel.pressure import pressure
from exporter.engine.memory import memory_stats
from exporter.model import ContainerStats, CpuCounters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.engine.kernel.machine import Machine
    from exporter.model import BlockIoStats, MemoryStats, NetworkStats

# What is read, by controller.
FILES = {
    "cpuacct": ("cpuacct.usage", "cpuacct.stat"),
    "cpu": ("cpu.stat",),
    "memory": (
        "memory.usage_in_bytes",
        "memory.max_usage_in_bytes",
        "memory.limit_in_bytes",
        "memory.failcnt",
        "memory.stat",
    ),
    "blkio": ("blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"),
    "pids": ("pids.current",),
}

_modes = keyed("user", "system")
_quota = keyed("nr_periods", "nr_throttled", "throttled_time", "nr_bursts", "burst_time")
# Those that count the cgroups below as well.
_memory_fields = keyed(
    *("total_cache", "total_rss", "total_swap", "total_mapped_file"),
    *("total_active_file", "total_inactive_file", "total_dirty", "total_writeback"),
    *("total_pgfault", "total_pgmajfault"),
)

# `254:0 Read 4096`; the last line is the sum of all devices, and has none.
_BLOCK_IO = re.compile(rb"^(\d{1,10}):(\d{1,10}) ([A-Z][a-z]+) (\d{1,20})$", re.MULTILINE)


def container_stats(
    files: Mapping[str, bytes], machine: Machine, networks: tuple[NetworkStats, ...] | None
) -> ContainerStats:
    """Return what the files of one container say; what a missing file would tell is None.

    Args:
        files: By name, see `FILES`; and those of the pressure, of a cgroup v2 beside.
        machine: What the machine has and did.
        networks: The interfaces of its own network; None without one.
    """
    return ContainerStats(
        cpu=_cpu(files, machine),
        memory=_memory(files, machine),
        networks=networks,
        io_bytes=_block_io(files.get("blkio.throttle.io_service_bytes")),
        io_operations=_block_io(files.get("blkio.throttle.io_serviced")),
        pids=number(files.get("pids.current")),
        pressure=pressure(files),
    )


def _cpu(files: Mapping[str, bytes], machine: Machine) -> CpuCounters | None:
    usage = number(files.get("cpuacct.usage"))
    if usage is None:
        return None
    modes = _modes(files.get("cpuacct.stat"))
    quota = _quota(files.get("cpu.stat"))
    return CpuCounters(
        usage_ns=usage,
        user_ns=scaled(modes.get("user"), TICK_NS),
        kernel_ns=scaled(modes.get("system"), TICK_NS),
        host_ns=machine.cpu_ns,
        online_cpus=machine.cpus,
        periods=quota.get("nr_periods"),
        throttled_periods=quota.get("nr_throttled"),
        throttled_ns=quota.get("throttled_time"),
        burst_periods=quota.get("nr_bursts"),
        burst_ns=quota.get("burst_time"),
        read_at_ns=time.time_ns(),
    )


def _memory(files: Mapping[str, bytes], machine: Machine) -> MemoryStats:
    limit = number(files.get("memory.limit_in_bytes"))
    if limit is not None and machine.memory_bytes is not None:
        # Without a limit the kernel has a number near 2^63 there.
        limit = min(limit, machine.memory_bytes)
    return memory_stats(
        _memory_fields(files.get("memory.stat")),
        usage=number(files.get("memory.usage_in_bytes")),
        limit=limit,
        max_usage=number(files.get("memory.max_usage_in_bytes")),
        failcnt=number(files.get("memory.failcnt")),
    )


def _block_io(text: bytes | None) -> tuple[BlockIoStats, ...] | None:
    if text is None:
        return None
    return block_io_stats(
        (
            (int(major), int(minor), operation.decode(), int(value))
            for major, minor, operation, value in _BLOCK_IO.findall(text)
        ),
        local_name,
    )
