"""Where connections come in."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.errors import ExporterError
from exporter.systemd import listening_sockets

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp

    from exporter.settings import ListenAddress, Settings

# How many connections may wait to be accepted; the kernel has a limit of its own.
_BACKLOG = 1024

# What systemd calls the sockets of the admin API (`FileDescriptorName=`).
_ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Listener:
    """A place where connections come in, and what serves them.

    Attributes:
        socket: It listens.
        app: Answers the requests.
        tls: Gives what TLS is to be spoken with, asked anew for each connection; None for HTTP
            in the clear.
    """

    socket: socket.socket
    app: ASGIApp
    tls: Callable[[], ssl.SSLContext | None] | None = None

    @property
    def address(self) -> str:
        """Where it listens, as text."""
        where = self.socket.getsockname()
        if self.socket.family == socket.AF_UNIX:
            return f"unix:{os.fsdecode(where)}"
        host, port, *_ = where
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_sockets(settings: Settings) -> tuple[list[socket.socket], list[socket.socket]]:
    """Return the sockets to serve on, and those that are for the admin API alone.

    Raises:
        ExporterError: They cannot be had.
    """
    enabled = bool(settings.admin_token_file)
    elsewhere = settings.admin_listen_address
    apart: list[socket.socket] = []
    if settings.web_systemd_socket:
        given = listening_sockets()
        sockets = [one for name, one in given if name != _ADMIN]
        apart = [one for name, one in given if name == _ADMIN]
    else:
        sockets = listen(settings.web_listen_address)
    if apart and not enabled:
        raise ExporterError(
            f"--web.systemd-socket: one socket is named {_ADMIN}, but there is no admin API. Give"
            " it a token (--admin.token-file), or the socket another name."
        )
    if not sockets:
        raise ExporterError(
            f"--web.systemd-socket: every socket is named {_ADMIN}, and none is left for the"
            " metrics. Add one with another name."
        )
    if enabled and elsewhere:
        apart += listen([elsewhere], "--admin.listen-address")
    return sockets, apart


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
            return socket.create_server(
                everywhere, family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG
            )
        found = socket.getaddrinfo(
            address.host or None,
            address.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        # Of the addresses of a name one is used, IPv4 first, again as they do.
        family, _, _, _, where = min(found, key=lambda info: info[0] != socket.AF_INET)
        return socket.create_server(where, family=family, backlog=_BACKLOG)
    except OSError as exc:
        # create_server adds to strerror what has been said already.
        cause = exc.strerror if isinstance(exc, socket.gaierror) else os.strerror(exc.errno or 0)
        raise ExporterError(f"Cannot listen on {address}: {cause}. {_remedy(exc, flag)}") from exc


def _remedy(error: OSError, flag: str) -> str:
    """Return what to do when there is no listening where a flag says."""
    # The resolver's numbers are not those of the system.
    match None if isinstance(error, socket.gaierror) else error.errno:
        case None:
            return f"Correct the name, or give an address of this machine, with {flag}."
        case errno.EADDRINUSE:
            return f"Stop what is listening there, or choose another place with {flag}."
        case errno.EADDRNOTAVAIL:
            return (
                "This machine has no such address (`ip address` shows those that it has): choose"
                f" one, or :PORT for all of them, with {flag}."
            )
        case errno.EACCES:
            return (
                "This user may not have that port, as those below 1024 take a privilege: choose a"
                f" higher one with {flag}, give the exporter CAP_NET_BIND_SERVICE, or let systemd"
                " open it (--web.systemd-socket)."
            )
        case _:
            return f"Choose another place with {flag}."
