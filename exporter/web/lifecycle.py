"""What stopping means for the requests that are there, and for those that still come."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from concurrent.futures import Future

    from starlette.types import ASGIApp, Receive, Scope, Send

    from exporter.deadline import Deadline

GRACE_SECONDS = 1.5
"""How long a scrape may still wait for the engine once stopping has begun."""


class Lifecycle:
    """Whether the server is stopping, and the waits that stopping cuts short.

    It belongs to the event loop: only from there may it be used.
    """

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()
        self._end = math.inf

    @property
    def stopping(self) -> bool:
        """Whether new requests are to be refused."""
        return self._end < math.inf

    def stop(self) -> None:
        """Begin to stop: from now on every wait ends in `GRACE_SECONDS` at the latest."""
        if self.stopping:
            return
        self._end = asyncio.get_running_loop().time() + GRACE_SECONDS
        for wait in self._waits:
            when = wait.when()
            if when is not None and not wait.expired():
                wait.reschedule(min(when, self._end))

    async def wait(self, future: Future[Any], deadline: Deadline) -> None:
        """Wait until the future is done or the deadline has come, without touching the future."""
        if future.done():
            return
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Future[Any]) -> None:
            # A future that nobody waits for any more may outlive the loop.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

        future.add_done_callback(tell)
        with contextlib.suppress(TimeoutError):
            # The loop's clock is the monotonic one, as is the deadline's.
            async with asyncio.timeout_at(min(deadline.at, self._end)) as wait:
                self._waits.add(wait)
                try:
                    await done.wait()
                finally:
                    self._waits.discard(wait)


class RefuseWhenStopping:
    """Middleware that answers 503, and closes the connection, once stopping has begun."""

    def __init__(self, app: ASGIApp, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        if self._lifecycle.stopping:
            app = PlainTextResponse(
                "The exporter is stopping.\n", status_code=503, headers={"Connection": "close"}
            )
        await app(scope, receive, send)
