"""Engines that hang, die and return, and what one client object makes of them, in both modes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.errors import EngineUnavailableError
from exporter.metrics.snapshot import Snapshots
from exporter.model import Mode
from tests.support.engine import IMAGE
from tests.support.modes import environment_for
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.engine import PrivateEngine

LATE = 30.0
NOBODY = 65534


@pytest.fixture
def mortal(
    mode: str, private_engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerClient]:
    """Give a client of an engine that a test may hurt, in each mode in turn."""
    private_engine.docker("run", "--detach", "--name=web", IMAGE, "sleep", "1d")
    for variable, value in environment_for(mode, private_engine, tmp_path).items():
        monkeypatch.setenv(variable, value)
    client = DockerClient(timeout=2)
    yield client
    client.close()


def test_engine_that_hangs_dies_and_returns(
    mortal: DockerClient, private_engine: PrivateEngine, mode: str
) -> None:
    """The same client tells each apart, and works again at once when the engine does.

    One test for the whole life of an engine, since starting one takes longer than the rest.
    """
    snapshots = Snapshots(mortal, ttl=0)
    assert snapshots.get(Deadline(LATE)).up

    private_engine.pause()
    hung = snapshots.get(Deadline(1))
    assert not hung.up
    assert "time" in (hung.error or "")
    assert mortal.get_container_info("web") is None
    result = mortal.restart_container("web", timeout=0)
    assert result["success"] is False
    assert "time" in result["message"]
    private_engine.resume()
    wait_until(lambda: snapshots.get(Deadline(LATE)).up, LATE, "the engine goes on")

    private_engine.kill()
    dead = snapshots.get(Deadline(LATE))
    assert not dead.up
    assert dead.containers == ()
    assert mortal.is_container_running("web") is False
    assert mortal.start_container("web")["success"] is False

    private_engine.restart()
    # Failing commands are tried ever less often, so that CLI mode may take a moment.
    wait_until(lambda: mortal.is_container_running("web"), LATE, "found again")
    assert snapshots.get(Deadline(LATE)).up
    assert mortal.mode is Mode(mode)


def test_deadline_is_met_while_the_engine_hangs(
    mortal: DockerClient, private_engine: PrivateEngine
) -> None:
    """Neither way keeps a scrape beyond its deadline, and no command is left running."""
    snapshots = Snapshots(mortal, ttl=0)
    snapshots.get(Deadline(LATE))
    private_engine.pause()
    # It returns while nothing has been answered, and long before the engine would go on.
    assert not snapshots.get(Deadline(1)).up
    private_engine.resume()
    wait_until(lambda: not children_named("docker"), LATE, "no command is left")


def children_named(name: str) -> list[str]:
    """Return the processes of a name that this process has started (proc(5))."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, command, _, parent, *_ = stat.read_text().split()
            if command == f"({name})" and int(parent) == os.getpid():
                found.append(pid)
    return found


def test_socket_that_comes_and_goes_changes_the_mode(
    engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK is taken up when its socket appears, and the command again when that is gone."""
    for variable, value in environment_for("cli", engine, tmp_path).items():
        monkeypatch.setenv(variable, value)
    socket = tmp_path / "s"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    client = DockerClient()
    assert client.is_available() is False
    assert client.mode == "cli"
    socket.symlink_to(engine.socket)
    assert client.is_available() is True
    assert client.mode == "sdk"
    socket.unlink()
    client.lost(client.connect(), EngineUnavailableError("its socket is gone"))
    assert client.is_available() is False
    assert client.mode == "cli"
    client.close()


def test_user_without_permission_is_told_what_to_do(
    mode: str, engine: PrivateEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the socket, and the group that would be allowed."""
    engine.directory.chmod(0o711)
    directory = engine.directory / "command"
    directory.mkdir(exist_ok=True)
    for variable, value in environment_for(mode, engine, directory).items():
        monkeypatch.setenv(variable, value)
    client = DockerClient()
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        result = client.start_container("idle")
    finally:
        os.setresuid(0, 0, 0)
        client.close()
    assert result["success"] is False
    assert "Permission denied" in result["message"]
    assert str(engine.socket) in result["message"]
    assert "usermod -aG docker" in result["message"]
    assert "--group-add" in result["message"]
