"""A socket proxy: passes on what it is told to allow, and refuses the rest in HTML."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import socketserver
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

import exporter
from tests.support.misbehaviour import forbid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from tests.support.misbehaviour import Connection

_TIMEOUT_SECONDS = 60


def _allow_list(service: str) -> dict[str, str]:
    """Return what a proxy of `deploy/compose.yaml` is told to allow, by method."""
    file = Path(exporter.__file__).parents[1] / "deploy/compose.yaml"
    command = yaml.safe_load(file.read_text())["services"][service]["command"]
    found = (re.fullmatch("-allow([A-Z]+)=(.*)", word) for word in command)
    return {match[1]: match[2] for match in found if match}


READ = _allow_list("socket-proxy-read")
ACT = _allow_list("socket-proxy-act")


class SocketProxy:
    """A proxy before the socket of an engine, for as long as its context lasts.

    Attributes:
        host: Its address, as a value for `DOCKER_HOST`.
        refused: The methods and paths of the requests that it did not pass on.
        faults: What it does instead, where a pattern matches a whole path.
        closing: Set when the context ends.
    """

    def __init__(self, target: Path, allowed: Mapping[str, str]) -> None:
        """Prepare to listen.

        Args:
            target: The socket of the engine.
            allowed: For each method an expression that the whole path must match, as in
                wollomatic/socket-proxy.
        """
        self._target = target
        self._allowed = {method: re.compile(path) for method, path in allowed.items()}
        self.refused: list[str] = []
        self.faults: dict[str, Callable[[Connection], None]] = {}
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._links: set[socket.socket] = set()

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._directory = Path(tempfile.mkdtemp(prefix="proxy-", dir="/tmp"))
        self.host = f"unix://{self._directory}/docker.sock"
        proxy = self

        class Bound(_Handler):
            def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 (what socketserver gives)
                self.proxy = proxy
                super().__init__(*arguments)

        self._server = _Server(f"{self._directory}/docker.sock", Bound)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Listen no more."""
        self.closing.set()
        self.cut()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._directory)

    def allows(self, method: str, path: str) -> bool:
        """Return whether a request is to be passed on."""
        pattern = self._allowed.get(method)
        return pattern is not None and pattern.fullmatch(path.partition("?")[0]) is not None

    def fault_of(self, path: str) -> Callable[[Connection], None] | None:
        """Return what is done instead of passing a request on, if anything is."""
        path = path.partition("?")[0]
        return next((do for end, do in self.faults.items() if re.fullmatch(end, path)), None)

    def cut(self) -> None:
        """End the connections to the engine that there are: streams break."""
        with self._lock:
            for link in self._links:
                with contextlib.suppress(OSError):  # The engine was faster.
                    link.shutdown(socket.SHUT_RDWR)

    def pass_on(self, request: bytes) -> Iterator[bytes]:
        """Yield the engine's answer to a request after which it ends the connection."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_TIMEOUT_SECONDS)
            link.connect(str(self._target))
            with self._lock:
                self._links.add(link)
            try:
                link.sendall(request)
                while part := link.recv(65536):
                    yield part
            finally:
                with self._lock:
                    self._links.discard(link)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    proxy: SocketProxy

    @property
    def closing(self) -> threading.Event:
        """Set when the proxy ends."""
        return self.proxy.closing

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def log_message(self, *arguments: object) -> None:
        pass

    def _serve(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.fault_of(self.path)
        if fault is not None:
            with contextlib.suppress(OSError):
                fault(self)
            return
        if not self.proxy.allows(self.command, self.path):
            self.proxy.refused.append(f"{self.command} {self.path}")
            forbid(self)
            return
        kept = [(name, value) for name, value in self.headers.items() if name != "Connection"]
        lines = [
            f"{self.command} {self.path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in kept),
        ]
        head = "\r\n".join([*lines, "Connection: close", "", ""])
        with contextlib.suppress(BrokenPipeError):  # Whoever follows events hangs up at the end.
            for part in self.proxy.pass_on(head.encode() + body):
                self.wfile.write(part)
