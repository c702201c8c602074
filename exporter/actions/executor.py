"""Carries out actions: each once, in a thread of its own, and on the record."""

from __future__ import annotations

import logging
import secrets
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.actions.audit import Outcome, Record
from exporter.actions.guard import Action, Attempt
from exporter.deadline import Deadline
from exporter.engine.base import check_name
from exporter.errors import (
    ContainerNotFoundError,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    InvalidNameError,
)
from exporter.model import Container

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.actions.guard import Denial, Trigger
    from exporter.actions.ledger import Ledger
    from exporter.docker_client import DockerClient
    from exporter.engine.base import Engine

logger = logging.getLogger(__name__)

DEFAULT_STOP_SECONDS = 10
"""How long a container may take to stop by itself where the caller does not say."""

RESTART_DEPENDENTS_LABEL = "docker-exporter.restart-dependents"
"""On a container: whether those that share its network are restarted after it."""

_DEPENDENTS_SECONDS = 10.0


def new_request_id() -> str:
    """Return an id that no other request has."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody asks for.

    Attributes:
        stop_seconds: After how many seconds a container that does not stop is killed.
        dry_run: Whether to ask the guard only.
        because_unhealthy: As in `exporter.actions.guard.Attempt`.
        parameters: What the record shall show besides.
    """

    action: Action
    trigger: Trigger
    address: str | None
    token_name: str
    request_id: str = field(default_factory=new_request_id)
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    stop_seconds: int = DEFAULT_STOP_SECONDS
    dry_run: bool = False
    because_unhealthy: bool = False
    parameters: dict[str, str | int | bool] = field(default_factory=dict)

    def anew(self) -> Order:
        """Return the same as asked once more, now."""
        return replace(self, request_id=new_request_id(), asked_at=datetime.now(UTC))

    def record(self, outcome: Outcome) -> Record:
        """Return the beginnings of the record of what came of this."""
        return Record(
            time=self.asked_at,
            request_id=self.request_id,
            trigger=self.trigger,
            action=self.action,
            outcome=outcome,
            address=self.address,
            token_name=self.token_name,
            parameters=self.parameters,
        )


