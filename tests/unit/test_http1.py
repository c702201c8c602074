"""The reader of HTTP answers: whole ones, in any pieces, and rubbish."""

from __future__ import annotations

import contextlib
import io
from http.client import HTTPResponse
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.http1 import HEAD_LIMIT, ResponseReader
from exporter.errors import EngineResponseError

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

LIMIT = 1000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

TOKENS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789", min_size=1)
# What http.client and RFC 9110 both take for the value of a header.
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)).map(str.strip)
FIELDS = st.lists(
    st.tuples(
        TOKENS.filter(
            lambda name: (
                name.lower()
                not in {"content-length", "transfer-encoding", "connection", "proxy-connection"}
            )
        ),
        VALUES,
    ),
    max_size=5,
)
BODIES = st.binary(max_size=200)


def field_lines(fields: Sequence[tuple[str, str]]) -> bytes:
    """Return headers or trailers as they are sent."""
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in fields)


def in_chunks(body: bytes, sizes: Sequence[int]) -> bytes:
    """Return a body in chunks of these sizes, as far as it goes."""
    sent, rest = b"", body
    for size in sizes:
        piece, rest = rest[:size], rest[size:]
        if piece:
            sent += f"{len(piece):x};ext=1\r\n".encode() + piece + b"\r\n"
    if rest:
        sent += f"{len(rest):X}\r\n".encode() + rest + b"\r\n"
    return sent + b"0\r\n"


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Make a valid answer, framed in any of the ways there are."""
    status = draw(st.integers(200, 599))
    version = draw(st.sampled_from(["1.0", "1.1"]))
    line = f"HTTP/{version} {status} {draw(VALUES)}\r\n".encode()
    head = line + field_lines(draw(FIELDS))
    if draw(st.booleans()):
        head += (
            f"Connection: {draw(st.sampled_from(['close', 'keep-alive', 'Close']))}\r\n".encode()
        )
    body = draw(BODIES)
    framing = draw(st.sampled_from(["length", "chunks", "rest"]))
    if status in (204, 304):
        return head + b"\r\n"
    if framing == "length":
        return head + f"CONTENT-length: {len(body)}\r\n\r\n".encode() + body
    if framing == "chunks" and version == "1.1":
        chunks = in_chunks(body, draw(st.lists(st.integers(1, 50), max_size=5)))
        trailers = field_lines(draw(FIELDS)) + b"\r\n"
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + trailers
    return head + b"\r\n" + body


def read(pieces: Sequence[bytes], *, end: bool = True) -> ResponseReader:
    """Return a reader that was fed, with the connection closed at the end."""
    reader = ResponseReader(LIMIT)
    for piece in pieces:
        reader.feed(piece)
    if end and not reader.complete:
        reader.end()
    return reader


class Recorded:
    """A socket for http.client that has received something."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what can be read from it."""
        return io.BufferedReader(io.BytesIO(self.data))


