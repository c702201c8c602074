"""What the whole machine has and did: `/proc/stat` and `/proc/meminfo`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from exporter.engine.kernel.numbers import number, scaled

# The kernel's USER_HZ is 100 on every architecture that Docker runs on.
TICK_NS = 10_000_000

# User, nice, system, idle, iowait, irq, softirq: what the engine adds up (moby
# `getSystemCPUUsage`), without the time that was stolen, and that of guests, which is in user.
_FIELDS = 7

_CPU = re.compile(rb"^cpu\d+ ", re.MULTILINE)
_MEMORY = re.compile(rb"^MemTotal: +(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One reading of the machine, each field only where the kernel tells it.

    Attributes:
        cpu_ns: Processor time that has passed, of all processors together, the idle time too.
        cpus: Processors that are online.
        memory_bytes: Memory of the machine.
    """

    cpu_ns: int | None = None
    cpus: int | None = None
    memory_bytes: int | None = None


def machine(stat: bytes | None, meminfo: bytes | None) -> Machine:
    r"""Return what `/proc/stat` and `/proc/meminfo` say.

    Examples:
        >>> machine(b"cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\n", b"MemTotal:  2 kB\n")
        Machine(cpu_ns=280000000, cpus=1, memory_bytes=2048)
    """
    total = re.match(rb"cpu  (.*)", stat or b"")
    ticks = [number(field) for field in total[1].split()[:_FIELDS]] if total else []
    known = [one for one in ticks if one is not None]
    memory = _MEMORY.search(meminfo or b"")
    return Machine(
        cpu_ns=sum(known) * TICK_NS if len(known) == _FIELDS else None,
        cpus=len(_CPU.findall(stat or b"")) or None,
        memory_bytes=scaled(number(memory[1]), 1024) if memory else None,
    )
