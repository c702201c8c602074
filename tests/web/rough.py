"""Clients that do what no library would let them do."""

from __future__ import annotations

import contextlib
import select
import socket
from http.client import HTTPResponse
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl
    from email.message import Message

TIMEOUT_SECONDS = 20
SMALL_BUFFER = 4096


def connect(
    address: tuple[str, int], *, buffer: int | None = None, tls: ssl.SSLContext | None = None
) -> socket.socket:
    """Return a connection.

    Args:
        address: Where to.
        buffer: How much the kernel is to take before it is read; None for what it likes.
        tls: What TLS is spoken with; None for none.
    """
    family, *_, where = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
    client = socket.socket(family)
    client.settimeout(TIMEOUT_SECONDS)
    # Each piece is sent when it is given.
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    try:
        client.connect(where)
        return tls.wrap_socket(client, server_hostname=address[0]) if tls else client
    except OSError:
        client.close()
        raise


class Answer(NamedTuple):
    """What a server answers."""

    status: int
    headers: Message
    body: bytes


def answer(client: socket.socket, method: str = "GET") -> Answer:
    """Return the next answer on a connection; no further one may follow unasked.

    Raises:
        http.client.HTTPException: It is no answer.
    """
    with HTTPResponse(client, method=method) as response:
        response.begin()
        return Answer(response.status, response.headers, response.read())


def ask(client: socket.socket, path: str = "/-/healthy") -> int:
    """Send a request; return the status of the answer."""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return answer(client).status


def wait_for_end(*clients: socket.socket) -> None:
    """Wait until the other side has closed one of the connections, read or not.

    Raises:
        TimeoutError: It does not.
    """
    ended = select.poll()
    for client in clients:
        ended.register(client, select.POLLRDHUP)
    if not ended.poll(TIMEOUT_SECONDS * 1000):
        raise TimeoutError("no connection was closed")


def rest(client: socket.socket) -> bytes:
    """Return all that comes until the other side closes the connection.

    Raises:
        TimeoutError: It does not.
    """
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := client.recv(65536):
            received += chunk
    return bytes(received)
