"""What the admin API takes and gives: the bodies of requests and of answers.

The OpenAPI document takes its schemas from here.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 -- msgspec reads the annotations
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from exporter.actions.audit import Record  # noqa: TC001 -- as above
from exporter.actions.executor import DEFAULT_STOP_SECONDS
from exporter.actions.guard import Action  # noqa: TC001 -- as above
from exporter.actions.healing import Alert  # noqa: TC001 -- as above

MAX_STOP_SECONDS = 600


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to carry out an action.

    Attributes:
        timeout: After how many seconds a container that does not stop is killed. A part of a
            second counts as a whole one.
        reason: Goes on the record.
        dry_run: Whether to say only what would be done.
    """

    timeout: Annotated[float, Meta(ge=0, le=MAX_STOP_SECONDS)] = DEFAULT_STOP_SECONDS
    reason: Annotated[str, Meta(max_length=500)] = ""
    dry_run: bool = False


class Webhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What Alertmanager sends (version 4), as far as it matters here."""

    version: Literal["4"]
    group_key: str
    alerts: list[Alert]


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an action would be allowed now, and if not, why."""

    allowed: bool
    reason: str | None
    detail: str
    retry_after_seconds: float | None


class ContainerView(msgspec.Struct, frozen=True, kw_only=True):
    """What a container is, and what may be done to it."""

    id: str
    name: str
    image: str
    state: str
    health: str | None
    failing_streak: int | None
    restarts: int
    exit_code: int | None
    started_at: str | None
    network_mode: str
    actions: dict[Action, Permission]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a running container uses; null is what the engine does not tell.

    Attributes:
        cpu_ratio: Busy processors: 1.0 is one.
        memory_usage_ratio: Share of the limit.
    """

    cpu_ratio: float | None
    memory_working_set_bytes: int | None
    memory_limit_bytes: int | None
    memory_usage_ratio: float | None
    threads: int | None


class ContainerDetail(ContainerView, frozen=True, kw_only=True):
    """The same, with what it uses; null for a container that does not run."""

    usage: Usage | None


class ContainerList(msgspec.Struct, frozen=True, kw_only=True):
    """Every container of the engine.

    Attributes:
        unreadable: The names of those that the engine lists and says nothing about.
    """

    containers: list[ContainerView]
    unreadable: list[str]


class ActionList(msgspec.Struct, frozen=True, kw_only=True):
    """The last attempts since the exporter was started, the newest first."""

    actions: list[Record]


class AlertAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one alert: `accepted` is under way, the rest is as on the record."""

    fingerprint: str
    request_id: str
    outcome: Literal["accepted", "done", "failed", "denied", "dry_run", "ignored"]
    reason: str | None
    detail: str


class AlertAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the alerts that ask for something; the others are left out."""

    received_at: Annotated[datetime, Meta(tz=True)]
    alerts: list[AlertAnswer]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong with a request (RFC 9457).

    Attributes:
        reason: The rule that denied an action, or the kind of failure, in one word.
        record: What was recorded about the attempt.
    """

    title: str
    status: int
    detail: str
    reason: str | None = None
    retry_after_seconds: float | None = None
    record: Record | None = None
