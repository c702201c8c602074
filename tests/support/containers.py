"""Containers that tests make for themselves."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.engine import IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.engine import LocalEngine

SLEEP = ("sleep", "1d")
ENDS_ON_SIGTERM = ("sh", "-c", "trap 'exit 0' TERM; sleep 1d & wait")


@contextmanager
def container(
    engine: LocalEngine,
    *command: str,
    options: tuple[str, ...] = (),
    verb: tuple[str, ...] = ("run", "--detach"),
    name: str | None = None,
) -> Iterator[str]:
    """Give the name of a container that is gone when the context ends.

    Args:
        engine: Where to make it.
        command: What runs in it.
        options: Of the `docker` command that makes it.
        verb: That command: `("create",)` for a container that is not started.
        name: What it is called; None for a name that no other has.
    """
    name = name or f"own-{secrets.token_hex(4)}"
    engine.docker(*verb, f"--name={name}", *options, IMAGE, *command)
    try:
        yield name
    finally:
        engine.docker("rm", "--force", name)
