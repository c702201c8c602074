"""What every test may ask for: engines, and an environment that says nothing of Docker."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from exporter.docker_client import DockerClient
from tests.support.engine import PrivateEngine
from tests.support.modes import MODES, environment_for
from tests.support.programs import interrupt_on_terminate
from tests.support.zoo import populate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# How long an example takes says how busy the machine is.
settings.register_profile("at leisure", deadline=None)
settings.load_profile("at leisure")


def pytest_configure() -> None:
    """Let a run that is told to terminate take its engines down."""
    interrupt_on_terminate()


@pytest.fixture(autouse=True)
def _no_docker_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the tester's own environment says of Docker or the exporter from the tests."""
    for variable in [name for name in os.environ if name.startswith("DOCKER_")]:
        monkeypatch.delenv(variable)


@pytest.fixture(scope="session")
def engine() -> Iterator[PrivateEngine]:
    """Give the engine that all tests share: they remove what they add, and never hurt it."""
    with PrivateEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def zoo(engine: PrivateEngine) -> PrivateEngine:
    """Give the shared engine with a container in every state, to be read only."""
    populate(engine)
    return engine


@pytest.fixture
def private_engine() -> Iterator[PrivateEngine]:
    """Give an engine to one test alone, which may pause, kill and restart it."""
    with PrivateEngine() as engine:
        yield engine


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Give each of the two modes in turn."""
    return str(request.param)


@pytest.fixture
def client(
    mode: str, engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerClient]:
    """Give a client of the shared engine, in each mode in turn."""
    for variable, value in environment_for(mode, engine, tmp_path).items():
        monkeypatch.setenv(variable, value)
    client = DockerClient()
    yield client
    client.close()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run in CI that skipped anything: there, what cannot be tested is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped") and os.environ.get("CI") == "true":
        reporter.write_line("In CI, a skipped test is a failure.", red=True)
        session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED
