"""How requests come to the operations of the admin API, and their answers back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route

from exporter.actions.audit import Outcome, Record
from exporter.actions.executor import new_request_id
from exporter.errors import EngineError, InvalidNameError
from exporter.web.body import Body
from exporter.web.openapi import PREFIX, Call
from exporter.web.problems import (
    HEADERS,
    ProblemError,
    handle_error,
    problem_response,
    status_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from exporter.web.gate import Gate
    from exporter.web.openapi import Operation


def admin_routes(
    operations: Iterable[Operation], gate: Gate, write: Callable[[Record], Record]
) -> list[BaseRoute]:
    """Return the routes of the admin API.

    Args:
        operations: What it does.
        gate: Lets requests pass.
        write: Puts refused attempts where records go.
    """
    routes = [
        Route(
            operation.path,
            _Endpoint(operation, gate, write).serve,
            methods=[operation.method],
            name=operation.name,
        )
        for operation in operations
    ]
    handlers = dict.fromkeys((ProblemError, HTTPException, Exception), handle_error)
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return [Mount(PREFIX, app=app)]


def disabled_admin_routes() -> list[BaseRoute]:
    """Return the routes that say that there is no admin API, and how to get it."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        error = ProblemError(
            HTTPStatus.FORBIDDEN,
            "The admin API is not enabled. Give the exporter a file with a token:"
            " --admin.token-file NAME:read,act=FILE.",
        )
        await problem_response(error)(scope, receive, send)

    return [Mount(PREFIX, app=refuse)]


class _Endpoint:
    """Brings requests to an operation, and its answers back."""

    def __init__(self, operation: Operation, gate: Gate, write: Callable[[Record], Record]) -> None:
        self._operation = operation
        self._gate = gate
        self._write = write

    async def serve(self, request: Request) -> Response:
        """Answer one request."""
        operation = self._operation
        call = Call(
            request_id=new_request_id(),
            address=request.client.host if request.client else None,
            holder=None,
            name=request.path_params.get("name", ""),
            body=None,
        )
        body = Body(request)
        try:
            call = replace(call, holder=self._gate.admit(request, operation.scope))
            if operation.body is not None:
                call = replace(call, body=await body.read(operation.body))
        except ProblemError as error:
            self._record_refusal(call, error)
            if not await body.drain():
                error.headers["Connection"] = "close"
            raise
        try:
            answer = await operation.handle(call)
        except (EngineError, InvalidNameError) as error:
            status = status_of(error.reason)
            raise ProblemError(status, str(error), reason=error.reason) from error
        return Response(
            msgspec.json.encode(answer),
            status_code=operation.status,
            media_type="application/json",
            headers={**HEADERS, "X-Request-Id": call.request_id},
        )

    def _record_refusal(self, call: Call, error: ProblemError) -> None:
        """Put an attempt on record that did not get as far as the guard.

        Not what is throttled: this is what throttling is for.
        """
        if self._operation.attempts is None or error.status == HTTPStatus.TOO_MANY_REQUESTS:
            return
        trigger, action = self._operation.attempts
        self._write(
            Record(
                time=datetime.now(UTC),
                request_id=call.request_id,
                trigger=trigger,
                action=action,
                outcome=Outcome.DENIED,
                address=call.address,
                token_name=None if call.holder is None else call.holder.name,
                container=call.name or None,
                reason=error.problem.reason,
                detail=str(error),
            )
        )
