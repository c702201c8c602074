"""Who may do what to which container, and when: a pure decision.

The admin API, healing by Alertmanager and `watch --recover` all ask `decide`. Each says with its
`Trigger` on whose behalf it asks, and keeps a `History` of each container.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from exporter.model import ContainerState, Health

if TYPE_CHECKING:
    import re

    from exporter.model import Container

BUDGET_WINDOW_SECONDS = 3600.0
"""The length of the window in which the budget counts."""

_RUNS = (ContainerState.RUNNING, ContainerState.RESTARTING)
_STANDS = (ContainerState.CREATED, ContainerState.EXITED)


class Action(StrEnum):
    """What can be done to a container."""

    RESTART = "restart"
    START = "start"
    STOP = "stop"


class Trigger(StrEnum):
    """On whose behalf an action is asked for."""

    API = "api"
    ALERTMANAGER = "alertmanager"
    WATCH = "watch"

    @property
    def is_automatic(self) -> bool:
        """Whether no person asks for this one action."""
        return self is not Trigger.API


class Rule(StrEnum):
    """Why an action is denied."""

    OWN_CONTAINER = "own-container"
    NOT_OPTED_IN = "not-opted-in"
    STATE = "state"
    NOT_UNHEALTHY = "not-unhealthy"
    BUSY = "busy"
    EXHAUSTED = "exhausted"
    BUDGET = "budget"
    COOL_DOWN = "cool-down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What was configured.

    Attributes:
        label: The Docker label whose value lists the actions that a container opts in to.
        allow: Containers whose whole name matches are opted in to everything; None for none.
        cooldown_seconds: The time between two actions on a container.
        budget: How many actions a container may have in `BUDGET_WINDOW_SECONDS`.
        own_id: How the id of the exporter's own container begins; None outside of containers.
    """

    label: str = "docker-exporter.actions"
    allow: re.Pattern[str] | None = None
    cooldown_seconds: float = 60.0
    budget: int = 5
    own_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What has been done to one container.

    Attributes:
        actions: When, in Unix seconds, the oldest first.
        busy: Whether an action is under way.
        exhausted_at: When automatic actions were given up because the budget was used up; None
            while they are not.
    """

    actions: tuple[float, ...] = ()
    busy: bool = False
    exhausted_at: float | None = None

    def since(self, moment: float) -> tuple[float, ...]:
        """Return the actions after a moment."""
        return tuple(at for at in self.actions if at > moment)

    def with_action(self, now: float) -> History:
        """Return the history after one more action, which gives automatic ones another chance.

        Examples:
            >>> History(actions=(10.0, 4000.0), exhausted_at=4000.0).with_action(5000.0)
            History(actions=(4000.0, 5000.0), busy=False, exhausted_at=None)
        """
        recent = self.since(now - BUDGET_WINDOW_SECONDS)
        return replace(self, actions=(*recent, now), exhausted_at=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is asked for.

    Attributes:
        because_unhealthy: Whether the reason given is that the container is unhealthy.
    """

    action: Action
    container: Container
    trigger: Trigger
    because_unhealthy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """That an action must not be carried out.

    Attributes:
        reason: A sentence for people.
        retry_after: In how many seconds the rule will no longer hold; None where waiting does
            not help, or nobody knows for how long.
    """

    rule: Rule
    reason: str
    retry_after: float | None = None


def decide(attempt: Attempt, policy: Policy, history: History, now: float) -> Denial | None:
    """Decide whether an action may be carried out now.

    Rules of identity come first, those of time last, so that a denial tells nothing that waiting
    would change while something else stands in the way.

    Args:
        attempt: What is asked for.
        policy: What was configured.
        history: What has been done to this container.
        now: Unix seconds.

    Returns:
        None when it may; otherwise the first rule that forbids it.

    Examples:
        >>> from exporter.model import Container
        >>> web = Container(
        ...     id="0" * 64, name="web", image="i", image_id="i", state=ContainerState.RUNNING,
        ...     status="running", labels={"docker-exporter.actions": "restart"},
        ... )
        >>> restart = Attempt(action=Action.RESTART, container=web, trigger=Trigger.API)
        >>> decide(restart, Policy(), History(), 100.0)
        >>> decide(restart, Policy(), History(actions=(70.0,)), 100.0).retry_after
        30.0
    """
    return (
        _by_identity(attempt, policy)
        or _by_state(attempt)
        or _by_history(attempt, history)
        or _by_budget(policy, history, now)
        or _by_cooldown(attempt, policy, history, now)
    )


