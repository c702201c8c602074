"""Containers for the tests of the admin API."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.engine import IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.engine import PrivateEngine

# Ends at once when it is asked to, and is healthy until there is a file; a restart removes it.
COMMAND = "rm -f /sick; trap 'exit 0' TERM; sleep 1d & wait"
OPTED_IN = "--label=docker-exporter.actions=restart,start,stop"


@pytest.fixture
def run(engine: PrivateEngine) -> Iterator[Callable[..., str]]:
    """Give a function that runs a container with options, and returns its name."""
    names: list[str] = []

    def run(*options: str, command: str = COMMAND) -> str:
        names.append(name := f"c-{secrets.token_hex(4)}")
        engine.docker("run", "--detach", f"--name={name}", *options, IMAGE, "sh", "-c", command)
        return name

    yield run
    if names:
        engine.docker("rm", "--force", *names)


def starts(engine: PrivateEngine, name: str) -> int:
    """Return how often a container has been started, as the events of the engine tell.

    An earlier container of the same name, on an engine that tests share, does not count.
    """
    one = engine.inspect(name)["Id"]
    now = f"{time.time():.9f}"
    told = engine.docker(
        *("events", "--since=0", f"--until={now}", f"--filter=container={one}"),
        *("--filter=event=start", "--format={{.Action}}"),
    )
    return len(told.split())
