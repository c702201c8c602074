"""What one client may cost: how long each state of its connection may last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from exporter.web.lifecycle import Lifecycle
from exporter.web.protocol import PART_BYTES
from tests.support.waiting import wait_until
from tests.web.patience import (
    GET,
    IDLE,
    LARGE,
    LIMITS,
    POST,
    READ,
    STEP,
    WRITE,
    advance,
    assert_closed_after,
    begin,
    echo,
    let_time_pass,
    read_exactly,
    settle,
)
from tests.web.rough import TIMEOUT_SECONDS, answer, ask, connect, rest
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

    from starlette.types import Receive, Scope, Send


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


def test_next_body_has_time_of_its_own(served: Served, client: socket.socket) -> None:
    """Though it begins with the end of the one before."""
    needless = POST.replace(b"POST /", b"GET /-/healthy")
    client.sendall(needless)
    assert answer(client).status == 200
    advance(served, READ * 0.9)
    client.sendall(bytes(10) + needless)
    assert answer(client).status == 200
    assert_closed_after(READ, served, client)


def test_rubbish_after_an_answer_closes_the_connection(
    served: Served, client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no room for another answer, and nothing to log."""
    client.sendall(GET.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"))
    assert answer(client).status == 200
    client.sendall(b"rubbish\r\n")
    assert rest(client) == b""
    settle(served)
    assert not caplog.records


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


def test_proxys_header_is_not_believed() -> None:
    """Anybody can write it: the address of a client is that of its connection."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse([scope["client"][0], scope["scheme"]])(scope, receive, send)

    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    with serving(app, Lifecycle()) as served:
        answer = httpx.get(served.url, headers=headers, trust_env=False)
    assert answer.json() == ["127.0.0.1", "http"]
