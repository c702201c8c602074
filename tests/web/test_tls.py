"""Connections that speak TLS: their limits, and what requests see of their client."""

from __future__ import annotations

import ssl
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from exporter.web.lifecycle import Lifecycle
from exporter.web.protocol import PART_BYTES
from tests.support.tls import make_certificate
from tests.web.patience import (
    FEW,
    GET,
    IDLE,
    LARGE,
    LIMITS,
    READ,
    STEP,
    WRITE,
    advance,
    assert_closed_after,
    let_time_pass,
    read_exactly,
    settle,
)
from tests.web.rough import SMALL_BUFFER, ask, connect, rest, wait_for_end
from tests.web.serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from exporter.web.protocol import Limits


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the paths of a certificate for 127.0.0.1 and of its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    """Give what a client speaks TLS with; it shows no certificate."""
    return ssl.create_default_context(cafile=certificate[0])


@contextmanager
def secured(
    certificate: tuple[Path, Path],
    app: ASGIApp,
    limits: Limits = LIMITS,
    verify: ssl.VerifyMode = ssl.CERT_NONE,
) -> Iterator[Served]:
    """Serve an application over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate[0])
    context.load_cert_chain(*certificate)
    context.verify_mode = verify
    with serving(app, Lifecycle(), limits=limits, tls=lambda: context) as served:
        yield served


# How a TLS record begins that holds the beginning of a handshake, and is 500 bytes long.
HALF_A_HANDSHAKE = b"\x16\x03\x01\x01\xf4\x01"


@pytest.mark.parametrize("sent", [b"", HALF_A_HANDSHAKE])
def test_handshake_that_does_not_come_is_closed(
    certificate: tuple[Path, Path], tls: ssl.SSLContext, sent: bytes
) -> None:
    """Whether nothing comes of it, or half; others are served meanwhile."""
    with secured(certificate, Response()) as served, connect(served.address) as client:
        client.sendall(sent)
        assert_closed_after(READ, served, client, tls)


@pytest.mark.parametrize("sent", [b"", HALF_A_HANDSHAKE])
def test_handshakes_that_do_not_come_keep_nobody_out(
    certificate: tuple[Path, Path], tls: ssl.SSLContext, sent: bytes
) -> None:
    """They count as connections, and as idle ones."""
    with secured(certificate, Response(), FEW) as served, ExitStack() as clients:
        for _ in range(FEW.connections):
            clients.enter_context(connect(served.address)).sendall(sent)
        first = clients.enter_context(connect(served.address, tls=tls))
        assert ask(first) == 200
        for _ in range(50):
            clients.enter_context(connect(served.address)).sendall(sent)
        wait_for_end(first)
        settle(served, tls)


def test_http_in_the_clear_is_told_what_to_do(
    certificate: tuple[Path, Path], tls: ssl.SSLContext
) -> None:
    """In HTTP, and its connection is closed; nobody has to go for it."""
    with secured(certificate, Response(), FEW) as served, ExitStack() as clients:
        good = [clients.enter_context(connect(served.address, tls=tls)) for _ in range(2)]
        assert [ask(client) for client in good] == [200, 200]
        for _ in range(2 * FEW.connections):
            with connect(served.address) as lost:
                lost.sendall(GET)
                head, _, body = rest(lost).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.0 400 ")
            assert b"https://" in body
        assert [ask(client) for client in good] == [200, 200]
        settle(served, tls)


def test_handshake_that_fails_leaves_its_place(
    certificate: tuple[Path, Path], tls: ssl.SSLContext
) -> None:
    """Nobody has to go for a connection that is closed."""
    with secured(certificate, Response(), FEW) as served, ExitStack() as clients:
        good = [clients.enter_context(connect(served.address, tls=tls)) for _ in range(2)]
        assert [ask(client) for client in good] == [200, 200]
        with connect(served.address) as failing:
            failing.sendall(b"no TLS at all\r\n")
            rest(failing)
        settle(served, tls)
        assert [ask(client) for client in good] == [200, 200]


def test_limits_hold_under_tls(certificate: tuple[Path, Path], tls: ssl.SSLContext) -> None:
    """A connection that speaks TLS is one like the others."""
    with secured(certificate, Response()) as served:
        with connect(served.address, tls=tls) as client:
            assert ask(client) == 200
            client.sendall(GET[:9])
            assert_closed_after(READ, served, client, tls)
        with connect(served.address, tls=tls) as client:
            assert ask(client) == 200
            assert_closed_after(IDLE, served, client, tls)
    with (
        secured(certificate, LARGE) as served,
        connect(served.address, buffer=SMALL_BUFFER, tls=tls) as client,
    ):
        client.sendall(GET)
        let_time_pass(served, client)


def test_client_that_reads_slowly_gets_everything_under_tls(
    certificate: tuple[Path, Path], tls: ssl.SSLContext
) -> None:
    """Closing the connection does not cut the end of the answer off."""
    with (
        secured(certificate, LARGE) as served,
        connect(served.address, buffer=SMALL_BUFFER, tls=tls) as client,
    ):
        client.sendall(GET.replace(b"1.1", b"1.0"))
        received = 0
        while received < 9 * STEP:
            read_exactly(client, STEP)
            received += STEP
            served.advance(WRITE * 0.9)
        assert received + len(rest(client)) > len(LARGE.body)


@pytest.mark.parametrize(("seconds", "whole"), [(WRITE * 0.9, True), (WRITE * 1.1, False)])
def test_end_of_an_answer_has_its_time_under_tls(
    certificate: tuple[Path, Path], tls: ssl.SSLContext, seconds: float, *, whole: bool
) -> None:
    """What TLS holds when the connection is closed, it holds for so long, and no longer."""
    body = Response(bytes(PART_BYTES))
    with (
        secured(certificate, body) as served,
        connect(served.address, buffer=SMALL_BUFFER, tls=tls) as client,
    ):
        client.sendall(GET.replace(b"1.1", b"1.0"))
        received = len(client.recv(SMALL_BUFFER))
        # Those that settle it are served the same, and have to read it.
        advance(served, seconds, tls)
        received += len(rest(client))
    assert (received > PART_BYTES) is whole


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
    with secured(certificate, tell_peer, verify=verify) as served:
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
