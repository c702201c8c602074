"""How long a container waited for what it lacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.catalogue.metric import KERNEL, Metric, of_container

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.model import ContainerReading, Pressure, PressureStats

PRESENT = f"{KERNEL}; cgroup v2, also beside v1 in systemd's hybrid layout; where it is built in"


def _of_pressure(
    name: str,
    text: str,
    resource: Callable[[PressureStats], Pressure | None],
    read: Callable[[Pressure], int | None],
) -> Metric[ContainerReading]:
    def value(reading: ContainerReading) -> float | None:
        stats = reading.stats.pressure if reading.stats else None
        pressure = resource(stats) if stats else None
        microseconds = read(pressure) if pressure else None
        return None if microseconds is None else microseconds / 1e6

    return of_container(name, "counter", text, PRESENT, value)


PRESSURE: tuple[Metric[ContainerReading], ...] = (
    _of_pressure(
        "container_pressure_cpu_waiting_seconds_total",
        "Time in which a process waited for a processor (cpu.pressure some).",
        lambda stats: stats.cpu,
        lambda pressure: pressure.waiting_us,
    ),
    _of_pressure(
        "container_pressure_cpu_stalled_seconds_total",
        "Time in which all processes waited for a processor at once (cpu.pressure full).",
        lambda stats: stats.cpu,
        lambda pressure: pressure.stalled_us,
    ),
    _of_pressure(
        "container_pressure_memory_waiting_seconds_total",
        "Time in which a process waited for memory (memory.pressure some).",
        lambda stats: stats.memory,
        lambda pressure: pressure.waiting_us,
    ),
    _of_pressure(
        "container_pressure_memory_stalled_seconds_total",
        "Time in which all processes waited for memory at once (memory.pressure full).",
        lambda stats: stats.memory,
        lambda pressure: pressure.stalled_us,
    ),
    _of_pressure(
        "container_pressure_io_waiting_seconds_total",
        "Time in which a process waited for block I/O (io.pressure some).",
        lambda stats: stats.io,
        lambda pressure: pressure.waiting_us,
    ),
    _of_pressure(
        "container_pressure_io_stalled_seconds_total",
        "Time in which all processes waited for block I/O at once (io.pressure full).",
        lambda stats: stats.io,
        lambda pressure: pressure.stalled_us,
    ),
)
