"""Engines full of containers as values, for what shows them to people."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from itertools import cycle, islice

from exporter.model import (
    Container,
    ContainerReading,
    ContainerState,
    ContainerStats,
    EngineInfo,
    Health,
    HealthCheck,
    Limits,
    MemoryStats,
    Mode,
    Snapshot,
)

MEBIBYTE = 1024**2
MACHINE = EngineInfo(
    engine="docker",
    version="26.1.5",
    api_version="1.45",
    os="Debian GNU/Linux 13 (trixie)",
    kernel_version="6.12.41",
    cgroup_version="2",
    storage_driver="overlay2",
    cpus=8,
    memory_bytes=16384 * MEBIBYTE,
    images=9,
)


def running(  # noqa: PLR0913 -- the facts about a container
    name: str,
    image: str,
    *,
    state: ContainerState = ContainerState.RUNNING,
    up_seconds: float = 3600.0,
    cpu: float | None = None,
    cpus: float = 0,
    memory: float = 0,
    limit: float = 0,
    health: tuple[Health, int] | None = None,
    restarts: int = 0,
) -> ContainerReading:
    """Return a container that has processes; memory is in MiB, and a limit of 0 is none."""
    container = _container(
        name,
        image,
        state,
        started_at=time.time() - up_seconds,
        restart_count=restarts,
        health_check=health and HealthCheck(status=health[0], failing_streak=health[1]),
        limits=Limits(memory_bytes=int(limit * MEBIBYTE), nano_cpus=int(cpus * 1e9)),
    )
    whole = int(limit * MEBIBYTE) or MACHINE.memory_bytes
    used = MemoryStats(shown_usage=int(memory * MEBIBYTE), limit=whole)
    return ContainerReading(
        container=container, stats=ContainerStats(memory=used, pids=12), cpu_ratio=cpu
    )


def ended(  # noqa: PLR0913 -- as above
    name: str,
    image: str,
    code: int,
    *,
    oom_killed: bool = False,
    ago_seconds: float = 7200.0,
    error: str = "",
) -> ContainerReading:
    """Return a container that has ended or, with an error, could not be started."""
    return ContainerReading(
        container=_container(
            name,
            image,
            ContainerState.CREATED if error else ContainerState.EXITED,
            exit_code=code,
            oom_killed=oom_killed,
            error=error,
            finished_at=None if error else time.time() - ago_seconds,
        )
    )


def six() -> list[ContainerReading]:
    """Return six containers as one finds them."""
    healthy, day = (Health.HEALTHY, 0), 86400.0
    return [
        running("shop-web", "nginx:1.27", up_seconds=9 * day, cpu=0.031, memory=38, health=healthy),
        running(
            "shop-db",
            "postgres:17",
            up_seconds=41 * day,
            cpu=0.62,
            memory=1690,
            limit=2048,
            health=healthy,
        ),
        running(
            "shop-worker",
            "registry.example.com/shop/worker:2026.3",
            up_seconds=412,
            cpu=0.48,
            cpus=0.5,
            memory=212,
            limit=512,
            health=(Health.UNHEALTHY, 4),
            restarts=3,
        ),
        running("metrics", "prom/prometheus:v3.5.0", up_seconds=9 * day, cpu=0.107, memory=512),
        ended("importer", "registry.example.com/shop/importer:2026.3", 137, oom_killed=True),
        ended("backup", "restic/restic:0.18", 0, ago_seconds=5 * 3600),
    ]


def many(count: int) -> list[ContainerReading]:
    """Return as many containers, of all kinds, with names of their own."""
    kinds = islice(enumerate(cycle(six()), 1), count)
    return [
        replace(kind, container=_named(kind.container, f"{kind.container.name}-{number:03}"))
        for number, kind in kinds
    ]


def fleet(readings: list[ContainerReading]) -> Snapshot:
    """Return a snapshot of an engine with these containers."""
    states = [reading.container.state for reading in readings]
    return Snapshot(
        taken_at=time.time(),
        taken_monotonic=time.monotonic(),
        duration_seconds=0.042,
        mode=Mode.SDK,
        info=MACHINE,
        states={state: states.count(state) for state in ContainerState},
        containers=tuple(readings),
        events_connected=True,
    )


def _container(name: str, image: str, state: ContainerState, **facts: object) -> Container:
    plain = Container(
        id="", name=name, image=image, image_id="sha256:0", state=state, status=state.value
    )
    return _named(replace(plain, **facts), name)  # type: ignore[arg-type]  # fields by name


def _named(container: Container, name: str) -> Container:
    return replace(container, id=hashlib.sha256(name.encode()).hexdigest(), name=name)