def _by_identity(attempt: Attempt, policy: Policy) -> Denial | None:
    container = attempt.container
    if policy.own_id is not None and container.id.startswith(policy.own_id):
        return Denial(
            rule=Rule.OWN_CONTAINER,
            reason=f"'{container.name}' is the container that the exporter itself runs in.",
        )
    if attempt.trigger is Trigger.WATCH or _has_opted_in(attempt, policy):
        return None
    return Denial(
        rule=Rule.NOT_OPTED_IN,
        reason=f"'{container.name}' has not opted in to {attempt.action}: give it the label"
        f" {policy.label}={attempt.action}, or allow its name with --admin.allow.",
    )


def _has_opted_in(attempt: Attempt, policy: Policy) -> bool:
    container = attempt.container
    if policy.allow is not None and policy.allow.fullmatch(container.name):
        return True
    words = container.labels.get(policy.label, "").split(",")
    return attempt.action in (word.strip() for word in words)


def _by_state(attempt: Attempt) -> Denial | None:
    """Deny what has no longer a reason, for those who do not look before they ask."""
    container, state = attempt.container, attempt.container.state
    if attempt.trigger is Trigger.API:
        return None
    if attempt.trigger is Trigger.WATCH:
        fits: tuple[ContainerState, ...] = (*_RUNS, *_STANDS)
    else:
        fits = _STANDS if attempt.action is Action.START else _RUNS
    if state not in fits:
        return Denial(
            rule=Rule.STATE,
            reason=f"'{container.name}' is {container.status}; an automatic {attempt.action} is"
            f" for containers that are {' or '.join(fits)}.",
        )
    health = container.health
    if attempt.because_unhealthy and (health is None or health.status is not Health.UNHEALTHY):
        return Denial(
            rule=Rule.NOT_UNHEALTHY, reason=f"'{container.name}' is not unhealthy (any more)."
        )
    return None


def _by_history(attempt: Attempt, history: History) -> Denial | None:
    container = attempt.container
    if history.busy:
        return Denial(rule=Rule.BUSY, reason=f"Another action on '{container.name}' is under way.")
    if not attempt.trigger.is_automatic or history.exhausted_at is None:
        return None
    if (container.started_at or 0.0) > history.exhausted_at:
        # Somebody else has started it since.
        return None
    return Denial(
        rule=Rule.EXHAUSTED,
        reason=f"Automatic actions on '{container.name}' were given up, as they did not help: it"
        " needs a person.",
    )


def _by_budget(policy: Policy, history: History, now: float) -> Denial | None:
    recent = history.since(now - BUDGET_WINDOW_SECONDS)
    if len(recent) < policy.budget:
        return None
    free = recent[-policy.budget] + BUDGET_WINDOW_SECONDS if policy.budget else None
    return Denial(
        rule=Rule.BUDGET,
        reason=f"The budget of {policy.budget} actions an hour on one container is used up"
        " (--admin.budget).",
        retry_after=None if free is None else free - now,
    )


def _by_cooldown(attempt: Attempt, policy: Policy, history: History, now: float) -> Denial | None:
    container = attempt.container
    moments = list(history.actions[-1:])
    if attempt.trigger.is_automatic and container.started_at is not None:
        # Who starts a container need not be us, nor this process of ours.
        moments.append(container.started_at)
    free = max(moments, default=0.0) + policy.cooldown_seconds
    if now >= free:
        return None
    return Denial(
        rule=Rule.COOL_DOWN,
        reason=f"'{container.name}' was started or acted on less than"
        f" {policy.cooldown_seconds:g} s ago (--admin.cooldown).",
        retry_after=free - now,
    )
