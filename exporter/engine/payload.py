"""Engine API JSON, as the API answers and as `docker inspect` prints it, turned into values.

Only the wanted fields are named: msgspec passes over the rest, which is most of every answer.
The structures follow the Go structs of moby `api/types`; null stands for an empty list or map
wherever Go marshals a nil, and numbers that are zero are often left out.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from exporter.errors import EngineResponseError
from exporter.model import (
    Container,
    ContainerEvent,
    ContainerState,
    ContainerSummary,
    EngineInfo,
    Health,
    HealthCheck,
    Limits,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

# The widest that Go's integers and a float can both hold: beyond, and below zero where something
# is counted, an answer makes no sense.
MOST = 2**63 - 1
Whole = Annotated[int, msgspec.Meta(ge=-MOST, le=MOST)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]

# How many digits of an id stand for a container that has no name, as in `docker ps`.
SHORT_ID = 12

# What the event stream is asked for. One kind that comes with a suffix (`health_status`) makes the
# engine match all of them by their beginnings (moby `daemon/events/filter.go`).
EVENT_FILTERS = {
    "type": ["container"],
    "event": [
        "create",
        "start",
        "die",
        # Podman compares with its own words, also where it writes Docker's.
        "died",
        "oom",
        "health_status",
        "destroy",
        "remove",
        "pause",
        "unpause",
        "rename",
        "update",
        "exec_die",
        "exec_died",
    ],
}

# What the engine adds to a container's labels in the attributes of its events.
_EVENT_ATTRIBUTES = {
    *("name", "image", "exitCode", "execDuration", "execID", "signal", "oldName"),
    *("containerExitCode", "podId", "health_status"),
}

# Podman's own words, where Docker has others.
_PODMAN_ACTIONS = {"exec_died": "exec_die", "remove": "destroy"}

_EXIT_CODE = re.compile(r"\d{1,10}", re.ASCII)

_STATES = {state.value: state for state in ContainerState}

_HEALTHS = {health.value: health for health in Health}


class _Pascal(msgspec.Struct, rename="pascal"):
    pass


class _Health(_Pascal):
    status: str = ""
    failing_streak: Count = 0


class _State(_Pascal):
    status: str = ""
    pid: Count = 0
    exit_code: Whole = 0
    oom_killed: bool = msgspec.field(default=False, name="OOMKilled")
    error: str = ""
    started_at: str = ""
    finished_at: str = ""
    health: _Health | None = None


class _RestartPolicy(_Pascal):
    name: str = ""


class _HostConfig(_Pascal):
    network_mode: str = ""
    restart_policy: _RestartPolicy | None = None
    memory: Whole = 0
    memory_reservation: Whole = 0
    memory_swap: Whole = 0
    nano_cpus: Whole = 0
    cpu_period: Whole = 0
    cpu_quota: Whole = 0
    cpu_shares: Whole = 0
    pids_limit: Whole | None = None


class _Config(_Pascal):
    hostname: str = ""
    image: str = ""
    labels: dict[str, str] | None = None


class InspectPayload(_Pascal):
    """The answer of `GET /containers/{id}/json`, and each entry of `docker inspect`."""

    id: str
    name: str = ""
    created: str = ""
    image: str = ""
    restart_count: Count = 0
    state: _State | None = None
    host_config: _HostConfig | None = None
    config: _Config | None = None


class SummaryPayload(_Pascal):
    """One row of `GET /containers/json`."""

    id: str
    names: list[str] | None = None
    state: str = ""
    status: str = ""


class InfoPayload(_Pascal):
    """The answer of `GET /info`, and what `docker info` prints."""

    server_version: str = ""
    operating_system: str = ""
    kernel_version: str = ""
    cgroup_version: str = ""
    driver: str = ""
    images: Count | None = None
    cpus: Count | None = msgspec.field(default=None, name="NCPU")
    mem_total: Count | None = None


class _Component(_Pascal):
    name: str = ""


class VersionPayload(_Pascal):
    """The answer of `GET /version`."""

    version: str = ""
    api_version: str = ""
    min_api_version: str = msgspec.field(default="", name="MinAPIVersion")
    components: list[_Component] | None = None

    @property
    def engine(self) -> str:
        """`podman`, or `docker`."""
        names = [component.name for component in self.components or []]
        return "podman" if any("podman" in name.lower() for name in names) else "docker"


class _Actor(msgspec.Struct):
    id: str = msgspec.field(default="", name="ID")
    attributes: dict[str, str] | None = msgspec.field(default=None, name="Attributes")


class EventPayload(msgspec.Struct):
    """One line of `GET /events`, and of `docker events`."""

    action: str = msgspec.field(default="", name="Action")
    actor: _Actor | None = msgspec.field(default=None, name="Actor")
    time_nano: Count = msgspec.field(default=0, name="timeNano")
    # Podman's place for what Docker writes behind the action.
    health_status: str = msgspec.field(default="", name="HealthStatus")


def decode(body: bytes | bytearray | str, shape: type[T], what: str) -> T:
    """Return a JSON text as a typed payload.

    Raises:
        EngineResponseError: It is no JSON, or not of this shape; the message says where.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EngineResponseError(
            f"The engine's answer to '{what}' makes no sense: {error}"
        ) from error


