"""What the further engines promise, and what becomes of a client when one takes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.docker_sdk import NARROW, WIDE, SdkEngine
from exporter.metrics.snapshot import Snapshots
from tests.engines.containers import NO_NETWORK
from tests.engines.kinds import DOCKER_26, KINDS
from tests.support.engine import IMAGE, PrivateEngine
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


def test_engine_that_takes_the_place_of_another_is_found_at_once(tmp_path: Path) -> None:
    """An older one, which refuses the version of the API that was spoken until then."""
    place = tmp_path / "s"
    with KINDS[DOCKER_26]() as new, PrivateEngine() as old:
        for name, engine in (("new", new), ("old", old)):
            engine.docker("run", "--detach", f"--name={name}", *NO_NETWORK, IMAGE, "sleep", "1d")
        client = DockerClient(f"unix://{place}")
        snapshots = Snapshots(client, ttl=0)
        for name, engine, width in (("new", new, NARROW), ("old", old, WIDE)):
            place.unlink(missing_ok=True)
            place.symlink_to(engine.socket)
            snapshot = snapshots.get(Deadline(30))
            assert [one.container.name for one in snapshot.containers] == [name]
            assert snapshot.info is not None
            assert snapshot.info.version == engine.get("/version")["Version"]
            found = client.connect()
            assert isinstance(found, SdkEngine)
            assert found.width == width
            # As the end of an engine does.
            found.transport.close()
        client.close()
