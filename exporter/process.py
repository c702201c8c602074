"""What the process asks of its system, and what it should not have asked for."""

from __future__ import annotations

import contextlib
import grp
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_GROUP_MAY, _OTHERS_MAY = 0o060, 0o006
_FIRST_FREE_PORT = 1024
# What root is root of everywhere, and not of a user namespace only.
_ALL_USERS = ["0", "0", "4294967295"]


def raise_file_limit() -> int:
    """Allow as many open files as may be allowed, and return how many those are.

    Many systems start programs with 1024, for the sake of those that cannot count further.
    """
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A sandbox may forbid even that.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        files = most
    return files


def needless_root(engine: str, ports: Iterable[int]) -> str | None:
    """Return what to do about running as root where that is not needed.

    Root is needed where nobody else may use the engine's socket, and for ports below 1024. That
    it could read a file that others cannot is no need: the file can be given to another user.

    Args:
        engine: The engine's address.
        ports: Where the exporter listens by itself.

    Returns:
        A sentence; None where the process is not root, needs to be, or that cannot be told.
    """
    privileged = any(0 < port < _FIRST_FREE_PORT for port in ports)
    if os.geteuid() != 0 or _users() != _ALL_USERS or privileged:
        return None
    if engine.startswith("tcp://"):
        return "Run it as another user: it takes no privilege to reach the engine by TCP."
    try:
        status = Path(engine.removeprefix("unix://")).stat()
    except OSError:
        return None
    return _another_user(status)


def _another_user(status: os.stat_result) -> str | None:
    """Return which other user may use a socket; None where only root may."""
    if status.st_mode & _OTHERS_MAY == _OTHERS_MAY:
        return "Run it as another user: everyone may use the engine's socket."
    if status.st_gid != 0 and status.st_mode & _GROUP_MAY == _GROUP_MAY:
        return (
            f"Run it as another user in the group {_group(status.st_gid)}, which may use the"
            f" engine's socket (in a container: --group-add {status.st_gid})."
        )
    return None


def _users() -> list[str]:
    """Return which users there are in this user namespace, and who they are outside."""
    with contextlib.suppress(OSError):
        return Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    return _ALL_USERS


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
