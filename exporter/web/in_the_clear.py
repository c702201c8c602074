"""What a client is told that speaks HTTP where TLS is spoken."""

from __future__ import annotations

import asyncio
import re
import socket

# What a method begins with; a connection that speaks TLS begins with a 22 (RFC 8446, 5.1).
_METHOD = re.compile(rb"[A-Z]")

_PIECE = 64 * 1024

_ANSWER = (
    b"HTTP/1.0 400 Bad Request\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Connection: close\r\n\r\n"
    b"This port speaks TLS: begin the address with https://, or set `scheme: https` in the scrape"
    b" configuration of Prometheus.\n"
)


async def turned_away(link: socket.socket, seconds: float) -> bool:
    """Return whether a client speaks HTTP; it has been told by then, and its connection closed.

    Otherwise what it has sent is still there to be read.

    Args:
        link: Its connection, which does not block.
        seconds: How long it may take to begin.

    Raises:
        OSError: It has not begun in time, or is gone.
    """
    loop = asyncio.get_running_loop()
    begun = asyncio.Event()
    loop.add_reader(link, begun.set)
    try:
        await asyncio.wait_for(begun.wait(), seconds)
    finally:
        loop.remove_reader(link)
    if _METHOD.fullmatch(link.recv(1, socket.MSG_PEEK)) is None:
        return False
    with link:
        # What is left unread would make the system reset the connection, with the answer in it.
        link.recv(_PIECE)
        link.send(_ANSWER)
    return True
