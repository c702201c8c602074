"""Listening, and stopping."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn

import httpx
import pytest

import exporter
from exporter.deadline import Deadline
from exporter.errors import ExporterError
from exporter.metrics.exposition import Exposition
from exporter.settings import ListenAddress
from exporter.web.app import create_app
from exporter.web.lifecycle import Lifecycle
from exporter.web.listeners import listen
from exporter.web.pages.page import Page
from exporter.web.telemetry import Telemetry
from tests.support.waiting import wait_until
from tests.web.serving import (
    TIMEOUT_SECONDS,
    HeldSnapshot,
    HeldSnapshots,
    done,
    exporting,
    snapshot_of,
)

ROOT = Path(exporter.__file__).parents[1]

# More than the deadline of a scrape after stopping, and far less than before.
LONG_HEADERS = {"X-Prometheus-Scrape-Timeout-Seconds": "100"}


def status(url: str) -> int:
    """Return the status that a server answers with."""
    return httpx.get(f"{url}/-/ready", timeout=TIMEOUT_SECONDS, trust_env=False).status_code


# -- listening --------------------------------------------------------------------------------


def test_every_address_is_served_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """Each of them answers, and the log has each with its true port."""
    caplog.set_level("INFO", "exporter.web.server")
    addresses = ("127.0.0.1:0", "127.0.0.2:0", "[::1]:0")
    with exporting(HeldSnapshots(done(snapshot_of())), addresses=addresses) as served:
        assert [status(url) for url in served.urls] == [200, 200, 200]
    said = [record.__dict__["address"] for record in caplog.records if record.msg == "listening"]
    assert said == [url.removeprefix("http://") for url in served.urls]


def test_parts_of_an_answer_do_not_wait_for_one_another() -> None:
    """Without TCP_NODELAY a second scrape over a connection would take 40 ms longer."""
    with exporting(HeldSnapshots(done(snapshot_of()))) as served:
        host, port = served.url.removeprefix("http://").split(":")
        client = HTTPConnection(host, int(port), timeout=TIMEOUT_SECONDS)
        client.request("GET", "/-/ready")
        assert client.getresponse().read()
        assert no_delay(client.sock.getsockname())
        client.close()


def no_delay(peer: object) -> bool:
    """Return whether this process' socket with such a peer has `TCP_NODELAY`.

    Raises:
        LookupError: It has none such.
    """
    for link in Path("/proc/self/fd").iterdir():
        if str(link.readlink()).startswith("socket:"):
            with socket.socket(fileno=os.dup(int(link.name))) as copy, suppress(OSError):
                if copy.getpeername() == peer:
                    return bool(copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    raise LookupError(peer)


@pytest.mark.parametrize("host", ["", "::"])
def test_no_host_means_ipv4_and_ipv6(host: str) -> None:
    """One socket takes both."""
    [listener] = listen([ListenAddress(host, 0)])
    with listener:
        port = listener.getsockname()[1]
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=TIMEOUT_SECONDS).close()


def test_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name stands for one of its addresses, IPv4 first, whichever the resolver gives first."""
    kinds = ((socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0)))
    found = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in kinds]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with listen([ListenAddress("host.example", 0)])[0] as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_address_of_one_protocol_is_that_only() -> None:
    """`0.0.0.0` and `::1` do not take the other protocol's place."""
    with listen([ListenAddress("0.0.0.0", 0)])[0] as first:  # noqa: S104 -- the test's subject
        port = first.getsockname()[1]
        with listen([ListenAddress("::1", port)])[0] as second:
            assert second.getsockname()[1] == port


def test_address_in_use_is_an_error_that_says_so() -> None:
    """The address, the cause and the remedy are named, and no socket stays open."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            free = probe.getsockname()[1]
        with pytest.raises(ExporterError) as caught:
            listen([ListenAddress("127.0.0.1", free), ListenAddress("127.0.0.1", port)])
    assert str(caught.value) == (
        f"Cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Stop what is listening there, or choose another place with --web.listen-address."
    )
    with listen([ListenAddress("127.0.0.1", free)])[0]:
        pass


def test_name_that_cannot_be_looked_up_is_an_error() -> None:
    """The resolver's complaint is passed on, and it is the name that has to be another."""
    with pytest.raises(
        ExporterError,
        match=r"Cannot listen on \[fe80::1%none\]:0: Name or service .*\. Correct the name, or",
    ):
        listen([ListenAddress("fe80::1%none", 0)])


