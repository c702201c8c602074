"""An exporter that serves in a thread, from snapshots that are in the test's hand."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import SharedSnapshot, Snapshots
from exporter.model import Container, ContainerReading, ContainerState, Snapshot
from exporter.settings.parsers import listen_address
from exporter.web.app import create_app
from exporter.web.lifecycle import Lifecycle
from exporter.web.listeners import Listener, listen
from exporter.web.pages.page import Page
from exporter.web.protocol import Limits
from exporter.web.server import Server
from exporter.web.telemetry import Telemetry
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp

    from exporter.deadline import Deadline
    from exporter.web.pages.view import Denials

TIMEOUT_SECONDS = 20
KERNEL_BYTES = 8 * 1024
LIMITS = Limits(connections=512, read_seconds=60, write_seconds=60, idle_seconds=60)


def snapshot_of(*names: str) -> Snapshot:
    """Return a snapshot of running containers."""
    readings = tuple(
        ContainerReading(
            container=Container(
                id=name.encode().hex().ljust(64, "0"),
                name=name,
                image="busybox:test",
                image_id="sha256:0",
                state=ContainerState.RUNNING,
                status="running",
            )
        )
        for name in names
    )
    states = dict.fromkeys(ContainerState, 0) | {ContainerState.RUNNING: len(names)}
    return Snapshot(
        taken_at=time.time(),
        taken_monotonic=time.monotonic(),
        duration_seconds=0.0,
        states=states,
        containers=readings,
    )


class HeldSnapshot(SharedSnapshot):
    """A pass over an engine that has read what the test says, and ends when the test says so."""

    def __init__(self, part: Snapshot) -> None:
        self.future: Future[Snapshot] = Future()
        self._part = part

    def partial(self) -> Snapshot:
        """Return what has been read by now."""
        return self._part


def done(snapshot: Snapshot) -> HeldSnapshot:
    """Return a pass that is over."""
    held = HeldSnapshot(snapshot)
    held.future.set_result(snapshot)
    return held


class HeldSnapshots(Snapshots):
    """Hands out one pass to all who ask, until it is given another one.

    Attributes:
        joined: How many have asked.
    """

    def __init__(self, shared: SharedSnapshot) -> None:
        self.joined = 0
        self._shared = shared

    def give(self, shared: SharedSnapshot) -> None:
        """Hand out this pass from now on."""
        self._shared = shared

    def join(self, deadline: Deadline) -> SharedSnapshot:  # noqa: ARG002 -- the real one's
        """Return the pass."""
        self.joined += 1
        return self._shared


class ShiftedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock may be ahead, so that tests need not wait for what takes long.

    Attributes:
        ahead: By how many seconds.
    """

    ahead = 0.0

    def time(self) -> float:
        """Return the time."""
        return super().time() + self.ahead


@dataclass(frozen=True)
class Served:
    """A server that runs in a thread.

    Attributes:
        urls: Where it serves, one for each of its sockets.
        stop: Begins to stop it, as a signal would.
        advance: Lets its clock go forward by so many seconds at once.
        thread: Ends when it has stopped.
    """

    urls: Sequence[str]
    stop: Callable[[], None]
    advance: Callable[[float], None]
    thread: threading.Thread

    @property
    def url(self) -> str:
        """Where it serves first of all."""
        return self.urls[0]

    @property
    def address(self) -> tuple[str, int]:
        """The same, as a host and a port."""
        host, _, port = self.url.partition("//")[2].rpartition(":")
        return host.strip("[]"), int(port)


@contextmanager
def serving(
    app: ASGIApp,
    lifecycle: Lifecycle,
    addresses: Sequence[str] = ("127.0.0.1:0",),
    limits: Limits = LIMITS,
    tls: Callable[[], ssl.SSLContext | None] | None = None,
) -> Iterator[Served]:
    """Serve an application until the context ends."""
    sockets = listen(map(listen_address, addresses))
    for one in sockets:
        # Of what a client does not read, the kernel is to hold little.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
    listeners = [Listener(one, app, tls) for one in sockets]
    server = Server(listeners, lifecycle, limits)
    ports = [one.getsockname()[1] for one in sockets]
    hosts = [address.rpartition(":")[0] or "127.0.0.1" for address in addresses]
    loop = ShiftedLoop()

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve())

    thread = threading.Thread(target=serve)
    thread.start()
    wait_until(lambda: server.started, TIMEOUT_SECONDS, "the server serves")

    def stop() -> None:
        if thread.is_alive():
            loop.call_soon_threadsafe(server.stop)

    def advance(seconds: float) -> None:
        loop.ahead += seconds
        loop.call_soon_threadsafe(lambda: None)  # It looks at its clock again.

    try:
        scheme = "https" if tls else "http"
        urls = [f"{scheme}://{host}:{port}" for host, port in zip(hosts, ports, strict=True)]
        yield Served(urls, stop, advance, thread)
    finally:
        stop()
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()


@contextmanager
def exporting(  # noqa: PLR0913 -- all but one have a default
    snapshots: Snapshots,
    exposition: Exposition | None = None,
    *,
    max_requests: int = 40,
    telemetry_path: str = "/metrics",
    denial: Denials | None = None,
    addresses: Sequence[str] = ("127.0.0.1:0",),
    limits: Limits = LIMITS,
) -> Iterator[Served]:
    """Serve metrics until the context ends."""
    lifecycle = Lifecycle()
    telemetry = Telemetry(
        snapshots,
        exposition or Exposition(),
        max_requests=max_requests,
        lifecycle=lifecycle,
    )
    try:
        page = Page(snapshots, lifecycle, telemetry_path=telemetry_path, denial=denial)
        app = create_app(telemetry, page, lifecycle, telemetry_path=telemetry_path)
        with serving(app, lifecycle, addresses, limits) as served:
            yield served
    finally:
        telemetry.close()
