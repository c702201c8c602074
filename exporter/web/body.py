"""The body of a request: read as a value, and never without end."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from exporter.web.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

MAX_BODY_BYTES = 1024 * 1024

_DRAIN_SECONDS = 1.0


class Body:
    """What is still to come of the body of a request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ended = False

    async def read(self, kind: Any) -> Any:  # noqa: ANN401 -- a type, and a value of it
        """Return the body as a value; one that is not there has no fields.

        Raises:
            ProblemError: It is too large, no JSON, or makes no sense.
        """
        body = await self._read_bytes()
        content_type = self._request.headers.get("content-type")
        if content_type is None and not body:
            body = b"{}"
        elif (content_type or "").partition(";")[0].strip().lower() != "application/json":
            raise ProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, with the header Content-Type: application/json.",
                reason="content-type",
            )
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"The body makes no sense: {error}", reason="body"
            ) from error

    async def drain(self) -> bool:
        """Pass over what is left, for a moment and up to the limit; return whether that was all.

        A connection that is closed while its sender sends is reset, and the sender never sees
        the answer: Alertmanager would try again.
        """
        left = MAX_BODY_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for chunk in self._chunks():
                    left -= len(chunk)
                    if left < 0:
                        break
        return self._ended

    async def _read_bytes(self) -> bytes:
        body = bytearray()
        async for chunk in self._chunks():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise ProblemError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"The body is larger than {MAX_BODY_BYTES} bytes.",
                    reason="body-size",
                )
        return bytes(body)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while not self._ended:
            message = await self._request.receive()
            self._ended = not message.get("more_body", False)
            if message["type"] == "http.disconnect":
                raise ProblemError(HTTPStatus.BAD_REQUEST, "The body was cut short.", reason="body")
            yield message.get("body", b"")
