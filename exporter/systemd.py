"""What systemd gives a service, and wants to be told by it.

Without systemd nothing is given, and nobody is told. The protocols are those of `sd_listen_fds(3)`,
`sd_notify(3)` and `sd_watchdog_enabled(3)`, which need no library.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from typing import TYPE_CHECKING

from exporter.errors import ExporterError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

logger = logging.getLogger(__name__)

_FIRST = 3
_MICROSECONDS = 1_000_000


def listening_sockets(
    environ: MutableMapping[str, str] = os.environ,
) -> list[tuple[str, socket.socket]]:
    """Take over the sockets that systemd listens on for this process.

    They are taken out of the environment as well, so that no other program takes them for its own.

    Returns:
        The name of each (`FileDescriptorName=`; empty where systemd gives none), and the socket.

    Raises:
        ExporterError: There are none, or one is no socket that connections come in at.
    """
    ours = environ.get("LISTEN_PID") == str(os.getpid())
    number = _number(environ, "LISTEN_FDS") if ours else 0
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(variable, None)
    if number == 0:
        raise ExporterError(
            "--web.systemd-socket: no socket activation file descriptors found. Start the socket"
            " unit (systemctl start docker-exporter.socket), or leave the flag out to listen on"
            " --web.listen-address."
        )
    names += [""] * (number - len(names))
    return [(names[place], _socket(_FIRST + place)) for place in range(number)]


def _socket(descriptor: int) -> socket.socket:
    with contextlib.suppress(OSError):
        found = socket.socket(fileno=descriptor)
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if listens and found.type == socket.SOCK_STREAM:
            found.set_inheritable(False)
            return found
        found.close()
    raise ExporterError(
        f"--web.systemd-socket: file descriptor {descriptor} is no socket that listens. The socket"
        " unit needs ListenStream= and Accept=no."
    )


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell systemd how the service is: `READY=1`, `STOPPING=1`, `WATCHDOG=1`."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messages:
            messages.settimeout(0)
            messages.sendto(state.encode(), address)
    except OSError as exc:
        logger.warning("systemd is not told", extra={"state": state, "error": str(exc)})


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often systemd wants to hear `WATCHDOG=1` at least (`WatchdogSec=`).

    None where it does not wait for that, or not from this process.
    """
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return _number(environ, "WATCHDOG_USEC") / _MICROSECONDS or None


def _number(environ: Mapping[str, str], variable: str) -> int:
    text = environ.get(variable, "")
    return int(text) if text.isdecimal() else 0
