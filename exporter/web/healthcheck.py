"""The health check of a process that serves: how it is found, answered and asked.

Each such process listens on a Unix socket for that alone. So the check needs to know no address,
certificate or user, and nobody but this machine can reach it. The name of the socket is abstract:
it takes no file, which a read-only container could not have, and it ends with the process.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

TIMEOUT_SECONDS = 3.0
"""How long an answer may take."""

_ANSWER = b"healthy\n"
_TIMEVAL = struct.pack("@ll", int(TIMEOUT_SECONDS), 0)
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
_ACCEPTS_CONNECTIONS = "00010000"  # `__SO_ACCEPTCON`


def listen() -> socket.socket:
    """Open the socket that this process is found by.

    Raises:
        OSError: It cannot be had; there is no procfs, or this is not Linux.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(f"\0{_names()}{os.getpid()}")
    except OSError:
        listener.close()
        raise
    return listener


async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say to who has connected that the event loop turns."""
    writer.write(_ANSWER)
    writer.close()


def ask() -> dict[int, bool]:
    """Return whether each process that serves here, of this user, is healthy, by its id.

    "Here" is the container, where the exporter runs in one, else the machine.

    Raises:
        OSError: There is no procfs.
    """
    answers = {pid: _ask(pid) for pid in _found()}
    return {pid: healthy for pid, healthy in answers.items() if healthy is not None}


def _names() -> str:
    """Return how the names of the sockets begin here.

    Containers on the network of their host share their abstract names with it; what each has for
    itself is a mount namespace.
    """
    return f"docker-exporter/{Path('/proc/self/ns/mnt').readlink()}/"


def _found() -> list[int]:
    names = f"@{_names()}"
    found = set()
    for line in Path("/proc/self/net/unix").read_text(errors="replace").splitlines():
        # Fields: address, references, protocol, flags, type, state, inode, name
        # Anybody may choose a name, with spaces and ends of lines in it.
        match line.split():
            case [_, _, _, flags, _, _, _, name] if flags == _ACCEPTS_CONNECTIONS:
                pid = name.removeprefix(names)
                if pid != name and pid.isdecimal() and _is_ours(pid):
                    found.add(int(pid))
    return sorted(found)


def _is_ours(pid: str) -> bool:
    """Return whether a process is this user's: with what others have, no time is lost."""
    try:
        return Path("/proc", pid).stat().st_uid == os.geteuid()
    except OSError:
        return False


def _ask(pid: int) -> bool | None:
    """Return whether a process is healthy, None if it has ended or is another user's."""
    with socket.socket(socket.AF_UNIX) as link:
        # Python's own timeout does not wait where too many wait to be accepted; the kernel's does.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL)
        try:
            link.connect(f"\0{_names()}{pid}")
        except ConnectionRefusedError:
            return None
        except OSError:
            return False
        link.settimeout(TIMEOUT_SECONDS)
        credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(credentials)
        if uid == os.geteuid():
            return _read(link) == _ANSWER
    return None


def _read(link: socket.socket) -> bytes:
    with contextlib.suppress(TimeoutError, ConnectionError):
        return link.recv(len(_ANSWER))
    return b""
