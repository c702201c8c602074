"""What a container is, and what was configured for it: all containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter import stats
from exporter.metrics.catalogue.metric import ALL, Metric, of_container, one, one_of
from exporter.model import ContainerReading, ContainerState, Health, Snapshot

if TYPE_CHECKING:
    from exporter.metrics.catalogue.metric import Values

HEALTH = "state running, with a health check that has run"


def _state(reading: ContainerReading, _: Snapshot) -> Values:
    return one_of(ContainerState, reading.container.state)


def _health(reading: ContainerReading, _: Snapshot) -> Values:
    health = reading.container.health
    return () if health is None else one_of(Health, health.status)


def _health_state(reading: ContainerReading) -> float | None:
    container = reading.container
    if container.is_running and container.health_check is None:
        return -1.0
    health = container.health
    return None if health is None else float(health.status is Health.HEALTHY)


def _failing_streak(reading: ContainerReading) -> float | None:
    health = reading.container.health
    return None if health is None else health.failing_streak


def _last_seen(reading: ContainerReading, snapshot: Snapshot) -> Values:
    state = reading.container.state
    return one(snapshot.taken_at if state is not None and state.has_processes else None)


def _swap_limit(reading: ContainerReading, snapshot: Snapshot) -> Values:
    limits = reading.container.limits
    limit = max(0, limits.memory_swap_bytes)
    if snapshot.info is not None and snapshot.info.cgroup_version == "2":
        # cAdvisor reads `memory.swap.max` there, which counts swap alone.
        limit = max(0, limit - limits.memory_bytes)
    return one(limit)


STATE: tuple[Metric[ContainerReading], ...] = (
    of_container(
        "container_up",
        "gauge",
        "1 when the container is running, else 0 (State.Status).",
        ALL,
        lambda reading: float(reading.container.is_running),
    ),
    Metric(
        "container_state",
        "gauge",
        "1 for the state that the container is in, 0 for each other one (State.Status).",
        ("state",),
        ALL,
        _state,
    ),
    Metric(
        "container_health",
        "gauge",
        "1 for what the health check has found, 0 for each other outcome (State.Health.Status).",
        ("status",),
        HEALTH,
        _health,
    ),
    of_container(
        "container_health_state",
        "gauge",
        "1 healthy, 0 starting or unhealthy, -1 without a health check (State.Health.Status).",
        "state running; with a health check, once it has run",
        _health_state,
    ),
    of_container(
        "container_health_failing_streak",
        "gauge",
        "Health checks that have failed in a row (State.Health.FailingStreak).",
        HEALTH,
        _failing_streak,
    ),
    of_container(
        "container_restarts_total",
        "counter",
        "Restarts by the restart policy since the last manual start (RestartCount).",
        ALL,
        lambda reading: reading.container.restart_count,
    ),
    of_container(
        "container_exit_code",
        "gauge",
        "Exit code of the last run, or why it could not be started (State.ExitCode).",
        "state exited, dead or restarting; created, when it could not be started",
        lambda reading: reading.container.last_exit_code,
    ),
    of_container(
        "container_oom_killed",
        "gauge",
        "1 when a process was killed for lack of memory in the last run (State.OOMKilled).",
        ALL,
        lambda reading: float(reading.container.oom_killed),
    ),
    of_container(
        "container_start_time_seconds",
        "gauge",
        "When the container was last started, Unix time (State.StartedAt).",
        "it has been started",
        lambda reading: reading.container.started_at,
    ),
    of_container(
        "container_creation_time_seconds",
        "gauge",
        "When the container was created, Unix time (Created).",
        ALL,
        lambda reading: reading.container.created_at,
    ),
    of_container(
        "container_finish_time_seconds",
        "gauge",
        "When the container last ended, Unix time (State.FinishedAt).",
        "it has ended",
        lambda reading: reading.container.finished_at,
    ),
    Metric(
        "container_last_seen",
        "gauge",
        "When the container was last seen, Unix time: that of the snapshot.",
        (),
        "state running or paused",
        _last_seen,
    ),
)

CONFIGURED: tuple[Metric[ContainerReading], ...] = (
    of_container(
        "container_spec_memory_limit_bytes",
        "gauge",
        "Memory limit, 0 for none (HostConfig.Memory).",
        ALL,
        lambda reading: reading.container.limits.memory_bytes,
    ),
    of_container(
        "container_spec_memory_reservation_limit_bytes",
        "gauge",
        "Soft memory limit, 0 for none (HostConfig.MemoryReservation).",
        ALL,
        lambda reading: reading.container.limits.memory_reservation_bytes,
    ),
    Metric(
        "container_spec_memory_swap_limit_bytes",
        "gauge",
        "Limit of memory and swap together, on cgroup v2 of swap, 0 for none "
        "(HostConfig.MemorySwap).",
        (),
        ALL,
        _swap_limit,
    ),
    of_container(
        "container_spec_cpu_period",
        "gauge",
        "Period of the CPU quota in microseconds (HostConfig.CpuPeriod, or the kernel's default).",
        ALL,
        lambda reading: stats.cpu_period_us(reading.container.limits),
    ),
    of_container(
        "container_spec_cpu_quota",
        "gauge",
        "CPU time per period in microseconds (HostConfig.CpuQuota or NanoCpus).",
        "only when set",
        lambda reading: stats.cpu_quota_us(reading.container.limits),
    ),
    of_container(
        "container_spec_cpu_shares",
        "gauge",
        "Relative CPU weight (HostConfig.CpuShares, or the kernel's default).",
        ALL,
        lambda reading: reading.container.limits.cpu_shares or stats.DEFAULT_CPU_SHARES,
    ),
    of_container(
        "container_spec_cpu_limit_ratio",
        "gauge",
        "Processors that the container may keep busy, 1.0 for one (HostConfig.NanoCpus or quota).",
        "only when set",
        lambda reading: stats.cpu_limit_ratio(reading.container.limits),
    ),
    of_container(
        "container_threads_max",
        "gauge",
        "Most processes and threads allowed, 0 for no limit (HostConfig.PidsLimit).",
        ALL,
        lambda reading: max(0, reading.container.limits.pids or 0),
    ),
)

# Its further labels come from the settings, so the collector makes its samples.
CONTAINER_INFO: Metric[ContainerReading] = Metric(
    "container_info",
    "gauge",
    "What the container is (Id, Image, Config, HostConfig); always 1.",
    (
        *("id", "image_id", "hostname", "network_mode", "restart_policy"),
        *("compose_project", "compose_service"),
    ),
    ALL,
    lambda _reading, _snapshot: one(1.0),
)
