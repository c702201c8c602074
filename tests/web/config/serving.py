"""An application behind a web configuration, and clients of it."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from starlette.responses import PlainTextResponse

from exporter.web.config.admission import Admission
from exporter.web.config.live import LiveWebConfig
from exporter.web.config.users import Passwords
from exporter.web.lifecycle import Lifecycle
from tests.web.serving import TIMEOUT_SECONDS, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.certificates import Certificate
    from tests.web.serving import Served

REST = "/api/v1"


@contextmanager
def configured(file: Path, clock: Callable[[], float] = lambda: 0.0) -> Iterator[Served]:
    """Serve a greeting, with headers of its own, until the context ends."""
    live, passwords = LiveWebConfig(file), Passwords()
    hello = PlainTextResponse("hello", headers={"X-Frame-Options": "deny", "Server": "us"})
    app = Admission(live, passwords, without_users=REST, clock=clock).before(hello)
    tls = live.tls if live.tls() else None
    try:
        with serving(app, Lifecycle(), tls=tls) as served:
            yield served
    finally:
        passwords.close()


def replace(file: Path, text: str) -> None:
    """Put another text in the place of a file, as those do who know how."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


def trusting(authority: Certificate, client: Certificate | None = None) -> ssl.SSLContext:
    """Return what a client of the server needs, with a certificate of its own if it has one."""
    context = ssl.create_default_context(cafile=authority.cert)
    if client is not None:
        context.load_cert_chain(client.cert, client.key)
    return context


def ask(
    served: Served,
    tls: ssl.SSLContext | None = None,
    auth: tuple[str, str] | None = None,
    path: str = "/",
) -> httpx.Response:
    """Return an answer, on a connection of its own."""
    with httpx.Client(verify=tls or True, trust_env=False, timeout=TIMEOUT_SECONDS) as client:
        return client.get(f"{served.url}{path}", auth=auth)


def connect(
    served: Served, tls: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    """Return a connection on which both sides have shown their certificates.

    Args:
        served: The server.
        tls: What the client speaks.
        session: An earlier one, to be taken up.

    Raises:
        OSError: They have not come to that.
    """
    link = socket.create_connection(served.address, TIMEOUT_SECONDS)
    try:
        secured = tls.wrap_socket(link, server_hostname="localhost", session=session)
    except OSError:
        link.close()
        raise
    try:
        # In TLS 1.3 a client is done before the server has looked at its certificate.
        greet(secured)
    except OSError:
        secured.close()
        raise
    return secured


def accepted(served: Served, tls: ssl.SSLContext, session: ssl.SSLSession | None = None) -> bool:
    """Return whether client and server come to a connection, as `connect` has it."""
    try:
        connect(served, tls, session).close()
    except OSError:
        return False
    return True


def greet(secured: ssl.SSLSocket) -> bytes:
    """Send a request and return the answer, up to the end of the greeting."""
    secured.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\nhello"):
        part = secured.recv(65536)
        if not part:
            raise ConnectionResetError
        answer += part
    return answer


def serial(secured: ssl.SSLSocket) -> str:
    """Return the number of the certificate that the server has shown."""
    shown = secured.getpeercert()
    assert shown is not None
    return str(shown["serialNumber"])
