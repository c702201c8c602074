"""How the admin API says what is wrong: problem documents (RFC 9457)."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from exporter.web.messages import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""What every answer of the admin API carries."""

_STATUS_OF_REASON = {
    "own-container": HTTPStatus.FORBIDDEN,
    "not-opted-in": HTTPStatus.FORBIDDEN,
    "busy": HTTPStatus.CONFLICT,
    "budget": HTTPStatus.TOO_MANY_REQUESTS,
    "cool-down": HTTPStatus.TOO_MANY_REQUESTS,
    "invalid_name": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_found": HTTPStatus.NOT_FOUND,
    "conflict": HTTPStatus.CONFLICT,
    "bad_response": HTTPStatus.BAD_GATEWAY,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "permission_denied": HTTPStatus.SERVICE_UNAVAILABLE,
    "interrupted": HTTPStatus.SERVICE_UNAVAILABLE,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
}


class ProblemError(Exception):
    """A request that cannot be served.

    Attributes:
        status: The status of the answer.
        headers: What it carries besides.
        problem: Its body.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,  # noqa: ANN401 -- the fields of `Problem`
    ) -> None:
        """Describe what is wrong; `members` are further fields of `Problem`."""
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})
        self.problem = Problem(
            title=HTTPStatus(status).phrase, status=status, detail=detail, **members
        )


def status_of(reason: str) -> HTTPStatus:
    """Return the status that says best why something was not done.

    Args:
        reason: A rule of the guard's, or the reason of an error.
    """
    return _STATUS_OF_REASON.get(reason, HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_response(error: ProblemError) -> Response:
    """Return the answer that says what is wrong."""
    headers = {**HEADERS, **error.headers}
    if error.problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.problem.retry_after_seconds)))
    return Response(
        msgspec.json.encode(error.problem),
        status_code=error.status,
        media_type="application/problem+json",
        headers=headers,
    )


async def handle_error(_request: Request, error: Exception) -> Response:
    """Return the answer for any exception; a handler of Starlette's."""
    if isinstance(error, ProblemError):
        return problem_response(error)
    if isinstance(error, HTTPException):
        # Starlette's own: no such path, or no such method there.
        status, headers = HTTPStatus(error.status_code), error.headers
    else:
        status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, None
    return problem_response(ProblemError(status, f"{status.description}.", headers=headers))
