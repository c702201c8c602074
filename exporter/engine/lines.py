"""The lines of a stream that never ends, from pieces of it as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.errors import EngineResponseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# No event is longer than this, with all the labels of its container.
LINE_LIMIT = 1024 * 1024


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield each line as soon as it is whole, without its end; what is not whole is left out.

    Raises:
        EngineResponseError: A line is longer than `LINE_LIMIT`.

    Examples:
        >>> list(lines([b"one\ntw", b"o\n", b"thr"]))
        [b'one', b'two']
    """
    begun = bytearray()
    for piece in pieces:
        *ends, beginning = piece.split(b"\n")
        for end in ends:
            yield bytes(begun + end)
            begun.clear()
        begun += beginning
        if len(begun) > LINE_LIMIT:
            raise EngineResponseError("The engine sends an event that has no end.")
