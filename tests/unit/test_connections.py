"""Connections of our own beside an engine that breaks them, each at the worst moment."""

from __future__ import annotations

import select
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.engine.connections import Connections, Endpoint
from exporter.engine.transport import Answer, Request
from exporter.errors import EngineTimeoutError, EngineUnavailableError
from tests.support.leftovers import nothing_left_open

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from exporter.engine.transport import Outcome
    from exporter.errors import EngineError

SOON = 0.3
LATE = 30.0
HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\nok"
OK = Answer(200, b"ok")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    """Give a Unix socket on which a test answers by itself."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        listener.settimeout(LATE)
        yield listener


@pytest.fixture
def connections(listener: socket.socket) -> Iterator[Connections]:
    """Give connections to it."""
    connections = connections_to(listener.getsockname())
    yield connections
    connections.close()


def connections_to(path: str) -> Connections:
    """Return connections to a Unix socket."""
    return Connections(Endpoint(socket.AF_UNIX, path, f"unix://{path}"))


def outcomes(
    connections: Connections, *targets: str, width: int = 8, seconds: float = LATE
) -> Iterator[Outcome]:
    """Yield the outcome of a request for each target."""
    requests = [Request(target) for target in targets]
    return connections.fetch(requests, width=width, deadline=Deadline(seconds))


def fetch(connections: Connections, target: str, seconds: float = LATE) -> Answer | EngineError:
    """Return the result of one request."""
    (outcome,) = outcomes(connections, target, seconds=seconds)
    return outcome.result


@contextmanager
def served(serve: Callable[[], object]) -> Iterator[None]:
    """Let a thread be the engine meanwhile, and come to its end."""
    with ThreadPoolExecutor(1) as threads:
        serving = threads.submit(serve)
        yield
        serving.result(LATE)


def accepted(listener: socket.socket) -> socket.socket:
    """Return the next connection, on which nothing is waited for without end."""
    link, _ = listener.accept()
    link.settimeout(LATE)
    return link


def answer_one(listener: socket.socket, read: int = 1000) -> None:
    """Answer one request, and end its connection: it is reset if some was not read."""
    with accepted(listener) as link:
        link.recv(read)
        link.sendall(WHOLE)


def test_kept_connection_that_was_reset_is_replaced(
    connections: Connections, listener: socket.socket
) -> None:
    """As by a proxy that ends in a hurry: nobody is told."""
    with served(lambda: answer_one(listener, read=1)):
        assert fetch(connections, "/1") == OK
    with served(lambda: answer_one(listener)):
        assert fetch(connections, "/2") == OK


def test_half_an_answer_on_a_kept_connection_is_not_asked_for_again(
    connections: Connections, listener: socket.socket
) -> None:
    """Its beginning is there already, and would be taken for that of another answer."""

    def break_off() -> None:
        with accepted(listener) as link:
            link.recv(1000)
            link.sendall(WHOLE)
            link.recv(1)
            link.sendall(HEAD + b"Content-Length: 9\r\n\r\nhalf")

    with served(break_off):
        assert fetch(connections, "/1") == OK
        assert type(fetch(connections, "/2")) is EngineUnavailableError


def test_request_that_does_not_fit_is_sent_in_pieces(
    connections: Connections, listener: socket.socket
) -> None:
    """The kernel takes only what it has room for."""
    target = "/" + "x" * 2**21

    def read_all_then_answer() -> None:
        with accepted(listener) as link:
            received = bytearray()
            while not received.endswith(b"\r\n\r\n"):
                piece = link.recv(2**16)
                assert piece
                received += piece
            assert received.startswith(f"GET {target} HTTP/1.1\r\n".encode())
            link.sendall(WHOLE)

    with served(read_all_then_answer):
        assert fetch(connections, target) == OK


def test_connection_that_says_more_than_its_answer_is_ended(
    connections: Connections, listener: socket.socket
) -> None:
    """The rest of what it says would be taken for the next answer."""

    def say_too_much() -> None:
        with accepted(listener) as link:
            link.recv(1000)
            link.sendall(WHOLE + b"HTTP")
            answer_one(listener)
            assert link.recv(1000) == b""

    with served(say_too_much):
        assert fetch(connections, "/1") == OK
        assert fetch(connections, "/2") == OK


def test_one_that_breaks_makes_all_that_were_kept_doubtful(
    connections: Connections, listener: socket.socket
) -> None:
    """They are closed: each of those that are as dead would cost its request the same time."""

    def break_one() -> None:
        with accepted(listener) as one, accepted(listener) as two:
            for link in (one, two):
                link.recv(1000)
            for link in (one, two):
                link.sendall(WHOLE)
            ((broken, *_), _, _) = select.select([one, two], [], [], LATE)
            broken.recv(1000)
            broken.close()
            answer_one(listener)
            assert (two if broken is one else one).recv(1000) == b""

    with served(break_one):
        assert [one.result for one in outcomes(connections, "/1", "/2")] == [OK, OK]
        assert fetch(connections, "/3") == OK


def test_nothing_is_sent_on_a_connection_that_is_free_after_the_deadline(
    connections: Connections, listener: socket.socket
) -> None:
    """Whoever takes the outcomes may take long."""
    answered = threading.Event()

    def answer_two() -> None:
        with accepted(listener) as link:
            for _ in range(2):
                link.recv(1000)
                link.sendall(WHOLE)
            answered.set()
            assert link.recv(1000) == b""

    now = [0.0]
    deadline = Deadline(LATE, clock=lambda: now[0])
    requests = [Request(target) for target in ("/1", "/2", "/3")]
    with served(answer_two):
        coming = connections.fetch(requests, width=1, deadline=deadline)
        assert next(coming).result == OK
        assert answered.wait(LATE)
        now[0] = LATE
        second, third = coming
        connections.close()
    assert second.result == OK
    assert isinstance(third.result, EngineTimeoutError)
    assert third.seconds is None


def test_socket_that_cannot_be_connected_is_closed(tmp_path: Path) -> None:
    """Neither where nobody is, nor where nobody has time."""
    with nothing_left_open():
        assert type(fetch(connections_to(str(tmp_path / "nobody")), "/1")) is EngineUnavailableError
    with socket.socket(socket.AF_UNIX) as crowded, socket.socket(socket.AF_UNIX) as first:
        crowded.bind(str(tmp_path / "crowded"))
        crowded.listen(0)
        first.connect(crowded.getsockname())
        with nothing_left_open():
            late = fetch(connections_to(crowded.getsockname()), "/1", seconds=SOON)
            assert isinstance(late, EngineTimeoutError)


def test_reader_who_leaves_early_closes_what_is_under_way(
    connections: Connections, listener: socket.socket
) -> None:
    """Nobody else would."""

    def answer_first() -> None:
        with accepted(listener) as one, accepted(listener) as two:
            one.recv(1000)
            one.sendall(WHOLE)
            for link in (two, one):
                while link.recv(1000):
                    pass

    with served(answer_first), nothing_left_open():
        coming = outcomes(connections, "/1", "/2")
        assert next(coming).result == OK
        coming.close()  # type: ignore[attr-defined] # it is a generator
        connections.close()
