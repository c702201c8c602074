"""Another host, as far as TCP can tell: a network namespace at the other end of a cable."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

# Reserved for documentation (RFC 5737): nothing else on this machine has these.
NEAR, FIRST, SECOND = "198.51.100.1", "198.51.100.2", "198.51.100.3"
PORT = 2375

_IP = shutil.which("ip") or "/sbin/ip"


class FarHost:
    """A host with one address, which may move to another one without a word. It takes root."""

    def __init__(self) -> None:
        """Prepare; nothing is set up before the context begins."""
        self._name = f"far{os.getpid()}"

    def __enter__(self) -> Self:
        """Set the host up, with its first address."""
        near, far = f"n{self._name}", f"f{self._name}"
        self._near, self._far = near, far
        _ip("netns", "add", self._name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self._name)
        _ip("addr", "add", f"{NEAR}/24", "dev", near)
        _ip("link", "set", near, "up")
        self._inside("addr", "add", f"{FIRST}/24", "dev", far)
        self._inside("link", "set", far, "up")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take it down, with the cable."""
        _ip("link", "del", self._near)
        _ip("netns", "del", self._name)

    def listen(self) -> socket.socket:
        """Return a socket that listens there, on every address."""
        opened: list[socket.socket] = []

        def listen() -> None:
            with Path("/run/netns", self._name).open() as namespace:
                _enter(namespace.fileno())
            opened.append(socket.create_server(("", PORT)))

        # A thread enters the namespace for itself alone; what it opens there stays there.
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
        return opened[0]

    def move(self) -> None:
        """Move to the second address: what goes to the first is lost."""
        self._inside("addr", "del", f"{FIRST}/24", "dev", self._far)
        self._inside("addr", "add", f"{SECOND}/24", "dev", self._far)

    def _inside(self, *words: str) -> None:
        _ip("-n", self._name, *words)


def _enter(namespace: int) -> None:
    """Move this thread into a namespace (setns(2)), as `os.setns` does from Python 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _ip(*words: str) -> None:
    subprocess.run([_IP, *words], check=True)