def standard(data: bytes) -> HTTPResponse:
    """Return what http.client makes of an answer."""
    link: socket.socket = Recorded(data)  # type: ignore[assignment] # all that it asks of one
    response = HTTPResponse(link, method="GET")
    response.begin()
    return response


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Return the data cut at places."""
    at = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(at)]


@given(answers())
def test_valid_answers_are_read_as_http_client_reads_them(data: bytes) -> None:
    """Status, body, and whether the connection can go on."""
    reader, theirs = read([data]), standard(data)
    assert (reader.status, bytes(reader.body)) == (theirs.status, theirs.read())
    assert reader.reusable is not theirs.will_close


@given(answers(), st.lists(st.integers(0, 2000), max_size=8))
def test_any_pieces_give_the_same_answer(data: bytes, places: list[int]) -> None:
    """The network may cut anywhere."""
    whole, pieces = read([data]), read(cut(data, places))
    assert pieces.complete
    assert (pieces.status, pieces.body) == (whole.status, whole.body)
    assert pieces.reusable is whole.reusable


@given(answers())
def test_byte_by_byte_gives_the_same_answer(data: bytes) -> None:
    """The smallest pieces there are."""
    whole, pieces = read([data]), read([bytes([byte]) for byte in data])
    assert (pieces.status, pieces.body, pieces.reusable) == (
        *(whole.status, whole.body, whole.reusable),
    )


@given(answers(), st.integers(0, 2000))
def test_answer_that_is_cut_short_is_an_error(data: bytes, place: int) -> None:
    """Unless its end is that of the connection, or it has come already."""
    reader = ResponseReader(LIMIT)
    reader.feed(data[: place % len(data)])
    if not reader.complete:
        with contextlib.suppress(EngineResponseError):
            reader.end()
            assert not reader.reusable
            theirs = standard(data)
            assert theirs.length is None
            assert not theirs.chunked


@given(answers(), st.binary(min_size=1, max_size=5))
def test_connection_that_has_more_to_say_is_not_used_again(data: bytes, more: bytes) -> None:
    """What nobody has asked for would be taken for the next answer."""
    reader = ResponseReader(LIMIT)
    if reader.feed(data + more):
        assert not reader.reusable


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=3))
def test_rubbish_is_a_clear_error(data: bytes, places: list[int]) -> None:
    """Nothing else is raised, whatever comes."""
    with contextlib.suppress(EngineResponseError):
        read(cut(data, places))


@given(answers(), st.integers(0, 2000), st.binary(max_size=3))
def test_damaged_answer_is_read_or_a_clear_error(data: bytes, place: int, damage: bytes) -> None:
    """Nothing else is raised, wherever the damage is."""
    at = place % len(data)
    with contextlib.suppress(EngineResponseError):
        read([data[:at] + damage + data[at + len(damage) :]])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 101 Switching\r\n\r\n", id="another protocol from now on"),
        pytest.param(OK + b"No colon\r\n\r\n", id="no header"),
        pytest.param(OK + b" folded: 1\r\n\r\n", id="folded header"),
        pytest.param(OK + b"A: b\nContent-Length: 1\r\n\r\n", id="bare line feed"),
        pytest.param(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(OK + b"Content-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(OK + b"Content-Length: 1_0\r\n\r\n", id="a length that int() takes"),
        pytest.param(
            CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n"), id="two framings"
        ),
        pytest.param(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", id="compressed"),
        pytest.param(CHUNKED.replace(b"1.1", b"1.0"), id="chunks in HTTP/1.0"),
        pytest.param(CHUNKED + b"0x1\r\nx\r\n", id="a size that int() takes"),
        pytest.param(CHUNKED + b"1\r\nxx\r\n", id="chunk longer than it says"),
        pytest.param(CHUNKED + b"1\r\nx__0\r\n\r\n", id="chunk without its end"),
        pytest.param(CHUNKED + b"0\r\nNo colon\r\n\r\n", id="no trailer"),
        pytest.param(CHUNKED + b"1" * 2000, id="endless size"),
        pytest.param(OK + b"A: " + b"b" * HEAD_LIMIT, id="endless header"),
        pytest.param(OK + b"A: b\r\n" * HEAD_LIMIT, id="endless headers"),
        pytest.param(CHUNKED + b"0\r\n" + b"A: b\r\n" * HEAD_LIMIT, id="endless trailers"),
        pytest.param(OK + b"Content-Length: 1001\r\n\r\n", id="too long a body"),
        pytest.param(CHUNKED + b"3E9\r\n", id="too long a chunk"),
        pytest.param(CHUNKED + b"3E8\r\n" + b"x" * 1000 + b"\r\n1\r\n", id="too many chunks"),
        pytest.param(OK + b"\r\n" + b"x" * 1001, id="too long a body without a length"),
    ],
)
def test_what_is_no_answer_is_refused_at_once(data: bytes) -> None:
    """Before the connection ends, and so before it fills the memory."""
    with pytest.raises(EngineResponseError):
        read([data], end=False)


def test_announcements_are_passed_over() -> None:
    """An answer may come after a status that is none."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    reader = read([early, early + OK + b"Content-Length: 2\r\n\r\nok"], end=False)
    assert (reader.status, bytes(reader.body), reader.reusable) == (200, b"ok", True)


@pytest.mark.parametrize("status", [204, 304])
def test_answer_that_never_has_a_body_is_complete_with_its_head(status: int) -> None:
    """Whatever length it tells is that of a body which is not sent (RFC 9112, 6.3)."""
    for length in (b"", b"Content-Length: 5\r\n"):
        reader = read([f"HTTP/1.1 {status} \r\n".encode() + length + b"\r\n"], end=False)
        assert (reader.status, bytes(reader.body), reader.reusable) == (status, b"", True)


def test_longest_allowed_bodies_are_read() -> None:
    """The limit itself is within the limit, whichever way the body comes."""
    body = b"x" * LIMIT
    for data in (
        OK + b"Content-Length: 1000\r\n\r\n" + body,
        CHUNKED + b"3e8\r\n" + body + b"\r\n0\r\n\r\n",
        OK + b"\r\n" + body,
    ):
        assert bytes(read([data]).body) == body


def test_nothing_has_begun_before_the_first_byte() -> None:
    """Which tells a connection that was closed long ago from one that broke."""
    reader = ResponseReader(LIMIT)
    assert reader.feed(b"") is False
    assert not reader.begun
    reader.feed(b"H")
    assert reader.begun
