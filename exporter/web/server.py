"""Serves, and stops in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from exporter import systemd
from exporter.web import healthcheck
from exporter.web.connections import Connections
from exporter.web.in_the_clear import turned_away
from exporter.web.lifecycle import GRACE_SECONDS
from exporter.web.protocol import MAX_HEAD_BYTES, ExporterProtocol

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from exporter.web.lifecycle import Lifecycle
    from exporter.web.listeners import Listener
    from exporter.web.protocol import Limits

logger = logging.getLogger(__name__)

# When connections that are still busy are given up: time to render and send what the scrapes
# that waited until the end of the grace have got, but no time for a client that does not read.
GIVE_UP_SECONDS = GRACE_SECONDS + 0.2

# How often the time in the `Date` header moves on.
_TICK_SECONDS = 1.0

# What is left at least for a handshake, of the time that its client may take to begin.
_SHORTEST_SECONDS = 0.001

# How long to wait when the system has nothing left to accept a connection with: until what was
# given up is there again, or until others have given something up.
_RETRY_SECONDS = 0.1
_EXHAUSTED_SECONDS = 1.0


class Server(uvicorn.Server):
    """uvicorn, with clients that are kept within limits, and with an end as an exporter needs it.

    It stops at once for new scrapes, and soon for running ones. `run()` returns when a signal has
    stopped it.

    Connections are accepted here rather than by asyncio's own server, which would take any
    number, and would not count those that never begin TLS.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        lifecycle: Lifecycle,
        limits: Limits,
        health: socket.socket | None = None,
    ) -> None:
        """Prepare to serve.

        Args:
            listeners: Where, and what.
            lifecycle: Is told when stopping begins.
            limits: What clients may cost.
            health: Where to answer health checks, apart from all requests.
        """
        super().__init__(
            uvicorn.Config(
                listeners[0].app,  # not used: each connection gets that of its listener
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                workers=1,
                log_config=None,
                # It warns of each request that is no HTTP, which would let anybody fill the log.
                log_level=logging.ERROR,
                access_log=False,
                server_header=False,
                # Anybody can write that header.
                proxy_headers=False,
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
                # The protocol has its own, which does not begin anew with every byte.
                timeout_keep_alive=math.ceil(limits.idle_seconds),
            )
        )
        self._listeners = listeners
        self._lifecycle = lifecycle
        self._limits = limits
        self._health = health
        self._connections = Connections(limits.connections)
        self._accepting: list[asyncio.Task[None]] = []
        self._connecting: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say where.

        Args:
            sockets: None: the listeners are known.
        """
        await super().startup(sockets or [])
        if self._health is not None:
            self.servers.append(
                await asyncio.start_unix_server(healthcheck.answer, sock=self._health)
            )
        for listener in self._listeners:
            self._accepting.append(asyncio.create_task(self._accept(listener)))
            logger.info("listening", extra={"address": listener.address})
        systemd.notify("READY=1")
        wanted = systemd.watchdog_seconds()
        if wanted is not None:
            self._alive = asyncio.create_task(_stay_alive(wanted / 2))

    async def main_loop(self) -> None:
        """Wait until it is stopped.

        uvicorn's own way looks ten times a second, which would be most of what an exporter does
        that nobody scrapes.
        """
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _TICK_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop on SIGINT and SIGTERM, and go on after SIGHUP.

        uvicorn's own way raises them again afterwards, so that the process dies of them.
        """
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {signal.SIGINT: self.stop, signal.SIGTERM: self.stop}
        # Whoever started the program may have it ignored already, as nohup does.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = _go_on
        for number, handle in handlers.items():
            loop.add_signal_handler(number, handle)
        yield
        for number in handlers:
            loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Begin to stop; on the event loop only."""
        if self._lifecycle.stopping:
            return
        logger.info("stopping")
        systemd.notify("STOPPING=1")
        self._lifecycle.stop()
        for server in self.servers:
            server.close()
        for task in self._accepting:
            task.cancel()
        self.should_exit = True
        self._stopped.set()
        asyncio.get_running_loop().call_later(GIVE_UP_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self.force_exit = True

    async def _accept(self, listener: Listener) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        with listener.socket:
            listener.socket.setblocking(False)  # noqa: FBT003 -- the socket's own signature
            while True:
                try:
                    accepted, _ = await loop.sock_accept(listener.socket)
                except ConnectionError:
                    continue  # Its client has gone again.
                except OSError as exc:
                    logger.warning("no connection can be accepted", extra={"error": str(exc)})
                    given_up = self._connections.give_up_one()
                    await asyncio.sleep(_RETRY_SECONDS if given_up else _EXHAUSTED_SECONDS)
                    continue
                try:
                    await self._connections.make_room()
                except asyncio.CancelledError:
                    accepted.close()
                    raise
                task = loop.create_task(self._connect(accepted, listener))
                self._connecting.add(task)
                task.add_done_callback(self._connecting.discard)
                # Let those that are there have their turn.
                await asyncio.sleep(0)

    async def _connect(self, accepted: socket.socket, listener: Listener) -> None:
        """Serve a connection; return when it has begun, which TLS may take a while for."""
        loop = asyncio.get_running_loop()
        protocol = ExporterProtocol(
            self.config,
            self.server_state,
            app=listener.app,
            accepted=accepted,
            limits=self._limits,
            connections=self._connections,
        )
        try:
            if accepted.family != socket.AF_UNIX:
                # asyncio does so for sockets of its own: an answer is written in parts, and each
                # would wait until the client has confirmed the one before, 40 ms by default.
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = listener.tls and listener.tls()
            patience = self._limits.read_seconds
            if tls:
                began = loop.time()
                if await turned_away(accepted, patience):
                    return
                patience = max(_SHORTEST_SECONDS, patience - (loop.time() - began))
            await loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=tls,
                ssl_handshake_timeout=patience if tls else None,
                # An answer may still have to be taken.
                ssl_shutdown_timeout=self._limits.write_seconds if tls else None,
            )
        except OSError as exc:
            logger.debug("no connection came of it", extra={"error": str(exc)})
        finally:
            if not protocol.connected:
                self._connections.remove(protocol)
                accepted.close()


def _go_on() -> None:
    """Say why a SIGHUP, by which Prometheus and others reload, has nothing to do here."""
    logger.info(
        "nothing to reload",
        extra={
            "why": "token files and the web configuration are read again when they change; settings"
            " take a restart"
        },
    )


async def _stay_alive(seconds: float) -> None:
    """Tell systemd, again and again, that the event loop turns."""
    while True:
        systemd.notify("WATCHDOG=1")
        await asyncio.sleep(seconds)
