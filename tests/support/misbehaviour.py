"""What an endpoint may do instead of answering, for the stand-ins that tests put in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedIOBase
    from threading import Event

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_PIECE = b" " * 65536


class Connection(Protocol):
    """The handler of one connection, as `http.server` has it.

    Attributes:
        wfile: Where the answer is written.
        close_connection: Set where nothing more is to be read.
    """

    wfile: BufferedIOBase
    close_connection: bool

    @property
    def closing(self) -> Event:
        """Set when the stand-in ends, which ends what would not end otherwise."""


def silence(connection: Connection) -> None:
    """Say nothing."""
    connection.close_connection = True
    connection.closing.wait()


def trickle(connection: Connection) -> None:
    """Send an answer a byte at a time, and never the last."""
    connection.close_connection = True
    connection.wfile.write(_HEAD + b"\r\n")
    while not connection.closing.wait(0.01):
        connection.wfile.write(b" ")


def pour(connection: Connection) -> None:
    """Send an answer that has no end, as fast as it goes."""
    connection.close_connection = True
    connection.wfile.write(_HEAD + b"\r\n")
    while not connection.closing.is_set():
        connection.wfile.write(_PIECE)


def half(connection: Connection) -> None:
    """Send the first half of an answer, and hang up."""
    connection.close_connection = True
    connection.wfile.write(_HEAD + b'Content-Length: 20\r\n\r\n{"half": "')


def rubbish(connection: Connection) -> None:
    """Speak another protocol."""
    connection.close_connection = True
    connection.wfile.write(b"220 mail.example ESMTP\r\n")


def no_json(connection: Connection) -> None:
    """Send a page where JSON is due."""
    connection.close_connection = True
    connection.wfile.write(_HEAD + b"Content-Length: 6\r\n\r\n<html>")


def forbid(connection: Connection) -> None:
    """Refuse as a socket proxy does."""
    connection.close_connection = True
    connection.wfile.write(
        b"HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n"
        b"<html><body>403 Forbidden</body></html>"
    )


def hang_up(connection: Connection) -> None:
    """End the connection without a word."""
    connection.close_connection = True


# Those that go on as long as somebody listens, and those that are over at once.
LASTING: tuple[Callable[[Connection], None], ...] = (silence, trickle, pour)
SHORT: tuple[Callable[[Connection], None], ...] = (half, rubbish, no_json, forbid, hang_up)
