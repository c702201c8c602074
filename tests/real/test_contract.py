"""The published example of the client's documentation, with an engine behind it.

On its own, `tests/test_contract_reference.py` runs without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter import docker_client
from tests.test_contract_reference import TestDockerClient as Example

if TYPE_CHECKING:
    from exporter.docker_client import DockerClient


@pytest.fixture(autouse=True)
def _shared_client(client: DockerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the example get a client that has reached its engine, in each mode in turn."""
    client.connect()
    monkeypatch.setattr(docker_client, "_shared", client)


class TestWithAnEngine(Example):
    """Every test of the example."""
