"""What has been done to which container, and which firings have been acted on."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.actions.audit import Outcome
from exporter.actions.guard import BUDGET_WINDOW_SECONDS, History, Rule, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.actions.audit import Record
    from exporter.actions.guard import Attempt, Denial, Policy

logger = logging.getLogger(__name__)

# Firings that are remembered; the one that was heard of longest ago goes first.
_MAX_FIRINGS = 10_000


class Ledger:
    """The memory behind the guard. Safe to use from many threads."""

    def __init__(
        self,
        policy: Policy,
        earlier: Iterable[Record] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with what earlier processes have done.

        Args:
            policy: What was configured.
            earlier: Their records, the oldest first.
            clock: Gives Unix seconds: engines tell when containers were started in these.
        """
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()
        self._histories: dict[str, History] = {}
        self._exhausted: dict[str, str] = {}
        self._firings: OrderedDict[str, None] = OrderedDict()
        oldest = clock() - BUDGET_WINDOW_SECONDS
        for record in earlier:
            ended = record.time.timestamp() + record.duration_seconds
            if record.outcome in (Outcome.DONE, Outcome.FAILED) and ended > oldest:
                self._remember(record, ended)

    def look(self, attempt: Attempt) -> Denial | None:
        """Return what the guard says to an attempt now."""
        with self._lock:
            return self._decide(attempt, self._clock())

    def begin(self, attempt: Attempt) -> Denial | None:
        """Ask the guard, and unless it denies, note that the action is under way.

        Who gets None must call `end`.
        """
        one, now = attempt.container.id, self._clock()
        with self._lock:
            denial = self._decide(attempt, now)
            history = self._histories.get(one, History())
            if denial is None:
                self._forget_old(now)
                self._histories[one] = replace(history.with_action(now), busy=True)
                self._exhausted.pop(one, None)
            elif denial.rule is Rule.BUDGET and attempt.trigger.is_automatic:
                self._histories[one] = replace(history, exhausted_at=now)
                self._exhausted[one] = attempt.container.name
                logger.warning("healing given up", extra={"container": attempt.container.name})
            return denial

    def end(self, container_id: str, *, reached: bool) -> None:
        """Note that an action has ended; what did not reach the engine does not count."""
        now = self._clock()
        with self._lock:
            history = self._histories[container_id]
            actions = (*history.actions[:-1], *((now,) if reached else ()))
            self._histories[container_id] = replace(history, busy=False, actions=actions)

    def relieve(self, container: str) -> None:
        """Note that a container no longer needs healing, so that it may be healed again.

        Args:
            container: Its id or its name.
        """
        with self._lock:
            for one in [i for i, name in self._exhausted.items() if container in (i, name)]:
                del self._exhausted[one]
                self._histories[one] = replace(self._histories[one], exhausted_at=None)

    def exhausted(self) -> list[str]:
        """Return the names of the containers whose healing was given up."""
        with self._lock:
            return sorted(set(self._exhausted.values()))

    def claim(self, firing: str) -> bool:
        """Take a firing to act on; False where it was taken before."""
        with self._lock:
            known = firing in self._firings
            self._firings[firing] = None
            self._firings.move_to_end(firing)
            if len(self._firings) > _MAX_FIRINGS:
                self._firings.popitem(last=False)
            return not known

    def release(self, firing: str) -> None:
        """Give back a firing that was not acted on, so that it may be when it is sent again."""
        with self._lock:
            self._firings.pop(firing, None)

    def _decide(self, attempt: Attempt, now: float) -> Denial | None:
        history = self._histories.get(attempt.container.id, History())
        return decide(attempt, self._policy, history, now)

    def _remember(self, record: Record, ended: float) -> None:
        """Take in what an earlier process did."""
        if record.container_id is not None:
            history = self._histories.get(record.container_id, History())
            self._histories[record.container_id] = history.with_action(ended)
        if isinstance(firing := record.parameters.get("firing"), str):
            self._firings[firing] = None

    def _forget_old(self, now: float) -> None:
        """Drop the containers of which nothing is left that the guard would look at."""
        oldest = now - max(BUDGET_WINDOW_SECONDS, self._policy.cooldown_seconds)
        for one, history in list(self._histories.items()):
            if not (history.busy or history.exhausted_at or history.since(oldest)):
                del self._histories[one]
