"""What one client may cost: each limit, at a clock that the test moves.

No test waits for a limit to pass, nor fails because the machine is slow.
"""

from __future__ import annotations

import ssl
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from exporter.web.lifecycle import Lifecycle
from exporter.web.protocol import PART_BYTES, Limits
from tests.support.tls import make_certificate
from tests.support.waiting import wait_until
from tests.web.rough import SMALL_BUFFER, TIMEOUT_SECONDS, answer, ask, connect, rest, wait_for_end
from tests.web.serving import (
    HeldSnapshot,
    HeldSnapshots,
    Served,
    done,
    exporting,
    serving,
    snapshot_of,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

READ, WRITE, IDLE = 1000.0, 2000.0, 5000.0
LIMITS = Limits(connections=50, read_seconds=READ, write_seconds=WRITE, idle_seconds=IDLE)
# Far more than kernels and buffers hold.
STEP = 1_000_000
LARGE = Response(bytes(10 * STEP))
GET = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def served() -> Iterator[Served]:
    """Give an exporter with these limits."""
    with exporting(HeldSnapshots(done(snapshot_of("one"))), limits=LIMITS) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[socket.socket]:
    """Give a connection to it."""
    with connect(served.address) as client:
        yield client


def settle(served: Served) -> None:
    """Wait until the server has seen what was sent to it until now."""
    with connect(served.address) as another:
        another.sendall(GET)
        assert answer(another).status == 200


def advance(served: Served, seconds: float) -> None:
    """Let time go by from the moment on that the server has seen what was sent."""
    settle(served)
    served.advance(seconds)
    settle(served)


def assert_closed_after(seconds: float, served: Served, client: socket.socket) -> None:
    """Make sure that a connection is closed by then, and not before."""
    advance(served, seconds * 0.9)
    client.settimeout(0)
    with pytest.raises(BlockingIOError):
        client.recv(1)
    client.settimeout(TIMEOUT_SECONDS)
    served.advance(seconds * 0.2)
    assert rest(client) == b""


# -- reading ----------------------------------------------------------------------------------


def test_silent_connection_is_closed(served: Served, client: socket.socket) -> None:
    """A client that sends nothing has the time of a request's head."""
    assert_closed_after(READ, served, client)


@pytest.mark.parametrize("before", [0, 1, 3])
def test_half_sent_request_is_closed(served: Served, client: socket.socket, before: int) -> None:
    """That holds for every request of a connection, and no byte gives more time."""
    for _ in range(before):
        assert ask(client) == 200
    client.sendall(GET[:5])
    advance(served, READ * 0.5)
    client.sendall(GET[5:9])
    assert_closed_after(READ * 0.5, served, client)


def test_half_a_request_behind_a_whole_one_is_closed(served: Served, client: socket.socket) -> None:
    """What was sent early counts from when its turn comes."""
    client.sendall(GET + GET[:9])
    assert answer(client).status == 200
    assert_closed_after(READ, served, client)


def test_idle_connection_is_kept_and_then_closed(served: Served, client: socket.socket) -> None:
    """Between requests there is more time, each time anew."""
    for _ in range(3):
        assert ask(client) == 200
        advance(served, IDLE * 0.9)
    assert ask(client) == 200
    assert_closed_after(IDLE, served, client)


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


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


def test_missing_body_is_closed() -> None:
    """A body has its time, apart from that of its head."""
    with serving(echo, Lifecycle(), limits=LIMITS) as served, connect(served.address) as client:
        client.sendall(POST + bytes(10))
        assert answer(client).body == b"10"
        client.sendall(POST[:9])
        advance(served, READ * 0.9)
        client.sendall(POST[9:] + bytes(5))
        advance(served, READ * 0.5)
        client.sendall(bytes(4))
        assert_closed_after(READ * 0.5, served, client)


def test_body_that_nobody_asked_for_is_closed(served: Served, client: socket.socket) -> None:
    """An answer that needs no body does not wait for one, nor does the connection for ever."""
    client.sendall(POST.replace(b"POST /", b"GET /-/healthy"))
    assert answer(client).status == 200
    client.sendall(bytes(4))
    assert_closed_after(READ, served, client)


def test_body_that_comes_after_the_answer_leaves_an_idle_connection(
    served: Served, client: socket.socket
) -> None:
    """It can be used again, and has the time of an idle one."""
    client.sendall(POST.replace(b"POST /", b"GET /-/healthy"))
    assert answer(client).status == 200
    client.sendall(bytes(10))
    assert_closed_after(IDLE, served, client)


def test_request_that_is_being_answered_is_not_closed() -> None:
    """Its time is that of its deadline."""
    snapshots = HeldSnapshots(shared := HeldSnapshot(snapshot_of()))
    with exporting(snapshots, limits=LIMITS) as served, connect(served.address) as client:
        client.sendall(GET.replace(b"/-/healthy", b"/metrics"))
        wait_until(lambda: snapshots.joined, TIMEOUT_SECONDS, "the scrape waits")
        advance(served, 9)
        shared.future.set_result(snapshot_of("one"))
        assert b'name="one"' in answer(client).body


# -- writing ----------------------------------------------------------------------------------


def begin(served: Served, request: bytes = GET) -> socket.socket:
    """Return a connection on which an answer has begun, of which little is taken."""
    client = connect(served.address, buffer=SMALL_BUFFER)
    client.sendall(request)
    assert client.recv(4) == b"HTTP"
    return client


def let_time_pass(served: Served, client: socket.socket) -> None:
    """Let much time go by while hardly anything is read."""
    for _ in range(50):
        served.advance(WRITE)
        client.recv(SMALL_BUFFER)


def read_exactly(client: socket.socket, length: int) -> None:
    """Read so much."""
    while length:
        length -= len(client.recv(min(length, 65536)))


def test_client_that_does_not_read_is_given_up() -> None:
    """It is told so by a reset, and what lies in the kernel for it goes too."""
    with serving(LARGE, Lifecycle(), limits=LIMITS) as served, begin(served) as client:
        read_exactly(client, STEP)
        with pytest.raises(ConnectionResetError):
            let_time_pass(served, client)


def test_client_that_reads_slowly_gets_everything() -> None:
    """The time counts for each part of an answer, not for the whole."""
    last = GET.replace(b"1.1", b"1.0")
    with serving(LARGE, Lifecycle(), limits=LIMITS) as served, begin(served, last) as client:
        received = 0
        while received < 9 * STEP:
            read_exactly(client, STEP)
            received += STEP
            served.advance(WRITE * 0.9)
        assert received + len(rest(client)) > len(LARGE.body)


def test_client_that_does_not_read_the_end_is_given_up() -> None:
    """What is left of a complete answer has its time as well, when the connection closes too."""
    whole = Response(bytes(PART_BYTES))
    last = GET.replace(b"1.1", b"1.0")
    with (
        serving(whole, Lifecycle(), limits=LIMITS) as served,
        begin(served, last) as client,
        pytest.raises(ConnectionResetError),
    ):
        let_time_pass(served, client)


# -- the number of connections ----------------------------------------------------------------

FEW = Limits(connections=3, read_seconds=READ, write_seconds=WRITE, idle_seconds=IDLE)


@contextmanager
def connections(served: Served, number: int) -> Iterator[list[socket.socket]]:
    """Give so many connections that have been used."""
    with ExitStack() as clients:
        opened = [clients.enter_context(connect(served.address)) for _ in range(number)]
        for client in opened:
            assert ask(client) == 200
        yield opened


def test_oldest_idle_connection_makes_room() -> None:
    """The one that has been idle for the longest is closed, not the one that is open for it."""
    snapshots = HeldSnapshots(done(snapshot_of()))
    with (
        exporting(snapshots, limits=FEW) as served,
        connections(served, 3) as [first, second, third],
    ):
        assert ask(first) == 200
        with connections(served, 1):
            assert rest(second) == b""
            assert ask(first) == 200
            assert ask(third) == 200


@pytest.mark.parametrize("sent", [b"", GET[:9]])
def test_clients_that_send_no_request_keep_nobody_out(sent: bytes) -> None:
    """However many they are, and whatever they begin."""
    snapshots = HeldSnapshots(done(snapshot_of()))
    with exporting(snapshots, limits=FEW) as served, ExitStack() as clients:
        for _ in range(50):
            clients.enter_context(connect(served.address)).sendall(sent)
        with connections(served, 1) as [good]:
            assert ask(good) == 200


def test_connection_that_is_busy_is_not_closed() -> None:
    """Where all are, a new one waits for its turn."""
    snapshots = HeldSnapshots(shared := HeldSnapshot(snapshot_of()))
    with exporting(snapshots, limits=FEW) as served, ExitStack() as clients:
        scrapes = []
        for number in range(1, 7):
            scrapes.append(clients.enter_context(connect(served.address)))
            scrapes[-1].sendall(GET.replace(b"/-/healthy", b"/metrics"))
            joined = min(number, FEW.connections)
            wait_until(lambda: snapshots.joined, TIMEOUT_SECONDS, "it waits", joined.__eq__)
        shared.future.set_result(snapshot_of("one"))
        assert [answer(scrape).status for scrape in scrapes] == [200] * 6


@pytest.mark.parametrize("sent", [GET, POST])
def test_client_that_holds_us_up_makes_room_where_nobody_is_idle(sent: bytes) -> None:
    """It takes no answer, or does not send all of its request."""
    begun = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if (b"host", b"good") in scope["headers"]:
            await Response()(scope, receive, send)
            return
        begun.append(scope)
        await (LARGE if scope["method"] == "GET" else echo)(scope, receive, send)

    with serving(app, Lifecycle(), limits=FEW) as served, ExitStack() as clients:
        held = []
        for number in range(1, 4):
            held.append(clients.enter_context(connect(served.address, buffer=SMALL_BUFFER)))
            held[-1].sendall(sent)
            wait_until(lambda: len(begun), TIMEOUT_SECONDS, "it is served", number.__eq__)
        with connect(served.address) as good:
            good.sendall(GET.replace(b"Host: x", b"Host: good"))
            assert answer(good).status == 200
            wait_for_end(*held)


def test_proxys_header_is_not_believed() -> None:
    """Anybody can write it: the address of a client is that of its connection."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse([scope["client"][0], scope["scheme"]])(scope, receive, send)

    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    with serving(app, Lifecycle()) as served:
        answer = httpx.get(served.url, headers=headers, trust_env=False)
    assert answer.json() == ["127.0.0.1", "http"]


# -- TLS --------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Give the paths of a certificate for 127.0.0.1 and of its key."""
    return make_certificate(tmp_path)


@contextmanager
def secured(
    certificate: tuple[Path, Path], app: ASGIApp, verify: ssl.VerifyMode
) -> Iterator[Served]:
    """Serve an application over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate[0])
    context.load_cert_chain(*certificate)
    context.verify_mode = verify
    with serving(app, Lifecycle(), limits=LIMITS, tls=lambda: context) as served:
        yield served


async def tell_peer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the certificate of the client."""
    await JSONResponse(scope["extensions"]["tls_peer"])(scope, receive, send)


@pytest.mark.parametrize(
    ("verify", "shown", "known"),
    [
        (ssl.CERT_REQUIRED, True, True),
        (ssl.CERT_OPTIONAL, True, True),
        (ssl.CERT_OPTIONAL, False, False),
        (ssl.CERT_NONE, True, False),
    ],
)
def test_application_sees_the_certificate_that_was_verified(
    certificate: tuple[Path, Path], verify: ssl.VerifyMode, *, shown: bool, known: bool
) -> None:
    """And none that was not, or was not asked for."""
    client = ssl.create_default_context(cafile=certificate[0])
    if shown:
        client.load_cert_chain(*certificate)
    with secured(certificate, tell_peer, verify) as served:
        peer = httpx.get(served.url, verify=client, trust_env=False).json()
    if known:
        assert peer["subject"] == [[["commonName", "localhost"]]]
        assert peer["subjectAltName"] == [["IP Address", "127.0.0.1"]]
    else:
        assert peer is None


def test_without_tls_there_is_no_certificate() -> None:
    """The same application may be served in the clear."""
    with serving(tell_peer, Lifecycle()) as served:
        assert httpx.get(served.url, trust_env=False).json() is None
