"""HTTP/1.1 with clients that may be slow, silent or ill-behaved.

uvicorn's protocol holds a half-sent request, or a client that does not read, for as long as the
client likes. This one gives each state of a connection a time, and says which connections are
worth least. It leans on attributes of uvicorn's that are not documented: `app`, `conn`, `cycle`,
`flow`, `loop` and `transport`. `tests/web/test_protocol.py` fails where they change.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.web.connections import Standing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from uvicorn import Config
    from uvicorn.server import ServerState

    from exporter.web.connections import Connections

PART_BYTES = 64 * 1024
"""How much of an answer is copied for a client at once; what follows waits until that is taken."""

MAX_HEAD_BYTES = 16 * 1024
"""How long the request line and headers may be that have not come whole."""

_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may cost.

    Attributes:
        connections: How many of them there may be.
        read_seconds: How long a TLS handshake, the head of a request, and a body may take each.
        write_seconds: How long a client may take for `PART_BYTES` of an answer.
        idle_seconds: How long a connection is kept between two requests.
    """

    connections: int
    read_seconds: float
    write_seconds: float
    idle_seconds: float


class _Phase(enum.Enum):
    """What a connection is waiting for."""

    HEAD = "the rest of a request's head"
    BODY = "the rest of a request's body"
    ANSWER = "the application"
    WRITE = "the client, to take a part of its answer"
    NEXT = "another request"


_STANDING = {
    _Phase.HEAD: Standing.IDLE,
    _Phase.NEXT: Standing.IDLE,
    _Phase.BODY: Standing.HELD,
    _Phase.WRITE: Standing.HELD,
    _Phase.ANSWER: Standing.BUSY,
}


class ExporterProtocol(H11Protocol):
    """One connection.

    Requests find the certificate that their client has proven to hold, as
    `ssl.SSLSocket.getpeercert` gives it, in `scope["extensions"]["tls_peer"]`; None where it has
    shown none.
    """

    def __init__(  # noqa: PLR0913 -- what a connection is made of
        self,
        config: Config,
        state: ServerState,
        *,
        app: ASGIApp,
        accepted: socket.socket,
        limits: Limits,
        connections: Connections,
    ) -> None:
        """Take up a connection, which counts from now on, though TLS may have to begin first.

        Args:
            config: uvicorn's.
            state: What uvicorn knows of all connections.
            app: Answers requests.
            accepted: The socket.
            limits: What it may take.
            connections: Those that are open.
        """
        super().__init__(config, state, {})
        self._answer = app
        self.app = self._run
        self._accepted = accepted
        self._seconds = {
            _Phase.HEAD: limits.read_seconds,
            _Phase.BODY: limits.read_seconds,
            _Phase.WRITE: limits.write_seconds,
            _Phase.NEXT: limits.idle_seconds,
        }
        self._open = connections
        self._peer: dict[str, Any] | None = None
        self._watched: tuple[_Phase, object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        connections.place(self, Standing.IDLE)

    @property
    def connected(self) -> bool:
        """Whether it came as far as HTTP."""
        return self.transport is not None

    def abort(self) -> None:
        """Close the connection at once, with all that its client has not taken."""
        if self.connected:
            if self.flow.write_paused:
                # Else the kernel would go on for minutes to offer what it has got of the answer.
                self._accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.transport.abort()
        else:
            # TLS has not begun, or is under way: it finds that its client has gone.
            with contextlib.suppress(OSError):
                self._accepted.shutdown(socket.SHUT_RDWR)

    # -- what asyncio and uvicorn call -------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own annotation
        """Begin to wait for a request."""
        super().connection_made(transport)
        # With these, writing is paused for as long as anything is left that the client has not
        # taken; of what TLS has passed on, some more may wait below it, unseen.
        transport.set_write_buffer_limits(high=1, low=0)
        tls = transport.get_extra_info("ssl_object")
        # Empty for a certificate that nobody has verified.
        self._peer = (tls.getpeercert() or None) if tls is not None else None
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._stop_timer()
        self._open.remove(self)

    def data_received(self, data: bytes) -> None:
        """Take what the client has sent."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on after an answer."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Wait until the client takes what has been written."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # It is the body that makes no sense: for the application, its client has gone.
            cycle.disconnected = True
            cycle.message_event.set()
        # In the middle of an answer, or after it, there is no room for another.
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.transport.abort()

    # -- how long each state may last --------------------------------------------------------

    def _watch(self) -> None:
        """Start the clock for what is being waited for now, unless it runs already."""
        phase = self._phase()
        if self._watched == (phase, self.cycle):
            return
        self._watched = (phase, self.cycle)
        self._stop_timer()
        self._open.place(self, _STANDING[phase])
        if phase in self._seconds:
            self._timer = self.loop.call_later(self._seconds[phase], self._expire, phase)

    def _phase(self) -> _Phase:
        if self.flow.write_paused:
            return _Phase.WRITE
        # A body may be missing even when the answer is complete.
        if self.conn.their_state is h11.SEND_BODY:
            return _Phase.BODY
        if self.cycle is not None and not self.cycle.response_complete:
            return _Phase.ANSWER
        begun, _ = self.conn.trailing_data
        return _Phase.HEAD if begun or self.cycle is None else _Phase.NEXT

    def _expire(self, phase: _Phase) -> None:
        if phase is _Phase.NEXT:
            self.transport.close()
        else:
            self.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- what the application sees -----------------------------------------------------------

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {"tls_peer": self._peer}

        async def send_in_parts(message: Message) -> None:
            # uvicorn waits before it writes, not after: a client that does not read has one part in
            # the buffer, and shares the rest with whoever gets the same answer.
            left = memoryview(message.get("body", b""))
            while len(left) > PART_BYTES:
                await send({**message, "body": bytes(left[:PART_BYTES]), "more_body": True})
                left = left[PART_BYTES:]
                # Others have their turn; and it is seen whether the client has gone.
                await asyncio.sleep(0)
            await send({**message, "body": bytes(left)} if left else message)

        await self._answer(scope, receive, send_in_parts)
