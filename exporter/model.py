"""What is known about an engine and its containers, as frozen values.

Nothing here reads, waits or logs. None always means "not known", never zero.
Byte counts are bytes, times are seconds since the Unix epoch, `_ns` are nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.disk import DiskUsage


class Mode(StrEnum):
    """How an engine is reached."""

    SDK = "sdk"
    CLI = "cli"


class ContainerState(StrEnum):
    """The seven states of a container (`State.Status` of the Engine API)."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"

    @property
    def has_processes(self) -> bool:
        """Whether there is anything to read the stats of: running, or paused."""
        return self in (ContainerState.RUNNING, ContainerState.PAUSED)


class Health(StrEnum):
    """What a health check has found (`State.Health.Status`), for a container that has one."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """Facts about the engine (`/info` and `/version`).

    Attributes:
        engine: `docker` or `podman`.
        images: How many images the engine holds.
        cpus: Processors of the engine's machine.
        memory_bytes: Memory of the engine's machine.
    """

    engine: str
    version: str
    api_version: str
    os: str
    kernel_version: str
    cgroup_version: str
    storage_driver: str
    cpus: int | None
    memory_bytes: int | None
    images: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSummary:
    """One row of the engine's list of containers.

    Attributes:
        id: The full id, 64 hexadecimal digits.
        name: The name without its slash; the first 12 digits of the id where there is none.
        state: None for a word outside the seven (Podman has some).
        status: The engine's sentence, such as `Up 4 days (healthy)`.
    """

    id: str
    name: str
    state: ContainerState | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """The health check of a container, as inspect shows it.

    Attributes:
        failing_streak: Consecutive failed checks.
    """

    status: Health
    failing_streak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What was configured (`HostConfig`), in the engine's own units and conventions.

    Attributes:
        memory_bytes: 0 for none.
        memory_reservation_bytes: 0 for none.
        memory_swap_bytes: Memory and swap together; 0 for unset, -1 for unlimited.
        nano_cpus: Billionths of a processor; 0 for none.
        cpu_period_us: 0 for the default of 100,000.
        cpu_quota_us: 0 for none, or -1.
        cpu_shares: 0 for the default of 1,024.
        pids: None, 0 or -1 for none.
    """

    memory_bytes: int = 0
    memory_reservation_bytes: int = 0
    memory_swap_bytes: int = 0
    nano_cpus: int = 0
    cpu_period_us: int = 0
    cpu_quota_us: int = 0
    cpu_shares: int = 0
    pids: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container as inspect shows it, running or not.

    Attributes:
        image: What the user typed (`Config.Image`); the list's own image turns into an id when
            the tag moves on.
        state: None for a word outside the seven.
        health_check: None where the container has no health check.
        restart_count: Restarts by the restart policy since the last manual start.
        error: Why the container could not be started; empty when it could.
        started_at: None when it has never been started.
        started_at_text: The same as the engine wrote it (RFC 3339 with nanoseconds).
        finished_at: None when it has never ended.
        pid: The first process on the engine's machine; None while there is none.
    """

    id: str
    name: str
    image: str
    image_id: str
    state: ContainerState | None
    status: str
    health_check: HealthCheck | None = None
    restart_count: int = 0
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    created_at: float | None = None
    started_at: float | None = None
    started_at_text: str | None = None
    finished_at: float | None = None
    pid: int | None = None
    hostname: str = ""
    network_mode: str = ""
    restart_policy: str = ""
    limits: Limits = field(default_factory=Limits)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether the state is running; a paused or restarting container is not."""
        return self.state is ContainerState.RUNNING

    @property
    def last_exit_code(self) -> int | None:
        """The exit code where it tells something; the engine has a 0 for every other container.

        That is of the last run of one that has ended, or why one could not be started.
        """
        ended = (ContainerState.EXITED, ContainerState.DEAD, ContainerState.RESTARTING)
        not_started = self.state is ContainerState.CREATED and (self.error or self.exit_code)
        return self.exit_code if self.state in ended or not_started else None

    @property
    def health(self) -> HealthCheck | None:
        """The health that may be believed, or None.

        The engine reports `unhealthy` with a streak of 0 for every stopped, paused or
        just-unpaused container that has a check, because its monitor is off: that is no health.
        """
        check = self.health_check
        if check is None or not self.is_running:
            return None
        if check.status is Health.UNHEALTHY and check.failing_streak == 0:
            return None
        return check

    @property
    def has_own_network(self) -> bool:
        """Whether network counters are this container's: neither the host's nor a lender's.

        A container without a network has none, though Podman gives it zeros.
        """
        lent = self.network_mode.startswith("container:")
        return not lent and self.network_mode not in ("host", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCounters:
    """One reading of the processor counters.

    Attributes:
        usage_ns: Processor time used by the container.
        host_ns: Processor time of the whole machine, all processors together.
        online_cpus: Processors of the machine.
        read_at_ns: When it was read, in nanoseconds of the engine's wall clock.
    """

    usage_ns: int
    user_ns: int | None = None
    kernel_ns: int | None = None
    host_ns: int | None = None
    online_cpus: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    burst_periods: int | None = None
    burst_ns: int | None = None
    read_at_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryStats:
    """One reading of the memory, each field only where the source gives it.

    Attributes:
        usage: As the kernel counts it, page cache included.
        working_set: Usage less inactive page cache, never below 0 (cAdvisor).
        shown_usage: What `docker stats` shows: the same, but usage where the cache is larger.
        limit: The limit, or the machine's memory where there is none.
        failcnt: cgroup v1 times the limit was hit; v2 OOM events.
        events_high: cgroup v2 times that usage went over `memory.high`.
        events_max: cgroup v2 times that usage was about to go over the limit.
    """

    usage: int | None = None
    working_set: int | None = None
    shown_usage: int | None = None
    limit: int | None = None
    max_usage: int | None = None
    failcnt: int | None = None
    swap: int | None = None
    cache: int | None = None
    rss: int | None = None
    mapped_file: int | None = None
    active_file: int | None = None
    inactive_file: int | None = None
    file_dirty: int | None = None
    file_writeback: int | None = None
    page_faults: int | None = None
    major_page_faults: int | None = None
    events_high: int | None = None
    events_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkStats:
    """One reading of one network interface, each field only where the source gives it."""

    interface: str
    receive_bytes: int
    transmit_bytes: int
    receive_packets: int | None = None
    receive_dropped: int | None = None
    receive_errors: int | None = None
    transmit_packets: int | None = None
    transmit_dropped: int | None = None
    transmit_errors: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockIoStats:
    """One counter of one block device.

    Attributes:
        device: `/dev/NAME` where the exporter shares the engine's machine, else `MAJOR:MINOR`.
        operation: `Read`, `Write`, `Sync`, `Async`, `Discard` or `Total`.
        value: Bytes or operations, whichever list the counter stands in.
    """

    device: str
    major: int
    minor: int
    operation: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """How long processes have waited for one resource, in microseconds.

    Attributes:
        waiting_us: Time in which at least one of them waited (`some`).
        stalled_us: Time in which all of them waited at once (`full`).
    """

    waiting_us: int | None = None
    stalled_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureStats:
    """One reading of the pressure on a container, each field only where the kernel keeps it."""

    cpu: Pressure | None = None
    memory: Pressure | None = None
    io: Pressure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStats:
    """One reading of what a container uses.

    Attributes:
        container_id: Whose it is, where it was asked for by name.
        cpu: None where the source prints no counters (the `docker` command).
        previous_cpu: An earlier reading that came with this one.
        cpu_ratio: Busy processors, where the source prints that instead of counters.
        memory_ratio: Share of the limit, where the source prints it.
        networks: None where the source does not know.
        io_bytes: None where the source does not know; empty before the first I/O.
        io_operations: The same for counts of operations.
        pids: Processes and threads.
        pressure: None where the source does not know.
    """

    container_id: str | None = None
    cpu: CpuCounters | None = None
    previous_cpu: CpuCounters | None = None
    cpu_ratio: float | None = None
    memory: MemoryStats = field(default_factory=MemoryStats)
    memory_ratio: float | None = None
    networks: tuple[NetworkStats, ...] | None = None
    io_bytes: tuple[BlockIoStats, ...] | None = None
    io_operations: tuple[BlockIoStats, ...] | None = None
    pids: int | None = None
    pressure: PressureStats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEvent:
    """One event of the engine's stream that concerns a container.

    Attributes:
        action: `start`, `die`, `oom`, `health_status`, `destroy` … without any suffix.
        health: The new health, of a `health_status` event.
        exit_code: Of a `die` or `exec_die` event.
        time_ns: When, in nanoseconds of the engine's wall clock.
    """

    container_id: str
    action: str
    name: str
    image: str
    time_ns: int
    labels: Mapping[str, str] = field(default_factory=dict)
    health: Health | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """What has happened to a container since the exporter started."""

    starts: int = 0
    exits: int = 0
    ooms: int = 0
    became_starting: int = 0
    became_healthy: int = 0
    became_unhealthy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReading:
    """One container in a snapshot: what it is and, if it runs, what it uses.

    Attributes:
        stats: None for a container that does not run, or whose stats could not be read.
        cpu_ratio: Busy processors since the snapshot before; None in the first.
        events: None while the event stream has never been up.
    """

    container: Container
    stats: ContainerStats | None = None
    cpu_ratio: float | None = None
    events: EventCounts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedContainer:
    """A container that is gone, whose last events have yet to be scraped."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str] = field(default_factory=dict)
    events: EventCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one pass over the engine saw.

    Attributes:
        taken_at: When the list was read, or was found unreadable.
        taken_monotonic: The same on the monotonic clock, for its age.
        duration_seconds: How long the pass took, up to now if it was cut.
        mode: How the engine was reached; None when it was not.
        error: Why the engine could not be listed; None when it could.
        info: None where the engine does not tell.
        states: How many containers the engine lists in each state; None without a list.
        without_stats: How many containers lack some of their series, by reason.
        complete: False for a snapshot that was cut at a deadline, or failed.
        events_connected: Whether the event stream is up; None where nobody follows it.
        disk: What was read last of what things take on disk; None where nobody reads it.
    """

    taken_at: float
    taken_monotonic: float
    duration_seconds: float
    mode: Mode | None = None
    error: str | None = None
    info: EngineInfo | None = None
    states: Mapping[ContainerState, int] | None = None
    containers: tuple[ContainerReading, ...] = ()
    removed: tuple[RemovedContainer, ...] = ()
    without_stats: Mapping[str, int] = field(default_factory=dict)
    complete: bool = True
    events_connected: bool | None = None
    disk: DiskUsage | None = None

    @property
    def up(self) -> bool:
        """Whether this pass could list the engine's containers."""
        return self.states is not None
