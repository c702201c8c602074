"""A stand-in for an engine, for the answers that a real one will not give on demand."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import socketserver
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from tests.support.misbehaviour import silence

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

VERSION = {"Version": "28.5.2", "ApiVersion": "1.51", "MinAPIVersion": "1.24", "Components": []}
INFO = {
    "ServerVersion": "28.5.2",
    "OperatingSystem": "Testix",
    "KernelVersion": "6.1",
    "CgroupVersion": "2",
    "Driver": "overlay2",
    "Images": 1,
    "NCPU": 4,
    "MemTotal": 8 * 1024**3,
}


class FakeEngine:
    """Answers the Engine API on a Unix socket for as long as its context lasts.

    Attributes:
        containers: The states of its containers, by id of 64 digits.
        host: Its address, as a value for `DOCKER_HOST`.
        connections: How many connections it has ever accepted.
        requests: The paths that were asked for, in order, without the version.
        overrides: Handlers for single paths, tried before the ordinary answers. One is given the
            open connection's handler, and may do with it what it likes.
        closing: Set when the context ends; a handler that hangs waits for it.
    """

    def __init__(self, **containers: str) -> None:
        """Make an engine with containers: names and their states."""
        self.names = {identity(name): name for name in containers}
        self.containers = {identity(name): state for name, state in containers.items()}
        self.requests: list[str] = []
        self.overrides: dict[str, Callable[[Handler], None]] = {}
        self.closing = threading.Event()
        self.connections = 0
        self._links: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._servers: list[tuple[socketserver.BaseServer, threading.Thread]] = []

    def __enter__(self) -> Self:
        """Begin to answer."""
        # The path of a Unix socket must be short, which pytest's own directories are not.
        self._directory = Path(tempfile.mkdtemp(prefix="fake-", dir="/tmp"))
        self.host = f"unix://{self._directory}/docker.sock"
        self._serve(_UnixServer(f"{self._directory}/docker.sock", self._handler()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Answer nothing more."""
        self.closing.set()
        with self._lock:
            for link in self._links:
                with contextlib.suppress(OSError):  # Its other end was faster.
                    link.shutdown(socket.SHUT_RDWR)
        for server, thread in self._servers:
            server.shutdown()
            server.server_close()
            thread.join()
        shutil.rmtree(self._directory)

    def on_tcp(self) -> str:
        """Answer on a port of the loopback interface as well, and return its address."""
        server = _TcpServer(("127.0.0.1", 0), self._handler())
        self._serve(server)
        return f"tcp://127.0.0.1:{server.server_address[1]}"

    def on_listener(self, listener: socket.socket) -> None:
        """Answer on a socket that listens already as well, which is closed in the end."""
        server = _TcpServer(("", 0), self._handler(), bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        self._serve(server)

    @property
    def connected(self) -> int:
        """How many connections are open."""
        return len(self._links)

    def opened(self, link: socket.socket) -> None:
        """Take in that a connection has been opened."""
        with self._lock:
            self.connections += 1
            self._links.add(link)

    def closed(self, link: socket.socket) -> None:
        """Take in that a connection is about to be closed."""
        with self._lock:
            self._links.discard(link)

    def _handler(self) -> type[Handler]:
        engine = self

        class Bound(Handler):
            def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 (what socketserver gives)
                self.engine = engine
                super().__init__(*arguments)

        return Bound

    def _serve(self, server: socketserver.BaseServer) -> None:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self._servers.append((server, thread))

    def asked(self, path: str) -> int:
        """Return how often a path was asked for."""
        return self.requests.count(path)

    def answer(self, path: str) -> object:
        """Return the ordinary answer to a path; None where there is none."""
        fixed: dict[str, object] = {"/version": VERSION, "/info": INFO}
        if path in fixed:
            return fixed[path]
        if path == "/containers/json":
            return [
                {"Id": one, "Names": [f"/{self.names[one]}"], "State": state, "Status": state}
                for one, state in self.containers.items()
            ]
        _, _, one, what = [*path.split("/"), "", "", ""][:4]
        if one not in self.containers:
            return None
        return self.inspected(one) if what == "json" else stats(one)

    def inspected(self, one: str) -> dict[str, Any]:
        """Return the answer to an inspect."""
        return {
            "Id": one,
            "Name": f"/{self.names[one]}",
            "Created": "2026-01-01T00:00:00Z",
            "State": {"Status": self.containers[one]},
            "Config": {"Image": "fake:1"},
        }


def identity(name: str) -> str:
    """Return the id of a container."""
    return name.encode().hex().ljust(64, "0")


def stats(one: str) -> dict[str, Any]:
    """Return the answer to a stats call, of cgroup v2."""
    return {
        "id": one,
        "read": "2026-01-01T00:00:01Z",
        "cpu_stats": {
            "cpu_usage": {"total_usage": 10**9, "usage_in_usermode": 1, "usage_in_kernelmode": 1},
            "system_cpu_usage": 10**10,
            "online_cpus": 4,
        },
        "memory_stats": {"usage": 1000, "limit": 4000, "stats": {"inactive_file": 200}},
        "pids_stats": {"current": 1},
    }


class _Threads(socketserver.ThreadingMixIn):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up, which is what many tests are about."""


class _UnixServer(_Threads, socketserver.UnixStreamServer):
    pass


class _TcpServer(_Threads, socketserver.TCPServer):
    pass


class Handler(BaseHTTPRequestHandler):
    """One connection to a fake engine."""

    engine: FakeEngine
    protocol_version = "HTTP/1.1"
    hang = silence

    @property
    def closing(self) -> threading.Event:
        """Set when the engine ends."""
        return self.engine.closing

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        self.engine.opened(self.connection)

    def finish(self) -> None:
        """Count it no more."""
        self.engine.closed(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """Answer one request."""
        path = urlsplit(self.path).path
        if path.startswith("/v1."):
            path = path[path.index("/", 1) :]
        self.engine.requests.append(path)
        override = self.engine.overrides.get(path)
        if override is not None:
            override(self)
        elif path == "/events":
            self.hang_after(b"")
        elif (answer := self.engine.answer(path)) is not None:
            self.send(200, json.dumps(answer).encode())
        else:
            self.send(404, b'{"message": "No such container"}')

    def send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_raw(self, *pieces: bytes) -> None:
        """Send bytes as they are, and end the connection."""
        for piece in pieces:
            self.wfile.write(piece)
        self.close_connection = True

    def hang_after(self, body: bytes) -> None:
        """Send the beginning of an answer, and nothing more while the engine lives."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)
        self.engine.closing.wait()
        self.close_connection = True

    def address_string(self) -> str:
        """Return nothing of use: a Unix socket has no address."""
        return ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Log nothing."""
