"""Limits of what a client may cost, and a clock that goes on at once.

No test waits for a limit to pass, nor fails because the machine is slow.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from starlette.responses import JSONResponse, Response

from exporter.web.protocol import Limits
from tests.web.rough import SMALL_BUFFER, TIMEOUT_SECONDS, answer, connect, rest

if TYPE_CHECKING:
    import socket

    from starlette.types import Receive, Scope, Send

    from tests.web.serving import Served

READ, WRITE, IDLE = 1000.0, 2000.0, 5000.0
LIMITS = Limits(connections=50, read_seconds=READ, write_seconds=WRITE, idle_seconds=IDLE)
# Far more than kernels and buffers hold.
STEP = 1_000_000
LARGE = Response(bytes(10 * STEP))
GET = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
FEW = Limits(connections=3, read_seconds=READ, write_seconds=WRITE, idle_seconds=IDLE)
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how long the body of a request is."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    await JSONResponse(length)(scope, receive, send)


def settle(served: Served, tls: ssl.SSLContext | None = None) -> None:
    """Wait until the server has seen what was sent to it until now, and serve a good client."""
    with connect(served.address, tls=tls) as another:
        another.sendall(GET)
        assert answer(another).status == 200


def advance(served: Served, seconds: float, tls: ssl.SSLContext | None = None) -> None:
    """Let time go by from the moment on that the server has seen what was sent."""
    settle(served, tls)
    served.advance(seconds)
    settle(served, tls)


def assert_closed_after(
    seconds: float, served: Served, client: socket.socket, tls: ssl.SSLContext | None = None
) -> None:
    """Make sure that a connection is closed by then, and not before."""
    advance(served, seconds * 0.9, tls)
    client.settimeout(0)
    with pytest.raises((BlockingIOError, ssl.SSLWantReadError)):
        client.recv(1)
    client.settimeout(TIMEOUT_SECONDS)
    served.advance(seconds * 0.2)
    assert rest(client) == b""


def begin(served: Served, request: bytes = GET) -> socket.socket:
    """Return a connection on which an answer has begun, of which little is taken."""
    client = connect(served.address, buffer=SMALL_BUFFER)
    client.sendall(request)
    assert client.recv(4) == b"HTTP"
    return client


def let_time_pass(served: Served, client: socket.socket) -> None:
    """Let much time go by while hardly anything is read, until the connection is closed.

    Raises:
        ConnectionResetError: It is reset.
        TimeoutError: It stays open.
    """
    for _ in range(50):
        served.advance(WRITE)
        if not client.recv(SMALL_BUFFER):
            return
    raise TimeoutError("a client that hardly reads was served on")


def read_exactly(client: socket.socket, length: int) -> None:
    """Read so much."""
    while length:
        length -= len(client.recv(min(length, 65536)))
