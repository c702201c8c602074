"""Reads HTTP/1.1 answers from bytes: no socket, no clock, no log.

Strict where leniency could mislead (RFC 9112): whatever is not a whole, well-formed answer of a
bounded size is an `EngineResponseError`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exporter.errors import EngineResponseError

if TYPE_CHECKING:
    from collections.abc import Callable

# The status line with all header lines, or all trailer lines.
HEAD_LIMIT = 64 * 1024
_CHUNK_LINE_LIMIT = 1024

_BEGINNING = b"HTTP/1."
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n"
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n\0]*)?\r\n((?:" + _FIELD + rb")*)\r\n"
)
_FIELDS = re.compile(rb"(?:" + _FIELD + rb")*\r\n")
# What frames an answer: nothing else in the head matters here.
_FRAMING = re.compile(rb"(?im)^(content-length|transfer-encoding|connection):[ \t]*([^\r\n]*)")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?\r\n")
_WITHOUT_BODY = (204, 304)


class ResponseReader:
    """One answer to one GET, made of the bytes as they come.

    Attributes:
        status: The status; 0 until the head has come.
        body: What has come of the body.
        begun: Whether anything has come at all.
        complete: Whether the answer is.
    """

    __slots__ = (
        *("begun", "body", "complete", "status"),
        *("_buffer", "_keep", "_left", "_limit", "_searched", "_step"),
    )

    def __init__(self, limit: int) -> None:
        """Begin with nothing; a body of more bytes than `limit` is refused."""
        self.status = 0
        self.body = bytearray()
        self.begun = False
        self.complete = False
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._left = 0
        self._keep = False
        # A function, not a method: that would refer back, and leave each reader to the collector.
        self._step: Callable[[ResponseReader], bool] = ResponseReader._read_head

    @property
    def reusable(self) -> bool:
        """Whether the connection can take another request: nothing more came, nor will."""
        return self.complete and self._keep and not self._buffer

    def feed(self, data: bytes | bytearray | memoryview) -> bool:
        """Take in what has come next; return whether the answer is complete.

        Raises:
            EngineResponseError: This is no answer, or too long a one.
        """
        if data:
            self.begun = True
            self._buffer += data
            while not self.complete and self._step(self):
                pass
        return self.complete

    def end(self) -> None:
        """Take in that the other side has closed the connection.

        Raises:
            EngineResponseError: The answer was not complete.
        """
        if self._step is ResponseReader._read_rest:
            self.complete = True
        if not self.complete:
            raise _nonsense("it ends too early")

    # Each step takes from the buffer what it can, and returns whether there may be more to do.

    def _read_head(self) -> bool:
        buffer = self._buffer
        if not buffer.startswith(_BEGINNING[: len(buffer)]):
            raise _nonsense(f"it begins with {bytes(buffer[:20])!r}")
        size = self._block_size()
        if size is None:
            return False
        head = _HEAD.fullmatch(buffer, 0, size)
        if head is None:
            raise _nonsense(f"its head is {bytes(buffer[:200])!r}")
        version, status, fields = head.groups()
        del buffer[:size]
        self.status = int(status)
        if self.status >= 200:  # noqa: PLR2004 -- those below announce another
            self._frame(fields, persistent=version == b"1")
        elif self.status == 101:  # noqa: PLR2004 -- as RFC 9110 numbers it
            raise _nonsense("it switches to a protocol that nobody asked for")
        return True

    def _frame(self, fields: bytes, *, persistent: bool) -> None:
        """Find out from the head where the body ends, and whether the connection stays."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in _FRAMING.findall(fields):
            words = [word.strip() for word in value.lower().split(b",")]
            found.setdefault(name.lower(), []).extend(words)
        words = found.get(b"connection", [])
        self._keep = b"close" not in words and (persistent or b"keep-alive" in words)
        coding, lengths = found.get(b"transfer-encoding"), found.get(b"content-length")
        if self.status in _WITHOUT_BODY:
            self.complete = True
        elif coding is not None:
            if coding != [b"chunked"] or lengths is not None or not persistent:
                raise _nonsense("where its body ends is not clear")
            self._step = ResponseReader._read_chunk_size
        elif lengths is not None:
            self._expect(lengths)
        else:
            self._keep = False
            self._step = ResponseReader._read_rest

    def _expect(self, lengths: list[bytes]) -> None:
        length, *others = set(lengths)
        if others or _LENGTH.fullmatch(length) is None:
            raise _nonsense("where its body ends is not clear")
        self._left = int(length)
        self._check(self._left)
        self._step = ResponseReader._read_sized
        self.complete = self._left == 0

    def _read_sized(self) -> bool:
        self._take()
        self.complete = self._left == 0
        return False

    def _read_rest(self) -> bool:
        self._check(len(self._buffer))
        self._left = len(self._buffer)
        self._take()
        return False

    def _read_chunk_size(self) -> bool:
        end = self._buffer.find(b"\n", 0, _CHUNK_LINE_LIMIT) + 1
        if not end and len(self._buffer) < _CHUNK_LINE_LIMIT:
            return False
        line = _CHUNK_SIZE.fullmatch(self._buffer, 0, end)
        if line is None:
            raise _nonsense(f"a chunk begins with {bytes(self._buffer[:20])!r}")
        self._left = int(line[1], 16)
        del self._buffer[:end]
        self._check(self._left)
        self._step = ResponseReader._read_chunk if self._left else ResponseReader._read_trailers
        return True

    def _read_chunk(self) -> bool:
        self._take()
        if self._left or len(self._buffer) < len(b"\r\n"):
            return False
        if not self._buffer.startswith(b"\r\n"):
            raise _nonsense("a chunk is longer than it says")
        del self._buffer[:2]
        self._step = ResponseReader._read_chunk_size
        return True

    def _read_trailers(self) -> bool:
        buffer = self._buffer
        size = 2 if buffer.startswith(b"\r\n") else self._block_size()
        if size is None:
            return False
        if _FIELDS.fullmatch(buffer, 0, size) is None:
            raise _nonsense(f"its trailers are {bytes(buffer[:200])!r}")
        del buffer[:size]
        self.complete = True
        return False

    def _block_size(self) -> int | None:
        """Return the length of the lines up to an empty one; None if that has not come yet."""
        start = self._buffer.find(b"\r\n\r\n", self._searched)
        if (len(self._buffer) if start < 0 else start) > HEAD_LIMIT:
            raise _nonsense("its head has no end")
        self._searched = max(0, len(self._buffer) - 3) if start < 0 else 0
        return None if start < 0 else start + 4

    def _take(self) -> None:
        """Move what is there of the piece of the body that is due."""
        size = min(self._left, len(self._buffer))
        self.body += self._buffer[:size]
        del self._buffer[:size]
        self._left -= size

    def _check(self, more: int) -> None:
        if len(self.body) + more > self._limit:
            raise _nonsense(f"it is longer than {self._limit} bytes")


def _nonsense(detail: str) -> EngineResponseError:
    return EngineResponseError(f"The engine's answer makes no sense: {detail}.")
