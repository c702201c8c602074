"""What the further engines promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.containers import NO_NETWORK
from tests.engines.kinds import KINDS
from tests.support.engine import IMAGE
from tests.support.programs import processes_with


@pytest.mark.parametrize("kind", KINDS)
def test_engine_leaves_nothing_behind(kind: str) -> None:
    """Its processes, mounts and files go with it, those of its containers too."""
    with KINDS[kind]() as engine:
        running = engine.docker("run", "--detach", *NO_NETWORK, IMAGE, "sleep", "1d")
        paused = engine.docker("run", "--detach", *NO_NETWORK, IMAGE, "sleep", "1d")
        engine.docker("pause", paused)
        marks = (str(engine.directory), running, paused)
        assert processes_with(*marks)
    assert processes_with(*marks) == []
    assert str(engine.directory) not in Path("/proc/self/mountinfo").read_text()
    assert not engine.directory.exists()
