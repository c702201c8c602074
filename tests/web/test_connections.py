"""How many connections there may be, and who makes room."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from starlette.responses import Response

from exporter.web.lifecycle import Lifecycle
from tests.support.waiting import wait_until
from tests.web.patience import FEW, GET, LARGE, POST, echo
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

    from starlette.types import Receive, Scope, Send


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
