"""How long a container waited for something that it lacked: the `.pressure` files of cgroup v2."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.engine.kernel.numbers import number
from exporter.model import Pressure, PressureStats

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = ("cpu.pressure", "memory.pressure", "io.pressure")

# `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`, in microseconds.
_LINE = re.compile(rb"^(some|full) (?:[^\n]* )?total=(\d+)$", re.MULTILINE)


def pressure(files: Mapping[str, bytes]) -> PressureStats:
    """Return what the files say that are there; a kernel may be built or started without them.

    Args:
        files: By name, see `FILES`.
    """
    cpu, memory, io = (_pressure(files.get(name)) for name in FILES)
    return PressureStats(cpu=cpu, memory=memory, io=io)


def _pressure(text: bytes | None) -> Pressure | None:
    if text is None:
        return None
    totals = {kind: number(total) for kind, total in _LINE.findall(text)}
    # Kernels before 5.13 have no `full` for the processors.
    return Pressure(waiting_us=totals.get(b"some"), stalled_us=totals.get(b"full"))
