"""The engine that these tests hurt, and the promise that nothing is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.engine import IMAGE, PrivateEngine
from tests.support.leftovers import Holdings, wait_for_nothing_more_than
from tests.support.modes import environment_for
from tests.support.socket_proxy import SocketProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNNING = ("web", "db", "cache")
STOPPED = "job"
_ANYTHING = {"GET": ".*", "HEAD": ".*"}


@pytest.fixture(scope="session")
def victim() -> Iterator[PrivateEngine]:
    """Give an engine with three containers that run and one that does not.

    Each test leaves it as it was: answering, with these containers.
    """
    with PrivateEngine() as engine:
        for name in RUNNING:
            engine.docker(
                "run", "--detach", f"--name={name}", "--network=none", IMAGE, "sleep", "1d"
            )
        engine.docker("create", f"--name={STOPPED}", "--network=none", IMAGE, "true")
        yield engine


@pytest.fixture(autouse=True)
def _nothing_is_left(victim: PrivateEngine) -> Iterator[None]:
    """Hold each test to what it held before: no thread, process, file or socket more."""
    if victim.dockerd.poll() is not None:
        # What a test that failed has left must not fail all that come after it.
        victim.restart()
    before = Holdings.now()
    yield
    wait_for_nothing_more_than(before)


@pytest.fixture
def reached(mode: str, victim: PrivateEngine, monkeypatch: pytest.MonkeyPatch) -> PrivateEngine:
    """Give the engine, which the environment leads to in each mode in turn."""
    # Not below pytest's own directory, into which only root can look.
    victim.directory.chmod(0o711)
    directory = victim.directory / "command"
    directory.mkdir(exist_ok=True)
    for variable, value in environment_for(mode, victim, directory).items():
        monkeypatch.setenv(variable, value)
    return victim


@pytest.fixture
def proxy(
    mode: str, victim: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SocketProxy]:
    """Give what stands before the engine, to which the environment leads in each mode."""
    with SocketProxy(victim.socket, _ANYTHING) as proxy:
        for variable, value in environment_for(mode, proxy, tmp_path).items():
            monkeypatch.setenv(variable, value)
        yield proxy
