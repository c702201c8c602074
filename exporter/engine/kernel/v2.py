"""cgroup v2: a container has one directory.

The formulas are the engine's own (containerd/cgroups v2, moby `statsV2`), so that the values are
those of the API.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from exporter.engine.block_io import block_io_stats
from exporter.engine.devices import local_name
from exporter.engine.kernel import pressure
from exporter.engine.kernel.numbers import keyed, number, scaled
from exporter.engine.memory import memory_stats
from exporter.model import ContainerStats, CpuCounters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from exporter.engine.kernel.machine import Machine
    from exporter.model import BlockIoStats, MemoryStats, NetworkStats

# What is read.
FILES = (
    "cpu.stat",
    "memory.current",
    "memory.stat",
    "memory.max",
    "memory.peak",
    "memory.swap.current",
    "memory.events",
    "io.stat",
    "pids.current",
    *pressure.FILES,
)

_cpu_fields = keyed(
    *("usage_usec", "user_usec", "system_usec"),
    *("nr_periods", "nr_throttled", "throttled_usec", "nr_bursts", "burst_usec"),
)
_memory_fields = keyed(
    *("anon", "file", "file_mapped", "file_dirty", "file_writeback"),
    *("active_file", "inactive_file", "pgfault", "pgmajfault"),
)
_events = keyed("high", "max", "oom")

_DEVICE = re.compile(rb"(\d{1,10}):(\d{1,10})")
_COUNTER = re.compile(rb"([a-z]+)=(\d{1,20})")


def container_stats(
    files: Mapping[str, bytes], machine: Machine, networks: tuple[NetworkStats, ...] | None
) -> ContainerStats:
    """Return what the files of one container say; what a missing file would tell is None.

    Args:
        files: By name, see `FILES`. A controller that is off has none.
        machine: What the machine has and did.
        networks: The interfaces of its own network; None without one.
    """
    io = files.get("io.stat")
    return ContainerStats(
        cpu=_cpu(files, machine),
        memory=_memory(files, machine),
        networks=networks,
        io_bytes=_block_io(io, {b"rbytes": "Read", b"wbytes": "Write"}),
        io_operations=_block_io(io, {b"rios": "Read", b"wios": "Write"}),
        pids=number(files.get("pids.current")),
        pressure=pressure.pressure(files),
    )


def _cpu(files: Mapping[str, bytes], machine: Machine) -> CpuCounters | None:
    fields = _cpu_fields(files.get("cpu.stat"))
    if "usage_usec" not in fields:
        return None
    return CpuCounters(
        usage_ns=fields["usage_usec"] * 1000,
        user_ns=scaled(fields.get("user_usec"), 1000),
        kernel_ns=scaled(fields.get("system_usec"), 1000),
        host_ns=machine.cpu_ns,
        online_cpus=machine.cpus,
        periods=fields.get("nr_periods"),
        throttled_periods=fields.get("nr_throttled"),
        throttled_ns=scaled(fields.get("throttled_usec"), 1000),
        burst_periods=fields.get("nr_bursts"),
        burst_ns=scaled(fields.get("burst_usec"), 1000),
        read_at_ns=time.time_ns(),
    )


def _memory(files: Mapping[str, bytes], machine: Machine) -> MemoryStats:
    events = _events(files.get("memory.events"))
    return memory_stats(
        _memory_fields(files.get("memory.stat")),
        usage=number(files.get("memory.current")),
        limit=_limit(files.get("memory.max"), machine),
        max_usage=number(files.get("memory.peak")),
        failcnt=events.get("oom"),
        swap=number(files.get("memory.swap.current")),
        events_high=events.get("high"),
        events_max=events.get("max"),
    )


def _limit(text: bytes | None, machine: Machine) -> int | None:
    if text is not None and text.strip() == b"max":
        return machine.memory_bytes
    limit = number(text)
    if limit is None or machine.memory_bytes is None:
        return limit
    return min(limit, machine.memory_bytes)


def _block_io(
    text: bytes | None, operations: Mapping[bytes, str]
) -> tuple[BlockIoStats, ...] | None:
    if text is None:
        return None
    return block_io_stats(_counters(text, operations), local_name)


def _counters(text: bytes, operations: Mapping[bytes, str]) -> Iterator[tuple[int, int, str, int]]:
    """Yield the counters of `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`."""
    for line in text.splitlines():
        device = None
        for word in line.split():
            if found := _DEVICE.fullmatch(word):
                # A device without counters stands alone, by some kernels on the line of the next.
                device = int(found[1]), int(found[2])
            elif device and (counter := _COUNTER.fullmatch(word)) and counter[1] in operations:
                yield *device, operations[counter[1]], int(counter[2])
