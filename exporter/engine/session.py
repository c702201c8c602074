"""The SDK's own session as a `Transport`: for TLS, SSH and proxies, which it knows how to reach."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from exporter.engine.base import nonsense, too_late
from exporter.engine.sdk_errors import translated
from exporter.engine.threads import each
from exporter.engine.transport import Answer, Outcome, light
from exporter.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import requests
    from docker import APIClient

    from exporter.deadline import Deadline
    from exporter.engine.transport import Request

_PIECE = 64 * 1024

# How the SDK names what is behind SSH: paramiko's channels cannot be read as something comes.
_OVER_SSH = "http+docker://ssh"


class Session:
    """A `Transport` over the SDK's session, which waits: each request has a thread meanwhile."""

    def __init__(self, api: APIClient, where: str) -> None:
        """Keep the session.

        Args:
            api: The SDK's low-level client, whose owner closes it.
            where: The engine's address, for messages.
        """
        self._api = api
        self._where = where

    def fetch(
        self, requests: Sequence[Request], *, width: int, deadline: Deadline
    ) -> Iterator[Outcome]:
        """Yield the outcome of each request as they come, see `Transport.fetch`."""
        began: dict[Request, float] = {}

        def seconds(request: Request) -> float | None:
            return time.perf_counter() - began[request] if request in began else None

        def carry_out(request: Request) -> Outcome:
            began[request] = time.perf_counter()
            result: Answer | EngineError
            try:
                with translated(self._where, request.container):
                    result = self._get(request, deadline)
            except EngineError as error:
                result = light(error)
            return Outcome(request, result, seconds(request))

        for request, outcome in each(requests, carry_out, width=width, deadline=deadline):
            yield outcome or Outcome(request, too_late(self._where), seconds(request))

    def close(self) -> None:
        """Do nothing: the session is closed with its client."""

    def _get(self, request: Request, deadline: Deadline) -> Answer:
        body = bytearray()
        url = f"{self._api.base_url}{request.target}"
        seconds = max(0.001, deadline.remaining())
        # Each part may take that long, so the time is looked at after each of them as well.
        with self._api.get(url, timeout=seconds, stream=True, allow_redirects=False) as response:
            for piece in pieces(response):
                body += piece
                if len(body) > request.limit:
                    raise nonsense(self._where, f"it is longer than {request.limit} bytes")
                if deadline.expired:
                    raise too_late(self._where)
            return Answer(response.status_code, body)


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body of an answer as it comes: a whole piece of a trickle may take for ever."""
    if response.url.startswith(_OVER_SSH):
        yield from response.iter_content(_PIECE)
        return
    while piece := response.raw.read1(_PIECE, decode_content=True):
        yield piece
