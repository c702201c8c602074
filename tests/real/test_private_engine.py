"""What the tests' own engine promises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.engine import IMAGE, PrivateEngine
from tests.support.programs import processes_with

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("fault", [PrivateEngine.resume, PrivateEngine.pause, PrivateEngine.kill])
def test_engine_leaves_nothing_behind(fault: Callable[[PrivateEngine], None]) -> None:
    """Whatever is done to an engine, its processes, mounts, network and files go with it."""
    with PrivateEngine() as engine:
        running = engine.docker("run", "--detach", IMAGE, "sleep", "1d")
        paused = engine.docker("run", "--detach", IMAGE, "sleep", "1d")
        engine.docker("pause", paused)
        marks = (str(engine.directory), running, paused)
        assert processes_with(*marks)
        fault(engine)
    assert processes_with(*marks) == []
    assert str(engine.directory) not in Path("/proc/self/mountinfo").read_text()
    assert not Path("/sys/class/net", engine.bridge).exists()
    assert not engine.directory.exists()


def test_containers_outlive_the_engine(private_engine: PrivateEngine) -> None:
    """A container runs on while dockerd is dead, and is known again after its restart."""
    name = private_engine.docker("run", "--detach", IMAGE, "sleep", "1d")
    before = private_engine.inspect(name)["State"]
    private_engine.kill()
    assert Path("/proc", str(before["Pid"])).exists()
    private_engine.restart()
    assert private_engine.inspect(name)["State"] == before


def test_paused_engine_hangs(private_engine: PrivateEngine) -> None:
    """A paused engine accepts a connection and answers nothing, until it is resumed."""
    private_engine.pause()
    with pytest.raises(TimeoutError):
        private_engine.get("/version", timeout=0.5)
    private_engine.resume()
    assert private_engine.get("/version")["ApiVersion"]
