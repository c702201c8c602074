"""What the admin API does."""

from __future__ import annotations

import math
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.concurrency import run_in_threadpool

from exporter.actions.audit import Record
from exporter.actions.executor import Order
from exporter.actions.guard import Action, Trigger
from exporter.deadline import Deadline
from exporter.engine.base import check_name
from exporter.errors import ContainerNotFoundError
from exporter.model import Container
from exporter.settings.admin import ACT, READ
from exporter.web.alerts import receive_alerts
from exporter.web.messages import (
    ActionList,
    ActionRequest,
    AlertAnswers,
    ContainerDetail,
    ContainerList,
    Webhook,
)
from exporter.web.openapi import Call, Operation, document
from exporter.web.problems import ProblemError, status_of
from exporter.web.views import container_view, usage_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.actions.executor import Executor
    from exporter.actions.guard import Denial
    from exporter.actions.healer import Healer
    from exporter.docker_client import DockerClient
    from exporter.engine.base import Engine
    from exporter.model import ContainerStats
    from exporter.web.lifecycle import Lifecycle

# What an action may take beside the time that its container has to stop.
_PATIENCE_SECONDS = 60.0
_LIST_SECONDS = 10.0


class AdminApi:
    """What the admin API does: one method for each operation."""

    def __init__(
        self,
        reader: DockerClient,
        executor: Executor,
        healer: Healer,
        recent: Callable[[], list[Record]],
        lifecycle: Lifecycle,
    ) -> None:
        """Prepare to serve.

        Args:
            reader: Tells what containers there are.
            executor: Carries out.
            healer: Acts on alerts.
            recent: Gives the last records.
            lifecycle: Cuts waits short when the server stops.
        """
        self._reader = reader
        self._executor = executor
        self._healer = healer
        self._recent = recent
        self._lifecycle = lifecycle

    def operations(self) -> tuple[Operation, ...]:
        """Return the table from which the routes and the document are made."""
        return (
            Operation(
                name="listContainers",
                method="GET",
                path="/containers",
                summary="Every container, and what may be done to it.",
                scope=READ,
                answer=ContainerList,
                handle=self._list,
                asks_engine=True,
            ),
            Operation(
                name="getContainer",
                method="GET",
                path="/containers/{name}",
                summary="One container, what it uses, and what may be done to it.",
                scope=READ,
                answer=ContainerDetail,
                handle=self._show,
                asks_engine=True,
            ),
            *(self._action(action) for action in Action),
            Operation(
                name="listActions",
                method="GET",
                path="/actions",
                summary="The last attempts to do something, denied ones too.",
                scope=READ,
                answer=ActionList,
                handle=self._actions,
            ),
            Operation(
                name="receiveAlerts",
                method="POST",
                path="/alerts",
                summary="Act on what Alertmanager sends (webhook version 4).",
                scope=ACT,
                body=Webhook,
                answer=AlertAnswers,
                status=HTTPStatus.ACCEPTED,
                handle=partial(receive_alerts, self._healer),
                asks_engine=True,
                attempts=(Trigger.ALERTMANAGER, "unknown"),
            ),
            Operation(
                name="getDocument",
                method="GET",
                path="/openapi.json",
                summary="This document.",
                scope=None,
                answer=dict,
                handle=self._document,
            ),
        )

    def _action(self, action: Action) -> Operation:
        return Operation(
            name=f"{action}Container",
            method="POST",
            path=f"/containers/{{name}}/{action}",
            summary=f"{action.capitalize()} a container that has opted in.",
            scope=ACT,
            body=ActionRequest,
            answer=Record,
            handle=partial(self._act, action),
            asks_engine=True,
            attempts=(Trigger.API, action),
        )

    async def _list(self, _call: Call) -> ContainerList:
        found, unreadable = await run_in_threadpool(self._reader.call, _every_container)
        views = [container_view(one, self._denial) for one in found]
        return ContainerList(containers=views, unreadable=unreadable)

    async def _show(self, call: Call) -> ContainerDetail:
        def ask(engine: Engine) -> tuple[Container, ContainerStats | None]:
            container = engine.inspect(check_name(call.name))
            has_stats = container.state is not None and container.state.has_processes
            return container, engine.read_stats(container.id, pair=True) if has_stats else None

        container, reading = await run_in_threadpool(self._reader.call, ask)
        return ContainerDetail(
            **msgspec.structs.asdict(container_view(container, self._denial)),
            usage=None if reading is None else usage_view(reading),
        )

    def _denial(self, action: Action, container: Container) -> Denial | None:
        return self._executor.denial(action, container, Trigger.API)

    async def _act(self, action: Action, call: Call) -> Record:
        asked: ActionRequest = call.body
        stop_seconds = math.ceil(asked.timeout)
        order = Order(
            action=action,
            trigger=Trigger.API,
            address=call.address,
            token_name=call.holder.name if call.holder else "",
            request_id=call.request_id,
            stop_seconds=stop_seconds,
            dry_run=asked.dry_run,
            parameters={
                "timeout": stop_seconds,
                "reason": asked.reason,
                "dry_run": asked.dry_run,
            },
        )
        future = await run_in_threadpool(self._executor.request, order, call.name)
        await self._lifecycle.wait(future, Deadline(stop_seconds + _PATIENCE_SECONDS))
        if not future.done():
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The exporter is stopping. What was begun may still be finished by the engine.",
                reason="interrupted",
            )
        record = future.result()
        if record.reason is None:
            return record
        raise ProblemError(
            status_of(record.reason),
            record.detail,
            reason=record.reason,
            retry_after_seconds=record.retry_after_seconds,
            record=record,
        )

    async def _actions(self, _call: Call) -> ActionList:
        return ActionList(actions=self._recent())

    async def _document(self, _call: Call) -> dict[str, Any]:
        return document(self.operations())


def _every_container(engine: Engine) -> tuple[list[Container], list[str]]:
    """Return every container, and the names of those that cannot be read."""
    deadline = Deadline(_LIST_SECONDS)
    names = {row.id: row.name for row in engine.list_containers(deadline)}
    containers, unreadable = [], []
    for one, found in engine.inspect_many(list(names), deadline):
        if isinstance(found, Container):
            containers.append(found)
        elif not isinstance(found, ContainerNotFoundError):
            unreadable.append(names[one])
    return sorted(containers, key=lambda container: container.name), sorted(unreadable)
