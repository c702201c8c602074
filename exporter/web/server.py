"""Listens, serves, and stops in time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from exporter.errors import ExporterError
from exporter.web import healthcheck
from exporter.web.lifecycle import GRACE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from exporter.settings import ListenAddress
    from exporter.web.lifecycle import Lifecycle

logger = logging.getLogger(__name__)

# When connections that are still busy are given up: time to render and send what the scrapes
# that waited until the end of the grace have got, but no time for a client that does not read.
GIVE_UP_SECONDS = GRACE_SECONDS + 0.2


def listen(
    addresses: Iterable[ListenAddress], flag: str = "--web.listen-address"
) -> list[socket.socket]:
    """Open a listening socket for each address.

    Args:
        addresses: Where to listen.
        flag: Where they were given, for the error.

    Raises:
        ExporterError: One of them cannot be had; no socket stays open.
    """
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(_bind(address, flag)) for address in addresses]
        opened.pop_all()
        return sockets


def _bind(address: ListenAddress, flag: str) -> socket.socket:
    try:
        # As Prometheus' own servers do, the wildcard of IPv6 takes IPv4 as well.
        if address.host in ("", "::") and socket.has_dualstack_ipv6():
            everywhere = ("::", address.port)
            return socket.create_server(everywhere, family=socket.AF_INET6, dualstack_ipv6=True)
        found = socket.getaddrinfo(
            address.host or None,
            address.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        # Of the addresses of a name one is used, IPv4 first, again as they do.
        family, _, _, _, where = min(found, key=lambda info: info[0] != socket.AF_INET)
        return socket.create_server(where, family=family)
    except OSError as exc:
        # create_server adds to strerror what has been said already.
        cause = exc.strerror if isinstance(exc, socket.gaierror) else os.strerror(exc.errno or 0)
        raise ExporterError(
            f"Cannot listen on {address}: {cause}. "
            f"Stop what is listening there, or choose another place with {flag}."
        ) from exc


class ByListener:
    """Gives the requests of one listener to an application of their own."""

    def __init__(self, app: ASGIApp, listener: socket.socket, its_app: ASGIApp) -> None:
        """Share requests out.

        Args:
            app: Serves all other listeners.
            listener: The one that is set apart.
            its_app: Serves it.
        """
        self._app = app
        self._host, self._port, *_ = listener.getsockname()
        self._its_app = its_app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        host, port = scope["server"]
        its_own = port == self._port and self._host in ("0.0.0.0", "::", host)  # noqa: S104 -- compared
        await (self._its_app if its_own else self._app)(scope, receive, send)


class Server(uvicorn.Server):
    """uvicorn, stopping as an exporter should: at once for new scrapes, soon for running ones.

    Run it with the sockets to serve on: `Server(app, lifecycle).run(listen(addresses))` returns
    when a signal has stopped it.
    """

    def __init__(
        self, app: ASGIApp, lifecycle: Lifecycle, health: socket.socket | None = None
    ) -> None:
        """Prepare to serve.

        Args:
            app: Answers requests.
            lifecycle: Is told when stopping begins.
            health: Where to answer health checks, apart from all requests.
        """
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                server_header=False,
            )
        )
        self._lifecycle = lifecycle
        self._health = health

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say where."""
        await super().startup(sockets)
        if self._health is not None:
            self.servers.append(
                await asyncio.start_unix_server(healthcheck.answer, sock=self._health)
            )
        for listener in sockets or ():
            host, port, *_ = listener.getsockname()
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            logger.info("listening", extra={"address": address})

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop on SIGINT and SIGTERM.

        uvicorn's own way raises them again afterwards, so that the process dies of them.
        """
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Begin to stop; on the event loop only."""
        if self._lifecycle.stopping:
            return
        logger.info("stopping")
        self._lifecycle.stop()
        for server in self.servers:
            server.close()
        self.should_exit = True
        asyncio.get_running_loop().call_later(GIVE_UP_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self.force_exit = True