def convert(value: object, shape: type[T], what: str) -> T:
    """Return what the SDK has already decoded as a typed payload.

    Raises:
        EngineResponseError: It is not of this shape; the message says where.
    """
    try:
        return msgspec.convert(value, type=shape)
    except msgspec.ValidationError as error:
        raise EngineResponseError(
            f"The engine's answer to '{what}' makes no sense: {error}"
        ) from error


def timestamp(text: str) -> float | None:
    """Return an RFC 3339 time as Unix seconds; None for Go's zero time, or none at all.

    Examples:
        >>> timestamp("2025-11-06T14:30:00.123456789Z")
        1762439400.123456
        >>> timestamp("2025-11-06T15:30:00+01:00")
        1762439400.0
        >>> timestamp("0001-01-01T00:00:00Z") is None
        True
    """
    # Python 3.11 reads nine fractional digits, and drops the last three.
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.year > 1 and moment.tzinfo is not None else None


def name_of(names: list[str], container_id: str) -> str:
    """Return a container's own name: the entry with one slash, without it.

    The other entries belong to links (`/other/alias`).

    Examples:
        >>> name_of(["/db/web", "/web"], "0123456789abcdef")
        'web'
        >>> name_of([], "0123456789abcdef")
        '0123456789ab'
    """
    for name in names:
        if name.count("/") <= 1 and name.strip("/"):
            return name.strip("/")
    return container_id[:SHORT_ID]


def state_of(word: str) -> ContainerState | None:
    """Return the engine's word as a state; None for one outside the seven."""
    return _STATES.get(word)


def summary(payload: SummaryPayload) -> ContainerSummary:
    """Turn one row of the list into a value."""
    return ContainerSummary(
        id=payload.id,
        name=name_of(payload.names or [], payload.id),
        state=state_of(payload.state),
        status=payload.status,
    )


def container(payload: InspectPayload) -> Container:
    """Turn the answer to an inspect into a value."""
    state = payload.state or _State()
    config = payload.config or _Config()
    host = payload.host_config or _HostConfig()
    started_at = timestamp(state.started_at)
    return Container(
        id=payload.id,
        name=name_of([payload.name], payload.id),
        image=config.image,
        image_id=payload.image,
        state=state_of(state.status),
        status=state.status,
        health_check=_health_check(state.health),
        restart_count=payload.restart_count,
        exit_code=state.exit_code,
        oom_killed=state.oom_killed,
        error=state.error,
        created_at=timestamp(payload.created),
        started_at=started_at,
        started_at_text=None if started_at is None else state.started_at,
        finished_at=timestamp(state.finished_at),
        pid=state.pid or None,
        hostname=config.hostname,
        network_mode=host.network_mode,
        restart_policy=host.restart_policy.name if host.restart_policy else "",
        limits=_limits(host),
        labels=config.labels or {},
    )


def _health_check(payload: _Health | None) -> HealthCheck | None:
    status = _HEALTHS.get(payload.status) if payload else None
    if payload is None or status is None:
        return None
    return HealthCheck(status=status, failing_streak=payload.failing_streak)


def _limits(host: _HostConfig) -> Limits:
    return Limits(
        memory_bytes=host.memory,
        memory_reservation_bytes=host.memory_reservation,
        memory_swap_bytes=host.memory_swap,
        nano_cpus=host.nano_cpus,
        cpu_period_us=host.cpu_period,
        cpu_quota_us=host.cpu_quota,
        cpu_shares=host.cpu_shares,
        pids=host.pids_limit,
    )


def info(payload: InfoPayload, version: VersionPayload) -> EngineInfo:
    """Turn the answers to `/info` and `/version` into one value."""
    return EngineInfo(
        engine=version.engine,
        version=version.version or payload.server_version,
        api_version=version.api_version,
        os=payload.operating_system,
        kernel_version=payload.kernel_version,
        cgroup_version=payload.cgroup_version,
        storage_driver=payload.driver,
        cpus=payload.cpus or None,
        memory_bytes=payload.mem_total or None,
        images=payload.images,
    )


def events(lines: Iterable[bytes]) -> Iterator[ContainerEvent]:
    """Yield the container events among the lines of a stream.

    Raises:
        EngineResponseError: A line is no event.
    """
    for line in lines:
        if line.strip():
            one = _event(decode(line, EventPayload, "events"))
            if one is not None:
                yield one


def _event(payload: EventPayload) -> ContainerEvent | None:
    if payload.actor is None or not payload.actor.id:
        return None
    attributes = payload.actor.attributes or {}
    action, _, suffix = payload.action.partition(":")
    # Podman adds a `containerExitCode` to every event: 0 unless it is this one.
    exit_code = attributes.get("exitCode", "")
    health = suffix.strip() or payload.health_status
    return ContainerEvent(
        container_id=payload.actor.id,
        action=_PODMAN_ACTIONS.get(action, action),
        name=attributes.get("name") or payload.actor.id[:SHORT_ID],
        image=attributes.get("image", ""),
        labels={k: v for k, v in attributes.items() if k not in _EVENT_ATTRIBUTES},
        time_ns=payload.time_nano,
        health=_HEALTHS.get(health) if action == "health_status" else None,
        exit_code=int(exit_code) if _EXIT_CODE.fullmatch(exit_code) else None,
    )