def test_address_of_another_machine_is_an_error_that_says_so() -> None:
    """One of those that are for documentation alone, which nobody has."""
    with pytest.raises(ExporterError) as caught:
        listen([ListenAddress("192.0.2.1", 0)], "--admin.listen-address")
    assert str(caught.value) == (
        "Cannot listen on 192.0.2.1:0: Cannot assign requested address. This machine has no such"
        " address (`ip address` shows those that it has): choose one, or :PORT for all of them,"
        " with --admin.listen-address."
    )


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "Permission denied. This user may not have that port, as those below 1024"),
        (errno.EAFNOSUPPORT, "not supported by protocol. Choose another place with --web.listen-"),
    ],
)
def test_remedy_is_that_of_the_cause(
    monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    """Whether a port takes a privilege, and IPv6 is there, is the machine's to say: it is here."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(ExporterError, match=remedy):
        listen([ListenAddress("127.0.0.1", 80)])


# -- stopping ---------------------------------------------------------------------------------


def test_running_scrape_is_answered_soon_after_stopping() -> None:
    """It does not wait for its own deadline, and shows what has been read."""
    snapshots = HeldSnapshots(HeldSnapshot(snapshot_of("early")))
    with exporting(snapshots) as served, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(
            httpx.get,
            f"{served.url}/metrics",
            headers=LONG_HEADERS,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
        wait_until(lambda: snapshots.joined, TIMEOUT_SECONDS, "the scrape waits")
        served.stop()
        assert answer.result().status_code == 200
        assert 'name="early"' in answer.result().text
        served.thread.join(TIMEOUT_SECONDS)
        assert not served.thread.is_alive()


def test_scrape_that_would_end_sooner_keeps_its_deadline() -> None:
    """Stopping gives nobody more time."""
    ended = []

    async def wait(seconds: float, lifecycle: Lifecycle) -> None:
        await lifecycle.wait(Future(), Deadline(seconds))
        ended.append(seconds)

    async def stop_while_waiting() -> None:
        lifecycle = Lifecycle()
        waits = asyncio.gather(wait(100, lifecycle), wait(0.05, lifecycle))
        asyncio.get_running_loop().call_soon(lifecycle.stop)
        await waits

    asyncio.run(stop_while_waiting())
    assert ended == [0.05, 100]


def test_new_connections_are_refused_and_idle_ones_closed() -> None:
    """Who comes after stopping has begun finds nobody, while a scrape is still running."""
    snapshots = HeldSnapshots(HeldSnapshot(snapshot_of()))
    with exporting(snapshots) as served, ThreadPoolExecutor(1) as threads:
        host, port = served.url.removeprefix("http://").split(":")
        idle = HTTPConnection(host, int(port), timeout=TIMEOUT_SECONDS)
        idle.request("GET", "/-/ready")
        assert idle.getresponse().read()
        running = threads.submit(
            httpx.get, f"{served.url}/metrics", headers=LONG_HEADERS, timeout=60, trust_env=False
        )
        wait_until(lambda: snapshots.joined, TIMEOUT_SECONDS, "the scrape waits")
        served.stop()
        assert idle.sock.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS)
        assert not running.done()
        idle.close()
        assert running.result().status_code == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/nothing"])
def test_request_on_an_open_connection_is_refused_after_stopping(path: str) -> None:
    """Whatever it asks for gets 503, and the connection is closed."""
    lifecycle = Lifecycle()
    snapshots = HeldSnapshots(done(snapshot_of()))
    telemetry = Telemetry(snapshots, Exposition(), max_requests=1, lifecycle=lifecycle)
    page = Page(snapshots, lifecycle, telemetry_path="/metrics")
    app = create_app(telemetry, page, lifecycle, telemetry_path="/metrics")

    async def ask() -> httpx.Response:
        lifecycle.stop()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            return await client.get(path)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.text) == (503, "The exporter is stopping.\n")
    assert answer.headers["Connection"] == "close"


SERVE_MUCH = """
from starlette.responses import Response
from exporter.logs import configure
from exporter.metrics.collector import ContainerCollector
from exporter.settings import ListenAddress
from exporter.web.lifecycle import Lifecycle
from exporter.web.listeners import Listener, listen
from exporter.web.protocol import Limits
from exporter.web.server import Server
configure("info", "logfmt")
[socket] = listen([ListenAddress("127.0.0.1", 0)])
limits = Limits(connections=512, read_seconds=60, write_seconds=60, idle_seconds=60)
Server([Listener(socket, Response(bytes(50_000_000)))], Lifecycle(), limits).run()
"""


def test_client_that_does_not_read_cannot_hold_the_end() -> None:
    """An answer that nobody takes is given up."""
    command = [sys.executable, "-c", SERVE_MUCH]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stderr is not None
            port = int(process.stderr.readline().rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(4) == b"HTTP"
                process.terminate()
                assert process.wait(TIMEOUT_SECONDS) == 0
        finally:
            process.kill()


def test_future_may_outlive_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    """A pass that ends when the server is gone disturbs nobody."""
    future: Future[None] = Future()
    asyncio.run(Lifecycle().wait(future, Deadline(0.01)))
    future.set_result(None)
    assert not caplog.records
