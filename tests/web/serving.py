"""An exporter that serves in a thread, from snapshots that are in the test's hand."""

from __future__ import annotations

import asyncio
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
from exporter.web.pages.page import Page
from exporter.web.server import Server, listen
from exporter.web.telemetry import Telemetry
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp

    from exporter.deadline import Deadline
    from exporter.web.pages.view import Denials

TIMEOUT_SECONDS = 20


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
    """Hands out one pass to all who ask.

    Attributes:
        joined: How many have asked.
    """

    def __init__(self, shared: SharedSnapshot) -> None:
        self.joined = 0
        self._shared = shared

    def join(self, deadline: Deadline) -> SharedSnapshot:  # noqa: ARG002 -- the real one's
        """Return the pass."""
        self.joined += 1
        return self._shared


@dataclass(frozen=True)
class Served:
    """A server that runs in a thread.

    Attributes:
        urls: Where it serves, one for each of its sockets.
        stop: Begins to stop it, as a signal would.
        thread: Ends when it has stopped.
    """

    urls: Sequence[str]
    stop: Callable[[], None]
    thread: threading.Thread

    @property
    def url(self) -> str:
        """Where it serves first of all."""
        return self.urls[0]


@contextmanager
def serving(app: ASGIApp, lifecycle: Lifecycle, addresses: Sequence[str]) -> Iterator[Served]:
    """Serve an application until the context ends."""
    server = Server(app, lifecycle)
    sockets = listen(map(listen_address, addresses))
    ports = [one.getsockname()[1] for one in sockets]
    hosts = [address.rpartition(":")[0] or "127.0.0.1" for address in addresses]
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    wait_until(lambda: server.started, TIMEOUT_SECONDS, "the server serves")

    def stop() -> None:
        if thread.is_alive():
            loops[0].call_soon_threadsafe(server.stop)

    try:
        urls = [f"http://{host}:{port}" for host, port in zip(hosts, ports, strict=True)]
        yield Served(urls, stop, thread)
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
        with serving(app, lifecycle, addresses) as served:
            yield served
    finally:
        telemetry.close()
