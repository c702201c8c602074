"""Acts on the alerts that Alertmanager sends: each firing once, however often it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.actions.audit import Outcome, Record
from exporter.actions.executor import Order, new_request_id
from exporter.actions.guard import Trigger
from exporter.actions.healing import Ignored, Wish, wish
from exporter.errors import (
    ContainerNotFoundError,
    EngineAccessDeniedError,
    EngineUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from exporter.actions.executor import Executor
    from exporter.actions.healing import Alert
    from exporter.actions.ledger import Ledger
    from exporter.model import Container

_NOT_TRIED = (EngineUnavailableError.reason, EngineAccessDeniedError.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What Alertmanager sends at once, and who sent it."""

    alerts: Sequence[Alert]
    group_key: str
    address: str | None
    token_name: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What becomes of one alert.

    Attributes:
        record: What was recorded; None while the action is under way.
    """

    alert: Alert
    request_id: str
    record: Record | None


class Healer:
    """Acts on alerts. Safe to use from many threads."""

    def __init__(
        self,
        executor: Executor,
        ledger: Ledger,
        write: Callable[[Record], Record],
        matchers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Prepare to act.

        Args:
            executor: Carries out.
            ledger: Remembers which firings were acted on.
            write: Puts a record where records go.
            matchers: As for `exporter.actions.healing.wish`.
        """
        self._executor = executor
        self._ledger = ledger
        self._write = write
        self._matchers = matchers

    def receive(self, notification: Notification) -> list[Answer]:
        """Begin what is asked for; return what becomes of each alert that asks for something.

        Raises:
            EngineError: The engine cannot be asked; nothing was begun and nothing recorded, so
                that the same may be sent again.
        """
        # All that can fail for a reason that will pass comes first.
        wanted = [
            (alert, self._target(asked))
            for alert in notification.alerts
            if (asked := wish(alert, self._matchers)) is not None
        ]
        if any(isinstance(target, _Target) for _, target in wanted):
            self._executor.check_engine()
        return [
            self._begin(notification, alert, target)
            if isinstance(target, _Target)
            else self._ignore(notification, alert, target)
            for alert, target in wanted
        ]

    def _target(self, asked: Wish | Ignored) -> _Target | Ignored:
        """Find the container that is meant."""
        if isinstance(asked, Ignored):
            return asked
        if asked.resolved:
            self._ledger.relieve(asked.container)
            return Ignored.RESOLVED
        try:
            container = self._executor.find(asked.container)
        except ContainerNotFoundError:
            return Ignored.NOT_HERE
        # The engine would also take a name for the beginning of an id.
        if asked.container not in (container.id, container.name):
            return Ignored.NOT_HERE
        return _Target(asked, container)

    def _ignore(self, notification: Notification, alert: Alert, reason: Ignored) -> Answer:
        record = Record(
            time=notification.received_at,
            request_id=new_request_id(),
            trigger=Trigger.ALERTMANAGER,
            action="unknown" if reason is Ignored.UNKNOWN_ACTION else alert.asked or "",
            outcome=Outcome.IGNORED,
            address=notification.address,
            token_name=notification.token_name,
            container=alert.labels.get("name"),
            parameters=_parameters(notification, alert),
            reason=reason,
        )
        return Answer(alert=alert, request_id=record.request_id, record=self._write(record))

    def _begin(self, notification: Notification, alert: Alert, target: _Target) -> Answer:
        if not self._ledger.claim(alert.firing):
            return self._ignore(notification, alert, Ignored.DUPLICATE)
        order = Order(
            action=target.wish.action,
            trigger=Trigger.ALERTMANAGER,
            address=notification.address,
            token_name=notification.token_name,
            because_unhealthy=alert.says_unhealthy,
            parameters=_parameters(notification, alert),
        )
        future = self._executor.submit(order, target.container)
        future.add_done_callback(lambda done: self._settle(alert, done))
        record = future.result() if future.done() else None
        return Answer(alert=alert, request_id=order.request_id, record=record)

    def _settle(self, alert: Alert, done: Future[Record]) -> None:
        """Let a firing be tried again, when it is sent again, that was not acted on."""
        record = done.result()
        if record.outcome is Outcome.DENIED or record.reason in _NOT_TRIED:
            self._ledger.release(alert.firing)


@dataclass(frozen=True, slots=True)
class _Target:
    """What is asked for, and of which container."""

    wish: Wish
    container: Container


def _parameters(notification: Notification, alert: Alert) -> dict[str, str | int | bool]:
    return {
        "alert": alert.labels.get("alertname", ""),
        "firing": alert.firing,
        "group_key": notification.group_key,
    }