class Executor:
    """Carries out what the guard allows. Safe to use from many threads.

    An action goes on whatever becomes of those who wait for it, and is recorded once.
    """

    def __init__(
        self,
        reader: DockerClient,
        actor: DockerClient,
        ledger: Ledger,
        write: Callable[[Record], Record],
        *,
        dry_run: bool = False,
    ) -> None:
        """Prepare to act.

        Args:
            reader: Tells what containers there are.
            actor: Carries out; asked for nothing but actions and a ping.
            ledger: Holds the guard's memory.
            write: Puts a record where records go.
            dry_run: Whether nothing is to be carried out at all.
        """
        self._reader = reader
        self._actor = actor
        self._ledger = ledger
        self._write = write
        self._dry_run = dry_run
        self._lock = threading.Lock()
        self._running: dict[str, Record] = {}

    def find(self, name: str) -> Container:
        """Return a container by its id or name.

        Raises:
            EngineError: There is none such, or the engine does not tell.
        """
        return self._reader.call(lambda engine: engine.inspect(name))

    def check_engine(self) -> None:
        """Make sure that there is an engine to act on.

        Raises:
            EngineError: There is none.
        """
        self._actor.call(_answering)

    def denial(self, action: Action, container: Container, trigger: Trigger) -> Denial | None:
        """Return what the guard would say to an action now."""
        return self._ledger.look(Attempt(action=action, container=container, trigger=trigger))

    def request(self, order: Order, name: str) -> Future[Record]:
        """Do the same as `submit` with a container that somebody names.

        A name that is no container's is put on record as well.
        """
        try:
            container = self.find(check_name(name))
        except (InvalidNameError, EngineError) as error:
            failed = replace(_failed(order, error), container=name)
            done: Future[Record] = Future()
            done.set_result(self._write(failed))
            return done
        return self.submit(order, container)

    def submit(self, order: Order, container: Container) -> Future[Record]:
        """Ask the guard and, if it allows, begin.

        Returns:
            Gives the record, which has been written by then: at once where nothing is carried
            out, otherwise when it has been.
        """
        done: Future[Record] = Future()
        attempt = Attempt(
            action=order.action,
            container=container,
            trigger=order.trigger,
            because_unhealthy=order.because_unhealthy,
        )
        dry_run = order.dry_run or self._dry_run
        denial = self._ledger.look(attempt) if dry_run else self._ledger.begin(attempt)
        if denial is not None:
            done.set_result(self._write(_denied(order, container, denial)))
        elif dry_run:
            record = _about(order.record(Outcome.DRY_RUN), container)
            done.set_result(self._write(record))
        else:
            with self._lock:
                self._running[order.request_id] = _about(order.record(Outcome.FAILED), container)
            threading.Thread(
                target=self._run, args=(order, container, done), name="action", daemon=True
            ).start()
        return done

    def close(self) -> None:
        """Put on record what is still under way; the engine may finish it without us."""
        with self._lock:
            running, self._running = self._running, {}
        for record in running.values():
            detail = "The exporter was stopped before the engine had answered."
            self._write(replace(_ended(record), reason="interrupted", detail=detail))

    def _run(self, order: Order, container: Container, done: Future[Record]) -> None:
        """Carry out an action, and then what follows from it; the thread's own function."""
        try:
            dependents = self._carry_out(order, container, done)
        except Exception as error:
            logger.exception("action failed", extra={"container": container.name})
            with self._lock:
                record = self._running.pop(order.request_id, None)
            if record is not None:
                record = replace(_ended(record), reason="error", detail=repr(error))
                done.set_result(self._write(record))
            return
        if container.labels.get(RESTART_DEPENDENTS_LABEL) == "true":
            for dependent in dependents:
                parameters: dict[str, str | int | bool] = {"because_of": container.name}
                after = replace(order.anew(), because_unhealthy=False, parameters=parameters)
                self.submit(after, dependent)

    def _carry_out(
        self, order: Order, container: Container, done: Future[Record]
    ) -> list[Container]:
        """Carry out an action and record it; return what should be restarted next."""
        error: EngineError | None = None
        reached = True
        try:
            self._act(order, container.id)
        except EngineError as exc:
            error = exc
            reached = not _kept_away(exc)
        finally:
            self._ledger.end(container.id, reached=reached)
        outcome = self._outcome(order, container, error)
        dependents = None
        if error is None and order.action is not Action.START:
            dependents = self._dependents(container)
            names = None if dependents is None else tuple(one.name for one in dependents)
            outcome = replace(outcome, dependents=names)
        with self._lock:
            still_ours = self._running.pop(order.request_id, None) is not None
        if still_ours:
            done.set_result(self._write(outcome))
        if not still_ours or order.action is not Action.RESTART:
            return []
        return [one for one in dependents or () if one.is_running]

    def _act(self, order: Order, container_id: str) -> None:
        # Asked first, so that an engine that has been away is found again: the action itself must
        # not be tried twice.
        engine = self._actor.call(_answering)
        if order.action is Action.RESTART:
            engine.restart(container_id, order.stop_seconds)
        elif order.action is Action.STOP:
            engine.stop(container_id, order.stop_seconds)
        else:
            engine.start(container_id)

    def _outcome(self, order: Order, container: Container, error: EngineError | None) -> Record:
        """Return the record of an action that has ended."""
        done = order.record(Outcome.DONE)
        record = _ended(done if error is None else _failed(order, error))
        try:
            after = self.find(container.id)
        except EngineError:
            return replace(record, container=container.name, container_id=container.id)
        return _about(record, after)

    def _dependents(self, lender: Container) -> list[Container] | None:
        """Return the containers that share one's network; None where the engine does not tell."""
        deadline = Deadline(_DEPENDENTS_SECONDS)
        modes = (f"container:{lender.id}", f"container:{lender.name}")

        def ask(engine: Engine) -> list[Container]:
            ids = [row.id for row in engine.list_containers(deadline)]
            found = (one for _, one in engine.inspect_many(ids, deadline))
            return [one for one in map(_container, found) if one and one.network_mode in modes]

        try:
            return sorted(self._reader.call(ask, deadline), key=lambda one: one.name)
        except EngineError as error:
            logger.warning(
                "dependents not known", extra={"container": lender.name, "error": str(error)}
            )
            return None


def _answering(engine: Engine) -> Engine:
    """Return the engine once it has answered."""
    engine.ping()
    return engine


def _kept_away(error: EngineError) -> bool:
    """Whether an action found no engine, or one that does not listen to us."""
    return isinstance(error, EngineUnavailableError) and not isinstance(error, EngineTimeoutError)


def _container(found: Container | EngineError) -> Container | None:
    """Return a container, None for one that is gone; raise any other error."""
    if isinstance(found, Container):
        return found
    if isinstance(found, ContainerNotFoundError):
        return None
    raise found


def _failed(order: Order, error: InvalidNameError | EngineError) -> Record:
    return replace(order.record(Outcome.FAILED), reason=error.reason, detail=str(error))


def _ended(record: Record) -> Record:
    """Return a record with how long it has taken until now."""
    return replace(record, duration_seconds=(datetime.now(UTC) - record.time).total_seconds())


def _about(record: Record, container: Container) -> Record:
    """Return a record with what is known of a container."""
    return replace(
        record,
        container=container.name,
        container_id=container.id,
        state_after=container.status,
        health_after=None if container.health is None else container.health.status,
    )


def _denied(order: Order, container: Container, denial: Denial) -> Record:
    return replace(
        _about(order.record(Outcome.DENIED), container),
        reason=denial.rule,
        detail=denial.reason,
        retry_after_seconds=denial.retry_after,
    )
