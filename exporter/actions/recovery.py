"""Watching one container, and bringing it back when it fails."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.actions.guard import Action, Attempt, History, Rule, Trigger, decide
from exporter.actions.health import problem
from exporter.docker_client import get_docker_client
from exporter.engine.base import check_name
from exporter.errors import EngineError
from exporter.model import ContainerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.actions.guard import Denial, Policy
    from exporter.docker_client import DockerClient
    from exporter.model import Container

MAX_FAILURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was done about a container that keeps failing.

    Attributes:
        action: What was due.
        done: Whether it was carried out, with success.
        message: What came of it, or why it was left.
        final: Whether the budget is spent, so that nothing more will be done.
    """

    action: Action
    done: bool
    message: str
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One look at a container.

    Attributes:
        at: When, in seconds since the Unix epoch.
        container: Its name.
        state: The engine's word for its state; None when it could not be looked at.
        error: Why it could not be looked at: no engine, or no such container.
        problem: Why the look counts as a failure; None if all is well.
        failures: How many looks in a row were failures, this one included. One that could not
            be taken counts neither way.
        cpu_percent: 100 is one processor; None when it does not run, or is not known.
        memory_mb: Of 1024 x 1024 bytes; None likewise.
        recovery: What was done about it; None when nothing was due.
    """

    at: float
    container: str
    state: str | None = None
    error: str | None = None
    problem: str | None = None
    failures: int = 0
    cpu_percent: float | None = None
    memory_mb: float | None = None
    recovery: Recovery | None = None


class ContainerWatch:
    """Looks at a container again and again and, if told to, starts or restarts it when it fails.

    A container fails while it does not run, or is unhealthy. An engine that cannot be reached is
    no failure of the container: the watch goes on until it is back.
    """

    def __init__(
        self,
        container_name: str,
        *,
        client: DockerClient | None = None,
        max_failures: int = MAX_FAILURES,
        recovery: Policy | None = None,
    ) -> None:
        """Prepare to watch; nothing is asked yet.

        Args:
            container_name: Which one.
            client: Reaches its engine; None for the client that this process shares.
            max_failures: How many failures in a row are one too many.
            recovery: The cool-down and the budget of what is done then; None to do nothing.

        Raises:
            InvalidNameError: No engine could have such a container.
        """
        self._name = check_name(container_name)
        self._client = client or get_docker_client()
        self._max_failures = max_failures
        self._policy = recovery
        self._failures = 0
        self._history = History()

    def run(
        self, interval: float = 10, *, stop: threading.Event | None = None
    ) -> Iterator[Observation]:
        """Yield one look after the other, until the budget is spent or `stop` is set.

        Args:
            interval: Seconds between two looks.
            stop: Ends the watch when it is set, also in the middle of a wait.
        """
        stop = stop or threading.Event()
        while not stop.is_set():
            seen = self.look()
            yield seen
            if seen.recovery is not None and seen.recovery.final:
                return
            stop.wait(interval)

    def look(self) -> Observation:
        """Look at the container once, and do what is due."""
        now = time.time()
        try:
            container = self._client.call(lambda engine: engine.inspect(self._name))
        except EngineError as error:
            return Observation(
                at=now, container=self._name, failures=self._failures, error=str(error)
            )
        wrong = problem(container)
        self._failures = 0 if wrong is None else self._failures + 1
        stats = self._client.get_container_stats(self._name) if container.is_running else None
        failures = self._failures
        recovery = None
        if self._policy is not None and failures >= self._max_failures:
            recovery = self._recover(container, self._policy, now)
        return Observation(
            at=now,
            container=self._name,
            state=container.status,
            problem=wrong,
            failures=failures,
            cpu_percent=None if stats is None else stats["cpu_percent"],
            memory_mb=None if stats is None else stats["memory_mb"],
            recovery=recovery,
        )

    def _recover(self, container: Container, policy: Policy, now: float) -> Recovery:
        """Start or restart the container, unless the guard forbids it."""
        stands = container.state in (ContainerState.CREATED, ContainerState.EXITED)
        action = Action.START if stands else Action.RESTART
        attempt = Attempt(
            action=action,
            container=container,
            trigger=Trigger.WATCH,
            because_unhealthy=container.is_running,
        )
        denial = decide(attempt, policy, self._history, now)
        if denial is not None:
            final = denial.rule is Rule.BUDGET
            return Recovery(
                action=action, done=False, message=_explain(denial, policy), final=final
            )
        self._history = self._history.with_action(now)
        act = self._client.start_container if stands else self._client.restart_container
        result = act(self._name)
        if result["success"]:
            self._failures = 0
        return Recovery(action=action, done=result["success"], message=result["message"])


def _explain(denial: Denial, policy: Policy) -> str:
    """Return why nothing is done, in words for those who watch."""
    if denial.rule is Rule.BUDGET:
        return f"Giving up: the budget is spent (recoveries an hour: {policy.budget})."
    if denial.rule is Rule.COOL_DOWN:
        return f"Waiting for the cool-down to end, for {denial.retry_after:.0f} s more."
    return denial.reason
