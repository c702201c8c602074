"""While bad clients do their worst to the program, a good one is served as before."""

from __future__ import annotations

import random
import re
import resource
import socket
import struct
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.web.protocol import MAX_HEAD_BYTES
from tests.support.containers import SLEEP, container
from tests.support.exporter import RunningExporter, serving, serving_through
from tests.web.rough import SMALL_BUFFER, answer, ask, connect, rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.engine import PrivateEngine

NOWHERE = "--docker.host=unix:///nowhere/docker.sock"
HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module", autouse=True)
def _many_files() -> Iterator[None]:
    """Let this process have as many connections as its bad clients need."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def running(
    engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningExporter]:
    """Give the program as it is by default, on an engine with a container that runs."""
    log = tmp_path_factory.mktemp("clients") / "log"
    with (
        container(engine, *SLEEP, name="served-to-all"),
        serving(log, f"--docker.host={engine.host}") as running,
    ):
        yield running


def address_of(running: RunningExporter) -> tuple[str, int]:
    """Return where a program serves."""
    host, _, port = running.address.rpartition(":")
    return host, int(port)


def scraped(running: RunningExporter) -> set[str]:
    """Return the series that a good client gets about a container."""
    with connect(address_of(running)) as client:
        client.sendall(SCRAPE)
        status, _, body = answer(client)
    assert status == 200
    return set(re.findall(r"^container_\w+{.*}", body.decode(), re.MULTILINE))


# -- crowds -----------------------------------------------------------------------------------


def silent() -> list[bytes]:
    """Return nothing to send, on 1,000 connections."""
    return [b""] * 1000


def half_requests() -> list[bytes]:
    """Return the beginnings of requests."""
    return [SCRAPE[:length] for length in range(1, len(SCRAPE) - 1)] * 3


def half_requests_behind_whole_ones() -> list[bytes]:
    """Return requests with half of another."""
    return [HEALTHY + SCRAPE[:20]] * 100


def half_bodies() -> list[bytes]:
    """Return requests whose bodies are missing, and go on for ever."""
    head = b"POST /api/v1/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n[{"
    return [head % 10, head % 10**15] * 50


def huge_heads() -> list[bytes]:
    """Return headers and paths that take and take."""
    header = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1_000_000
    headers = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: x\r\n" * 100_000
    return [header, headers, b"GET /" + b"x" * 1_000_000, b"G" * 1_000_000] * 5


def many_requests_unread() -> list[bytes]:
    """Return more requests than the answers to which anybody would buffer."""
    return [SCRAPE * 500] * 20


def rubbish() -> list[bytes]:
    """Return what is no HTTP: noise, TLS, HTTP/2, proxies' words, and nearly HTTP."""
    noise = random.Random(7)  # noqa: S311 -- noise is no secret
    return [
        *(noise.randbytes(noise.randrange(1, 2000)) for _ in range(100)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + HEALTHY,
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(100),
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /%ff%00\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n" * 1000,
        HEALTHY.replace(b"Host: x", b"Host: x\r\nUpgrade: websocket\r\nConnection: upgrade"),
        HEALTHY.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked") + b"rubbish\r\n",
        HEALTHY.replace(b"Host: x", b"Host: x\r\nContent-Length: 3") + b"abcrubbish\r\n\r\n",
    ]


@contextmanager
def crowd(address: tuple[str, int], pieces: list[bytes]) -> Iterator[list[socket.socket]]:
    """Give connections on which a piece each was sent, and from which nobody reads."""
    with ExitStack() as clients:
        opened = []
        for piece in pieces:
            client = clients.enter_context(connect(address, buffer=SMALL_BUFFER))
            opened.append(client)
            # What the kernel does not take now, a server that does not read it never gets.
            client.settimeout(0)
            with suppress(BlockingIOError, ConnectionError):
                client.send(piece)
        yield opened


@pytest.mark.parametrize(
    "pieces",
    [
        silent,
        half_requests,
        half_requests_behind_whole_ones,
        half_bodies,
        huge_heads,
        many_requests_unread,
        rubbish,
    ],
)
def test_good_client_is_served_as_before(
    running: RunningExporter, pieces: Callable[[], list[bytes]]
) -> None:
    """Whatever others do, it gets its scrape, and the log stays quiet."""
    before, said = scraped(running), running.log
    assert any("served-to-all" in series for series in before)
    with crowd(address_of(running), pieces()):
        for _ in range(3):
            assert scraped(running) >= before
            with connect(address_of(running)) as client:
                assert ask(client) == 200
                assert ask(client) == 200
    assert running.log == said


def test_connections_that_break_off_leave_nothing(running: RunningExporter) -> None:
    """A reset in the middle of whatever it is costs the others nothing, and no line of the log."""
    before, said = scraped(running), running.log
    for piece in (b"", SCRAPE[:20], SCRAPE, SCRAPE * 100) * 20:
        with connect(address_of(running)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.sendall(piece)
    assert scraped(running) >= before
    assert running.log == said


def test_200_simultaneous_scrapes_are_all_answered(running: RunningExporter) -> None:
    """None is refused, and all say the same."""
    with crowd(address_of(running), [SCRAPE] * 200) as clients:
        answers = []
        for client in clients:
            client.settimeout(60)
            answers.append(answer(client))
    assert [one.status for one in answers] == [200] * 200
    assert all(b'name="served-to-all"' in one.body for one in answers)


# -- single requests --------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order(running: RunningExporter) -> None:
    """Each gets its answer, the last one closes the connection."""
    last = HEALTHY.replace(b"healthy", b"ready").replace(b"x\r\n", b"x\r\nConnection: close\r\n")
    with connect(address_of(running)) as client:
        client.sendall(HEALTHY * 50 + SCRAPE + last)
        answers = rest(client)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 52
    assert answers.count(b"docker-exporter is healthy.\n") == 50
    assert answers.endswith(b"docker-exporter is ready.\n")


@pytest.mark.parametrize("host", [b"", b"Host: x\r\n"])
def test_http_1_0_is_answered_and_closed(running: RunningExporter, host: bytes) -> None:
    """It needs no Host header."""
    with connect(address_of(running)) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n" + host + b"\r\n")
        received = rest(client)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'name="served-to-all"' in received


def test_head_has_the_headers_of_get_and_no_body(running: RunningExporter) -> None:
    """And the connection goes on."""
    with connect(address_of(running)) as client:
        client.sendall(SCRAPE.replace(b"GET", b"HEAD"))
        status, headers, body = answer(client, "HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["Content-Length"]) > 1000
        assert ask(client) == 200


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "MADE-UP"]
)
def test_wrong_method_is_refused(running: RunningExporter, method: str) -> None:
    """The right ones are named, a body is passed over, and the connection goes on."""
    with connect(address_of(running)) as client:
        for _ in range(2):
            request = SCRAPE.replace(b"GET", method.encode())
            client.sendall(request.replace(b"Host: x", b"Host: x\r\nContent-Length: 3") + b"abc")
            status, headers, _ = answer(client)
            assert status == 405
            assert set(headers["Allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (SCRAPE.replace(b"/metrics", b"/" + b"x" * 10_000), 404),
        (SCRAPE.replace(b"/metrics", b"/../metrics"), 404),
        (SCRAPE.replace(b"/metrics", b"//metrics"), 404),
        (SCRAPE.replace(b"/metrics", b"/metrics/"), 404),
        (SCRAPE.replace(b"/metrics", b"*"), 404),
        (SCRAPE.replace(b"Host: x", b"X: y"), 400),
        (SCRAPE.replace(b"Host: x", b"Host: x\r\nHost: y"), 400),
        (SCRAPE.replace(b"Host: x", b"Host: x\r\nContent-Length: -1"), 400),
        (b"\x00" * 100 + b"\r\n\r\n", 400),
    ],
)
def test_odd_request_is_refused(running: RunningExporter, request_: bytes, status: int) -> None:
    """With a status, not with silence."""
    with connect(address_of(running)) as client:
        client.sendall(request_)
        assert answer(client).status == status


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
def test_head_without_end_is_refused(running: RunningExporter, begin: bytes) -> None:
    """More than 16 KiB that are no whole request are not waited for."""
    with connect(address_of(running)) as client:
        client.sendall(begin + b"x" * MAX_HEAD_BYTES)
        assert answer(client).status == 400
        assert rest(client) == b""


# -- files ------------------------------------------------------------------------------------


def limited(flags: str) -> tuple[str, ...]:
    """Return the command that runs another one with a limit of open files."""
    return ("sh", "-c", f'ulimit {flags}; exec "$0" "$@"')


def test_limit_of_files_is_raised(tmp_path: Path) -> None:
    """A program that was started with few may have as many as the system allows."""
    with serving_through(limited("-Sn 256"), tmp_path / "log", NOWHERE) as running:
        limits = Path(f"/proc/{running.process.pid}/limits").read_text()
        assert "few open files" not in running.log
    found = re.search(r"^Max open files +(\d+) +(\d+)", limits, re.MULTILINE)
    assert found
    assert found[1] == found[2] != "256"


def test_where_few_files_are_allowed_there_are_few_connections(tmp_path: Path) -> None:
    """Which is said, and leaves enough for the rest."""
    with serving_through(limited("-n 100"), tmp_path / "log", NOWHERE) as running:
        with crowd(address_of(running), [b""] * 200), connect(address_of(running)) as client:
            assert ask(client) == 200
        assert 'message="few open files are allowed" connections=50\n' in running.log
        assert "no connection can be accepted" not in running.log


def test_without_files_left_idle_connections_make_room(tmp_path: Path) -> None:
    """A good client gets in all the same, and the log says what is missing."""
    patient = ("--web.read-timeout=1h", "--web.idle-timeout=1h")
    with serving(tmp_path / "log", NOWHERE, *patient) as running:
        process = running.process.pid
        with crowd(address_of(running), [b""] * 10), connect(address_of(running)) as client:
            assert ask(client) == 200
            taken = len(list(Path(f"/proc/{process}/fd").iterdir()))
            resource.prlimit(process, resource.RLIMIT_NOFILE, (taken, taken))
            # The first of these may find the places of files that have been closed meanwhile.
            with crowd(address_of(running), [b""] * 8), connect(address_of(running)) as another:
                assert ask(another) == 200
        assert 'message="no connection can be accepted" error="[Errno 24] Too many' in running.log
