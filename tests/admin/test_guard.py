"""The guard's decisions, rule by rule."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from exporter.actions.guard import (
    Action,
    Attempt,
    History,
    Policy,
    Rule,
    Trigger,
    decide,
)
from exporter.model import ContainerState, Health
from tests.admin.values import ID, NOW, container

if TYPE_CHECKING:
    from exporter.model import Container

RESTART, START, STOP = Action.RESTART, Action.START, Action.STOP
API, ALERT, WATCH = Trigger.API, Trigger.ALERTMANAGER, Trigger.WATCH
SICK = (Health.UNHEALTHY, 3)


@dataclass(frozen=True)
class Case:
    """One question and its answer: the rule that denies, and when to ask again."""

    what: str
    rule: Rule | None = None
    retry_after: float | None = None
    action: Action = RESTART
    trigger: Trigger = API
    subject: Container = field(default_factory=container)
    policy: Policy = field(default_factory=Policy)
    history: History = field(default_factory=History)
    because_unhealthy: bool = False


def labelled(value: str, label: str = "docker-exporter.actions") -> Container:
    """Return a container with a label."""
    return container(labels={label: value})


IDENTITY = [
    Case("opted in to the action"),
    Case("opted in to others only", Rule.NOT_OPTED_IN, subject=labelled("start,stop")),
    Case("no label", Rule.NOT_OPTED_IN, subject=container(labels={})),
    Case("a word that only begins like it", Rule.NOT_OPTED_IN, subject=labelled("restarts")),
    Case("capitals are another word", Rule.NOT_OPTED_IN, subject=labelled("RESTART")),
    Case("spaces in the list", subject=labelled(" start , restart ")),
    Case("another label is configured", Rule.NOT_OPTED_IN, policy=Policy(label="heal")),
    Case("by that label", subject=labelled("restart", "heal"), policy=Policy(label="heal")),
    Case("by name", subject=container(labels={}), policy=Policy(allow=re.compile("we."))),
    Case(
        "a part of the name is not the name",
        Rule.NOT_OPTED_IN,
        subject=container(labels={}),
        policy=Policy(allow=re.compile("we")),
    ),
    Case("a person named it on the host", trigger=WATCH, subject=container(labels={})),
    Case("an alert does not opt in", Rule.NOT_OPTED_IN, trigger=ALERT, subject=labelled("")),
    Case("the exporter's own", Rule.OWN_CONTAINER, policy=Policy(own_id=ID)),
    Case("its own by the first digits", Rule.OWN_CONTAINER, policy=Policy(own_id=ID[:12])),
    Case(
        "its own, in spite of a person", Rule.OWN_CONTAINER, trigger=WATCH, policy=Policy(own_id=ID)
    ),
    Case(
        "its own, in spite of the name",
        Rule.OWN_CONTAINER,
        policy=Policy(own_id=ID, allow=re.compile(".*")),
    ),
    Case("another container's id", policy=Policy(own_id="f" * 64)),
]

STATE = [
    *(
        Case(f"a person restarts what is {state}", subject=container(state))
        for state in ContainerState
    ),
    *(
        Case(
            f"an alert restarts what is {state}",
            None if state in ("running", "restarting") else Rule.STATE,
            trigger=ALERT,
            subject=container(state),
        )
        for state in ContainerState
    ),
    *(
        Case(
            f"an alert starts what is {state}",
            None if state in ("created", "exited") else Rule.STATE,
            trigger=ALERT,
            action=START,
            subject=container(state),
        )
        for state in ContainerState
    ),
    *(
        Case(
            f"a watch restarts what is {state}",
            Rule.STATE if state in ("paused", "removing", "dead") else None,
            trigger=WATCH,
            subject=container(state),
        )
        for state in ContainerState
    ),
    Case(
        "unhealthy, as the alert says",
        trigger=ALERT,
        subject=container(health=SICK),
        because_unhealthy=True,
    ),
    Case(
        "healthy by now",
        Rule.NOT_UNHEALTHY,
        trigger=ALERT,
        subject=container(health=(Health.HEALTHY, 0)),
        because_unhealthy=True,
    ),
    Case(
        "starting by now",
        Rule.NOT_UNHEALTHY,
        trigger=ALERT,
        subject=container(health=(Health.STARTING, 0)),
        because_unhealthy=True,
    ),
    Case(
        "just unpaused: unhealthy with a streak of 0 is no health",
        Rule.NOT_UNHEALTHY,
        trigger=ALERT,
        subject=container(health=(Health.UNHEALTHY, 0)),
        because_unhealthy=True,
    ),
    Case("no health check", Rule.NOT_UNHEALTHY, trigger=ALERT, because_unhealthy=True),
    Case(
        "stopped, whatever the engine says of its health",
        Rule.STATE,
        trigger=ALERT,
        subject=container(ContainerState.EXITED, health=SICK),
        because_unhealthy=True,
    ),
    Case(
        "paused, whatever the engine says of its health",
        Rule.STATE,
        trigger=ALERT,
        subject=container(ContainerState.PAUSED, health=SICK),
        because_unhealthy=True,
    ),
    Case(
        "an alert for another reason does not ask for health",
        trigger=ALERT,
        subject=container(health=(Health.HEALTHY, 0)),
    ),
]

FIVE = tuple(NOW - 3000 + 10 * n for n in range(5))

TIME = [
    Case("an action under way", Rule.BUSY, history=History(busy=True)),
    Case("too soon", Rule.COOL_DOWN, 20.0, history=History(actions=(NOW - 40,))),
    Case("soon enough", history=History(actions=(NOW - 60,))),
    Case("no cool-down", history=History(actions=(NOW,)), policy=Policy(cooldown_seconds=0)),
    Case("a person does not wait for what others started", subject=container(started_at=NOW - 1)),
    Case(
        "an alert does", Rule.COOL_DOWN, 59.0, trigger=ALERT, subject=container(started_at=NOW - 1)
    ),
    Case(
        "a watch does", Rule.COOL_DOWN, 59.0, trigger=WATCH, subject=container(started_at=NOW - 1)
    ),
    Case(
        "the later of the two counts: ours",
        Rule.COOL_DOWN,
        50.0,
        trigger=ALERT,
        subject=container(started_at=NOW - 30),
        history=History(actions=(NOW - 10,)),
    ),
    Case(
        "the later of the two counts: theirs",
        Rule.COOL_DOWN,
        50.0,
        trigger=ALERT,
        subject=container(started_at=NOW - 10),
        history=History(actions=(NOW - 30,)),
    ),
    Case(
        "never started",
        trigger=ALERT,
        action=START,
        subject=container(ContainerState.CREATED, started_at=None),
    ),
    Case("four within the hour", history=History(actions=FIVE[:4])),
    Case("five within the hour", Rule.BUDGET, 600.0, history=History(actions=FIVE)),
    Case("the oldest is an hour old", history=History(actions=(NOW - 3600, *FIVE[1:]))),
    Case(
        "a smaller budget counts the newest",
        Rule.BUDGET,
        630.0,
        history=History(actions=FIVE),
        policy=Policy(budget=2),
    ),
    Case("given up", Rule.EXHAUSTED, trigger=ALERT, history=History(exhausted_at=NOW - 60)),
    Case("given up, for a watch", Rule.EXHAUSTED, trigger=WATCH, history=History(exhausted_at=NOW)),
    Case("given up, but a person asks", history=History(exhausted_at=NOW - 7200)),
    Case(
        "given up, but somebody has started it since",
        trigger=ALERT,
        history=History(exhausted_at=NOW - 7200),
    ),
]


@pytest.mark.parametrize("case", IDENTITY + STATE + TIME, ids=lambda case: case.what)
def test_decision(case: Case) -> None:
    """Each case is denied by the one rule that it names, or allowed."""
    attempt = Attempt(
        action=case.action,
        container=case.subject,
        trigger=case.trigger,
        because_unhealthy=case.because_unhealthy,
    )
    denial = decide(attempt, case.policy, case.history, NOW)
    assert (denial and denial.rule, denial and denial.retry_after) == (case.rule, case.retry_after)


@pytest.mark.parametrize("action", Action)
def test_denial_for_want_of_a_label_says_which(action: Action) -> None:
    """The reason is what to do about it."""
    attempt = Attempt(action=action, container=container(labels={}), trigger=API)
    denial = decide(attempt, Policy(label="heal"), History(), NOW)
    assert denial is not None
    assert f"heal={action}" in denial.reason


def test_what_waiting_does_not_change_is_said_first() -> None:
    """A container without the label is not said to be in its cool-down."""
    attempt = Attempt(action=RESTART, container=container(labels={}), trigger=API)
    denial = decide(attempt, Policy(), History(actions=(NOW,), busy=True), NOW)
    assert denial is not None
    assert denial.rule is Rule.NOT_OPTED_IN


def test_used_up_budget_is_said_before_the_cool_down() -> None:
    """Of the two the longer wait is told."""
    attempt = Attempt(action=RESTART, container=container(), trigger=API)
    denial = decide(attempt, Policy(), History(actions=(*FIVE[:4], NOW)), NOW)
    assert denial is not None
    assert (denial.rule, denial.retry_after) == (Rule.BUDGET, 600.0)
