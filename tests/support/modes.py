"""The two ways to reach one engine."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

MODES = ("sdk", "cli")

# Where the SDK finds nobody.
NOWHERE = "unix:///nowhere/docker.sock"


class Reachable(Protocol):
    """An engine, or what stands before one.

    Attributes:
        host: Its address, as a value for `DOCKER_HOST`.
    """

    host: str


def environment_for(mode: str, engine: Reachable, directory: Path) -> dict[str, str]:
    """Return the variables with which a client reaches an engine in one mode only.

    For the CLI mode they lead the SDK to a socket that is not there, and to a `docker` command
    that passes everything on to the real one, together with the engine's true address.

    Args:
        mode: `sdk` or `cli`.
        engine: Which engine.
        directory: Where the command may be put.
    """
    if mode == "sdk":
        return {"DOCKER_HOST": engine.host}
    real = shutil.which("docker")
    if real is None:
        raise RuntimeError("There is no docker command: run `make test` as root to install it.")
    command = directory / "docker"
    command.write_text(
        f'#!/bin/sh\nDOCKER_HOST={shlex.quote(engine.host)} exec {shlex.quote(real)} "$@"\n'
    )
    command.chmod(0o755)
    return {"DOCKER_HOST": NOWHERE, "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}"}
