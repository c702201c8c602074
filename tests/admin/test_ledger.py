"""What the guard's memory keeps, over time and over restarts of the exporter."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from exporter.actions.audit import Outcome
from exporter.actions.guard import Action, Attempt, Policy, Rule, Trigger
from exporter.actions.ledger import Ledger
from tests.admin.values import ID, NOW, container, record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.actions.audit import Record

POLICY = Policy(cooldown_seconds=60, budget=2)
NOT_DONE = (Outcome.DENIED, Outcome.DRY_RUN, Outcome.IGNORED)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


def ledger_of(clock: Clock, earlier: Iterable[Record] = ()) -> Ledger:
    """Return a ledger that goes by a clock."""
    return Ledger(POLICY, earlier, clock=clock)


def attempt(trigger: Trigger = Trigger.API) -> Attempt:
    """Return an attempt to restart a container that was started long ago."""
    return Attempt(
        action=Action.RESTART, container=container(started_at=NOW - 90_000), trigger=trigger
    )


def rule(ledger: Ledger, trigger: Trigger = Trigger.API) -> Rule | None:
    """Return the rule that forbids a restart now."""
    denial = ledger.look(attempt(trigger))
    return None if denial is None else denial.rule


def act(ledger: Ledger, *, reached: bool = True) -> None:
    """Restart the container."""
    assert ledger.begin(attempt()) is None
    ledger.end(ID, reached=reached)


def use_up(ledger: Ledger, clock: Clock) -> None:
    """Restart the container as often as the budget allows."""
    for _ in range(POLICY.budget):
        act(ledger)
        clock.now += 60


def test_one_action_at_a_time(clock: Clock) -> None:
    """While one is under way no other begins."""
    ledger = ledger_of(clock)
    assert ledger.begin(attempt()) is None
    denial = ledger.begin(attempt())
    assert denial is not None
    assert denial.rule is Rule.BUSY


def test_cooldown_counts_from_the_end(clock: Clock) -> None:
    """An action that takes long is followed by a whole cool-down."""
    ledger = ledger_of(clock)
    ledger.begin(attempt())
    clock.now += 100
    ledger.end(ID, reached=True)
    assert rule(ledger) is Rule.COOL_DOWN
    clock.now += 60
    assert rule(ledger) is None


def test_looking_changes_nothing(clock: Clock) -> None:
    """A dry run uses up no budget and begins no cool-down."""
    ledger = ledger_of(clock)
    assert [rule(ledger) for _ in range(5)] == [None] * 5


def test_action_that_reached_no_engine_does_not_count(clock: Clock) -> None:
    """Neither for the cool-down nor for the budget."""
    ledger = ledger_of(clock)
    for _ in range(5):
        act(ledger, reached=False)
    assert rule(ledger) is None


def test_budget_comes_back_after_an_hour(clock: Clock) -> None:
    """It is a window that slides."""
    ledger = ledger_of(clock)
    use_up(ledger, clock)
    assert rule(ledger) is Rule.BUDGET
    clock.now = NOW + 3600
    assert rule(ledger) is None


def test_healing_is_given_up_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """It is said in the log, shown by name, and outlasts the budget."""
    ledger = ledger_of(clock)
    use_up(ledger, clock)
    rules = []
    for _ in range(3):
        denial = ledger.begin(attempt(Trigger.ALERTMANAGER))
        rules.append(denial and denial.rule)
    assert rules == [Rule.BUDGET, Rule.EXHAUSTED, Rule.EXHAUSTED]
    assert ledger.exhausted() == ["web"]
    said = [(one.msg, one.__dict__["container"]) for one in caplog.records]
    assert said == [("healing given up", "web")]
    assert caplog.records[0].levelno == logging.WARNING
    clock.now = NOW + 7200
    assert rule(ledger, Trigger.ALERTMANAGER) is Rule.EXHAUSTED


def test_person_who_runs_out_of_budget_ends_no_healing(clock: Clock) -> None:
    """Only a denied alert shows that it does not help."""
    ledger = ledger_of(clock)
    use_up(ledger, clock)
    assert ledger.begin(attempt()) is not None
    assert ledger.exhausted() == []


@pytest.mark.parametrize("known_as", [ID, "web"])
def test_recovered_container_is_healed_again(clock: Clock, known_as: str) -> None:
    """Once its alert is resolved, by id or by name."""
    ledger = ledger_of(clock)
    use_up(ledger, clock)
    ledger.begin(attempt(Trigger.ALERTMANAGER))
    ledger.relieve("another")
    assert ledger.exhausted() == ["web"]
    ledger.relieve(known_as)
    assert ledger.exhausted() == []
    clock.now = NOW + 7200
    assert rule(ledger, Trigger.ALERTMANAGER) is None


def test_action_of_a_person_lets_healing_begin_anew(clock: Clock) -> None:
    """Somebody has cared for it."""
    ledger = ledger_of(clock)
    use_up(ledger, clock)
    ledger.begin(attempt(Trigger.ALERTMANAGER))
    clock.now = NOW + 7200
    act(ledger)
    assert ledger.exhausted() == []


def test_budget_and_cooldown_outlive_the_process(clock: Clock) -> None:
    """What the records say was done counts; what they say was not, does not."""
    not_done = [record(outcome, at=NOW - 5) for outcome in NOT_DONE]
    old = record(at=NOW - 3601)
    failed = record(Outcome.FAILED, at=NOW - 600)
    assert rule(ledger_of(clock, [old, *not_done, failed])) is None
    assert rule(ledger_of(clock, [failed, record(at=NOW - 10)])) is Rule.BUDGET
    assert rule(ledger_of(clock, [record(at=NOW - 10)])) is Rule.COOL_DOWN


def test_firing_is_claimed_once(clock: Clock) -> None:
    """Until it is given back."""
    ledger = ledger_of(clock)
    assert [ledger.claim("a"), ledger.claim("a"), ledger.claim("b")] == [True, False, True]
    ledger.release("a")
    assert ledger.claim("a")


def test_firing_outlives_the_process(clock: Clock) -> None:
    """One that an earlier process acted on is not acted on again."""
    ledger = ledger_of(clock, [record(at=NOW - 10, firing="a")])
    assert not ledger.claim("a")


def test_firings_do_not_pile_up(clock: Clock) -> None:
    """The one that was heard of longest ago is forgotten first."""
    ledger = ledger_of(clock)
    for number in range(10_000):
        ledger.claim(str(number))
    ledger.claim("0")
    ledger.claim("one more")
    assert not ledger.claim("0")
    assert ledger.claim("1")
