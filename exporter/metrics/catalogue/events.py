"""What has happened to a container since the exporter started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.catalogue.metric import Metric, one
from exporter.model import EventCounts, Health, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.metrics.catalogue.metric import Values

WITH_EVENTS = "once the event stream has been up"
NOT_PODMAN = f"{WITH_EVENTS}; not with Podman"


def _of_events(name: str, text: str, read: Callable[[EventCounts], int]) -> Metric[EventCounts]:
    return Metric(name, "counter", text, (), WITH_EVENTS, lambda counts, _: one(read(counts)))


def _is_podman(snapshot: Snapshot) -> bool:
    return snapshot.info is not None and snapshot.info.engine == "podman"


def _ooms(counts: EventCounts, snapshot: Snapshot) -> Values:
    # Podman has no such event.
    return () if _is_podman(snapshot) else one(counts.ooms)


def _transitions(counts: EventCounts, snapshot: Snapshot) -> Values:
    if _is_podman(snapshot):
        # It has an event for each check, whatever came of it.
        return ()
    return (
        ((Health.STARTING.value,), counts.became_starting),
        ((Health.HEALTHY.value,), counts.became_healthy),
        ((Health.UNHEALTHY.value,), counts.became_unhealthy),
    )


EVENTS: tuple[Metric[EventCounts], ...] = (
    Metric(
        "container_oom_events_total",
        "counter",
        "Times the kernel killed for lack of memory since the exporter started (event oom).",
        (),
        NOT_PODMAN,
        _ooms,
    ),
    _of_events(
        "container_exits_total",
        "Times the container has ended since the exporter started (event die).",
        lambda counts: counts.exits,
    ),
    _of_events(
        "container_starts_total",
        "Times the container was started since the exporter started (event start).",
        lambda counts: counts.starts,
    ),
    Metric(
        "container_health_transitions_total",
        "counter",
        "Changes of health since the exporter started, by the new one (event health_status).",
        ("status",),
        NOT_PODMAN,
        _transitions,
    ),
)
