"""What an alert asks for: a pure reading of what Alertmanager sends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 -- msgspec reads the annotations
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from exporter.actions.guard import Action
from exporter.engine.base import check_name
from exporter.errors import InvalidNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACTION_LABEL = "docker_exporter_action"
"""The label, or else the annotation, that makes an alert ask for an action."""

_WORDS = {"restart": Action.RESTART, "start": Action.START}
_ID = re.compile(r"(?:/docker/)?([0-9a-f]{64})", re.ASCII)


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One alert of a notification, as far as it matters here."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Annotated[datetime, Meta(tz=True)]
    fingerprint: str

    @property
    def firing(self) -> str:
        """What tells this firing from every other, however often it is sent."""
        return f"{self.fingerprint}@{self.starts_at.isoformat()}"

    @property
    def asked(self) -> str | None:
        """The word for what is asked for, if anything is."""
        return self.labels.get(ACTION_LABEL) or self.annotations.get(ACTION_LABEL) or None

    @property
    def says_unhealthy(self) -> bool:
        """Whether it fires because its container is unhealthy, as `container_health` says it."""
        return self.labels.get("status") == "unhealthy"


class Ignored(StrEnum):
    """Why nothing comes of an alert that asks for an action."""

    RESOLVED = "resolved"
    UNKNOWN_ACTION = "unknown-action"
    NO_IDENTITY = "no-identity"
    NOT_HERE = "not-here"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an alert asks for.

    Attributes:
        container: An id, or a name where the alert has none.
        resolved: Whether it no longer does: what it asked for is not needed any more.
    """

    action: Action
    container: str
    resolved: bool


def wish(alert: Alert, matchers: Sequence[tuple[str, str]]) -> Wish | Ignored | None:
    """Return what an alert asks for.

    An exporter does not know under which name Prometheus scrapes it. So an id is what tells that
    a container is meant which this engine has; a name alone does so only where matchers say which
    alerts are meant for this exporter.

    Args:
        alert: The alert.
        matchers: Labels and their values; all must match. None of them match nothing.

    Returns:
        None for an alert that asks for no action.
    """
    if alert.asked is None:
        return None
    action = _WORDS.get(alert.asked)
    if action is None:
        return Ignored.UNKNOWN_ACTION
    container = _container(alert.labels, matchers)
    if container is None:
        return Ignored.NO_IDENTITY
    return Wish(action=action, container=container, resolved=alert.status == "resolved")


def _container(labels: Mapping[str, str], matchers: Sequence[tuple[str, str]]) -> str | None:
    if "id" in labels:
        match = _ID.fullmatch(labels["id"])
        return match and match[1]
    if not matchers or any(labels.get(name) != value for name, value in matchers):
        return None
    try:
        return check_name(labels.get("name", ""))
    except InvalidNameError:
        return None
