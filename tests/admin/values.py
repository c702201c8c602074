"""Containers and records as values, for tests that need no engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.actions.audit import Outcome, Record
from exporter.actions.guard import Trigger
from exporter.model import Container, ContainerState, Health, HealthCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

ID = "0123456789ab" + "c" * 52
OPTED_IN = {"docker-exporter.actions": "restart,start,stop"}
NOW = 1_700_000_000.0


def container(
    state: ContainerState = ContainerState.RUNNING,
    *,
    labels: Mapping[str, str] = OPTED_IN,
    health: tuple[Health, int] | None = None,
    started_at: float | None = NOW - 3600,
) -> Container:
    """Return a container called `web`."""
    return Container(
        id=ID,
        name="web",
        image="busybox:test",
        image_id="sha256:0",
        state=state,
        status=state.value,
        health_check=health and HealthCheck(status=health[0], failing_streak=health[1]),
        started_at=started_at,
        labels=labels,
    )


def record(
    outcome: Outcome = Outcome.DONE, *, at: float = NOW, firing: str | None = None, detail: str = ""
) -> Record:
    """Return the record of a restart of that container."""
    return Record(
        time=datetime.fromtimestamp(at, UTC),
        request_id="0" * 16,
        trigger=Trigger.API,
        action="restart",
        outcome=outcome,
        container="web",
        container_id=ID,
        parameters={} if firing is None else {"firing": firing},
        detail=detail,
    )
