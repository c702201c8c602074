"""`watch`: a container comes back, in both modes and whatever happens to the engine."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.commands.processes import run, streaming
from tests.support.containers import SLEEP, container
from tests.support.modes import MODES, environment_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import PrivateEngine

_RECOVER = ("--recover", "--interval=0.2", "--cool-down=0")


@pytest.mark.usefixtures("client")
def test_killed_container_comes_back(engine: PrivateEngine, tmp_path: Path) -> None:
    """It is started again after three failures, and is seen running."""
    with (
        container(engine, *SLEEP) as name,
        streaming(tmp_path / "watch", "watch", name, *_RECOVER) as stream,
    ):
        stream.wait_for(lambda look: look["state"] == "running", "a look at it")
        engine.docker("kill", name)
        stream.wait_for(lambda look: look["recovery"] is not None, "a recovery")
        assert engine.inspect(name)["State"]["Running"]
        assert stream.end(signal.SIGTERM) == 0
    [recovered] = [look for look in stream.objects if look["recovery"] is not None]
    assert recovered["problem"] == "exited (exit code 137)"
    assert recovered["failures"] == 3
    assert recovered["recovery"] == {
        "action": "start",
        "done": True,
        "message": f"Container '{name}' started.",
        "final": False,
    }


@pytest.mark.parametrize("mode", MODES)
def test_watch_outlives_the_engine(
    private_engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """A container that ended while the engine was dead is started once the engine is back."""
    for variable, value in environment_for(mode, private_engine, tmp_path).items():
        monkeypatch.setenv(variable, value)
    with (
        container(private_engine, *SLEEP) as name,
        streaming(tmp_path / "watch", "watch", name, *_RECOVER) as stream,
    ):
        process = private_engine.inspect(name)["State"]["Pid"]
        stream.wait_for(lambda look: look["state"] == "running", "a look at it")
        private_engine.kill()
        stream.wait_for(lambda look: look["error"] is not None, "a look without an engine")
        os.kill(process, signal.SIGKILL)
        private_engine.restart()
        stream.wait_for(lambda look: look["recovery"] is not None, "a recovery")
        assert private_engine.inspect(name)["State"]["Running"]
        assert stream.end(signal.SIGINT) == 0
    blind = [look for look in stream.objects if look["error"] is not None]
    assert {(look["failures"], look["recovery"]) for look in blind} == {(0, None)}


def test_spent_budget_ends_the_watch(engine: PrivateEngine) -> None:
    """For people too: the last line says so, and the exit code is 1."""
    with container(engine, "false", verb=("create",)) as name:
        done = run(
            *("watch", name, *_RECOVER, "--max-failures=1", "--budget=1"), DOCKER_HOST=engine.host
        )
    assert done.returncode == 1
    *_, last = done.stdout.splitlines()
    assert last.endswith("Giving up: the budget is spent (recoveries an hour: 1).")
    assert done.stdout.count("started.") == 1


def test_watch_of_an_unknown_container_fails_at_once(engine: PrivateEngine) -> None:
    """Nobody waits for a name that is mistyped."""
    with container(engine, *SLEEP, verb=("create",)) as name:
        done = run("watch", f"{name}x", "--recover", DOCKER_HOST=engine.host)
    assert done.returncode == 1
    assert done.stderr == f"No container '{name}x'. Did you mean '{name}'?\n"
