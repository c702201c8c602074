"""How the client finds its engine, and gives it up."""

from __future__ import annotations

from exporter.docker_client import DockerClient
from exporter.errors import EngineUnavailableError
from exporter.model import Mode
from tests.support.fake_engine import FakeEngine

GONE = EngineUnavailableError("gone")


def test_late_complaint_does_not_cost_the_connection_that_was_found_since() -> None:
    """A thread that still held the lost engine must not drop the one that another has found."""
    with FakeEngine(web="running") as fake:
        client = DockerClient(fake.host)
        stale = client.connect()
        client.lost(stale, GONE)
        assert client.mode is None
        client.connect()
        versions = fake.asked("/version")
        client.lost(stale, GONE)
        client.connect()
        assert client.mode is Mode.SDK
        assert fake.asked("/version") == versions
        client.close()
