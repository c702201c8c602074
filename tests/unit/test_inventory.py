"""Which containers must be inspected again."""

from __future__ import annotations

import weakref
from dataclasses import replace

import pytest

from exporter.metrics.inventory import OLDEST_SECONDS, Inventory
from exporter.model import Container, ContainerState, ContainerSummary, Health, HealthCheck

ROW = ContainerSummary(id="a", name="web", state=ContainerState.RUNNING, status="Up 2 days")
KNOWN = Container(
    id="a",
    name="web",
    image="nginx",
    image_id="",
    state=ContainerState.RUNNING,
    status="running",
)
NOTHING: set[str] = set()


def inventory_with(container: Container) -> Inventory:
    """Return an inventory that has inspected one container at the time 0."""
    inventory = Inventory()
    inventory.due([ROW], None, 0)
    inventory.keep(container, 0)
    return inventory


def test_new_container_is_due() -> None:
    """What has never been inspected is, and is not shown before."""
    inventory = Inventory()
    assert inventory.due([ROW], NOTHING, 0) == ["a"]
    assert inventory.get("a") is None


def test_known_container_is_not_due_and_is_shown() -> None:
    """Nothing says that it changed: no request is spent on it."""
    inventory = inventory_with(KNOWN)
    assert inventory.due([ROW], NOTHING, 1) == []
    assert inventory.get("a") is KNOWN


def test_event_makes_it_due_until_it_is_inspected() -> None:
    """An inspect that fails leaves it due, and what is known of it unshown."""
    inventory = inventory_with(KNOWN)
    assert inventory.due([ROW], {"a"}, 1) == ["a"]
    assert inventory.due([ROW], NOTHING, 2) == ["a"]
    assert inventory.get("a") is None
    inventory.keep(KNOWN, 2)
    assert inventory.due([ROW], NOTHING, 3) == []


def test_everything_is_due_without_the_event_stream() -> None:
    """While events cannot be trusted, each pass inspects all."""
    assert inventory_with(KNOWN).due([ROW], None, 1) == ["a"]


@pytest.mark.parametrize(
    "row", [replace(ROW, state=ContainerState.PAUSED), replace(ROW, name="web-2")]
)
def test_row_that_differs_makes_it_due(row: ContainerSummary) -> None:
    """The list itself shows a new state or name, before any event has come."""
    assert inventory_with(KNOWN).due([row], NOTHING, 1) == ["a"]


@pytest.mark.parametrize(
    ("check", "due"),
    [
        (HealthCheck(status=Health.HEALTHY, failing_streak=0), []),
        (HealthCheck(status=Health.HEALTHY, failing_streak=1), ["a"]),
        (HealthCheck(status=Health.STARTING, failing_streak=0), ["a"]),
        (HealthCheck(status=Health.UNHEALTHY, failing_streak=3), ["a"]),
    ],
)
def test_health_that_is_not_settled_makes_it_due(check: HealthCheck, due: list[str]) -> None:
    """A failing streak grows without an event."""
    assert inventory_with(replace(KNOWN, health_check=check)).due([ROW], NOTHING, 1) == due


def test_health_of_what_does_not_run_is_settled() -> None:
    """Nobody checks it any more."""
    check = HealthCheck(status=Health.UNHEALTHY, failing_streak=3)
    ended = replace(KNOWN, state=ContainerState.EXITED, status="exited", health_check=check)
    row = replace(ROW, state=ContainerState.EXITED)
    assert inventory_with(ended).due([row], NOTHING, 1) == []


def test_age_makes_it_due() -> None:
    """Not everything is announced: once a minute it is looked at anyway."""
    inventory = inventory_with(KNOWN)
    assert inventory.due([ROW], NOTHING, OLDEST_SECONDS - 1) == []
    assert inventory.due([ROW], NOTHING, OLDEST_SECONDS) == ["a"]


def test_container_that_is_gone_is_forgotten() -> None:
    """One that comes back later is new."""
    inventory = inventory_with(KNOWN)
    inventory.due([], NOTHING, 1)
    assert inventory.get("a") is None
    assert inventory.due([ROW], NOTHING, 2) == ["a"]


def test_what_is_not_listed_is_not_remembered() -> None:
    """Events name containers that come and go between two passes, ever new ones."""

    class Id(str):
        """A text of which can be told when it is gone."""

        __slots__ = ("__weakref__",)

    inventory, one = inventory_with(KNOWN), Id("b")
    gone = weakref.ref(one)
    assert inventory.due([ROW], {one}, 1) == []
    del one
    assert gone() is None
