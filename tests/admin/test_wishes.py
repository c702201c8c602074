"""What an alert asks for, and of which container."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pytest

from exporter.actions.guard import Action
from exporter.actions.healing import Alert, Ignored, Wish, wish
from tests.admin.values import ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RESTART = {"docker_exporter_action": "restart"}
HERE = ("instance", "here:9417")


def wished(container: str, action: Action = Action.RESTART, *, resolved: bool = False) -> Wish:
    """Return a wish."""
    return Wish(action=action, container=container, resolved=resolved)


@dataclass(frozen=True)
class Case:
    """An alert, and what comes of it."""

    what: str
    expected: Wish | Ignored | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    status: Literal["firing", "resolved"] = "firing"
    matchers: Sequence[tuple[str, str]] = ()


CASES = [
    Case("asks for nothing", None, {"id": f"/docker/{ID}"}),
    Case("asks for nothing in words", None, {"id": ID, "docker_exporter_action": ""}),
    Case("an id as the metrics have it", wished(ID), {**RESTART, "id": f"/docker/{ID}"}),
    Case("an id alone", wished(ID), {**RESTART, "id": ID}),
    Case(
        "start",
        wished(ID, Action.START),
        {"docker_exporter_action": "start", "id": ID},
    ),
    Case("by an annotation", wished(ID), {"id": ID}, RESTART),
    Case(
        "the label goes before the annotation",
        wished(ID),
        {**RESTART, "id": ID},
        {"docker_exporter_action": "start"},
    ),
    Case(
        "stop is not offered",
        Ignored.UNKNOWN_ACTION,
        {"docker_exporter_action": "stop", "id": ID},
    ),
    Case(
        "a word that is none",
        Ignored.UNKNOWN_ACTION,
        {"docker_exporter_action": "rm -rf", "id": ID},
    ),
    Case("resolved", wished(ID, resolved=True), {**RESTART, "id": ID}, status="resolved"),
    Case("no container at all", Ignored.NO_IDENTITY, RESTART, matchers=[HERE]),
    Case("a short id", Ignored.NO_IDENTITY, {**RESTART, "id": ID[:12]}),
    Case("a path in place of an id", Ignored.NO_IDENTITY, {**RESTART, "id": f"../{ID}"}),
    Case(
        "a bad id is no reason to go by the name",
        Ignored.NO_IDENTITY,
        {**RESTART, "id": "/", "name": "web", "instance": "here:9417"},
        matchers=[HERE],
    ),
    Case("a name alone", Ignored.NO_IDENTITY, {**RESTART, "name": "web"}),
    Case(
        "a name, and it is here",
        wished("web"),
        {**RESTART, "name": "web", "instance": "here:9417"},
        matchers=[HERE],
    ),
    Case(
        "a name, and it is elsewhere",
        Ignored.NO_IDENTITY,
        {**RESTART, "name": "web", "instance": "there:9417"},
        matchers=[HERE],
    ),
    Case(
        "all matchers must match",
        Ignored.NO_IDENTITY,
        {**RESTART, "name": "web", "instance": "here:9417"},
        matchers=[HERE, ("job", "docker")],
    ),
    Case(
        "a name that no container can have",
        Ignored.NO_IDENTITY,
        {**RESTART, "name": "../web", "instance": "here:9417"},
        matchers=[HERE],
    ),
]


def alert(
    labels: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
    status: Literal["firing", "resolved"] = "firing",
) -> Alert:
    """Return an alert."""
    return Alert(
        status=status,
        labels=dict(labels),
        annotations=dict(annotations or {}),
        starts_at=datetime(2026, 1, 2, tzinfo=UTC),
        fingerprint="f00d",
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_wish(case: Case) -> None:
    """Each alert asks for what it says, of a container that can be told, or is ignored."""
    assert wish(alert(case.labels, case.annotations, case.status), case.matchers) == case.expected


def test_firing_is_told_by_fingerprint_and_start() -> None:
    """The same alert that fires anew is another firing."""
    assert alert({}).firing == "f00d@2026-01-02T00:00:00+00:00"


@pytest.mark.parametrize(("status", "expected"), [("unhealthy", True), ("starting", False)])
def test_reason_is_health_where_the_alert_says_so(status: str, expected: bool) -> None:  # noqa: FBT001 -- a parameter
    """By the label of `container_health`."""
    assert alert({"status": status}).says_unhealthy is expected
