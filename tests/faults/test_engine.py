"""Engines that hang, die, lose their socket or refuse, in a scrape and between two."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from exporter.docker_client import DockerClient
from exporter.errors import EngineUnavailableError
from exporter.model import ContainerState, Mode
from tests.faults.conftest import RUNNING, STOPPED
from tests.faults.scraper import missing, names, scraper, with_stats
from tests.support.modes import environment_for
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from exporter.model import Snapshot
    from tests.faults.scraper import Scraper
    from tests.support.engine import PrivateEngine

LATE = 30.0
NOBODY = 65534
# Enough for a list, which the scrape has to come to before the engine hangs.
ENOUGH_FOR_LIST = {"sdk": 1.0, "cli": 5.0}


def assert_whole(snapshot: Snapshot) -> None:
    """Make sure that everything is there that there is."""
    assert snapshot.error is None
    assert names(snapshot) == {*RUNNING, STOPPED}
    assert with_stats(snapshot) == set(RUNNING)
    assert missing(snapshot) == {}
    assert snapshot.complete


def assert_listed_without_stats(snapshot: Snapshot, reason: str) -> None:
    """Make sure that what was known by then is shown, and what was not is missed."""
    assert snapshot.up
    assert not snapshot.complete
    assert snapshot.states is not None
    assert snapshot.states[ContainerState.RUNNING] == len(RUNNING)
    assert names(snapshot) == {*RUNNING, STOPPED}
    assert with_stats(snapshot) == set()
    assert missing(snapshot) == {reason: len(RUNNING)}


def assert_nothing_is_known(snapshot: Snapshot) -> None:
    """Make sure that no value is made up, and that the error is told."""
    assert not snapshot.up
    assert snapshot.error
    assert snapshot.containers == ()
    assert snapshot.states is None


def assert_library_says_so(scraper: Scraper) -> None:
    """Make sure that the library answers as documented."""
    assert scraper.client.is_container_running("web") is False
    result = scraper.client.restart_container("web", timeout=0)
    assert result["success"] is False
    assert result["message"]


@contextmanager
def paused(engine: PrivateEngine) -> Iterator[None]:
    """Make sure that an engine goes on afterwards."""
    try:
        yield
    finally:
        engine.resume()


def test_engine_that_hangs_in_the_middle_of_a_scrape(reached: PrivateEngine, mode: str) -> None:
    """What was read is shown at the deadline; the first scrape after the hang shows everything."""
    with scraper(events=True) as scraped, paused(reached):
        scraped.after("list", reached.pause)
        assert_listed_without_stats(scraped.scrape(ENOUGH_FOR_LIST[mode]), "timeout")
        hung = scraped.scrape(0.5)
        assert_nothing_is_known(hung)
        assert "time" in (hung.error or "")
        assert_library_says_so(scraped)
        reached.resume()
        assert_whole(scraped.scrape())


def test_engine_that_is_killed_in_the_middle_of_a_scrape(reached: PrivateEngine, mode: str) -> None:
    """What was read is shown at once; the first scrape after the restart shows everything."""
    with scraper(events=True) as scraped:
        try:
            scraped.after("list", reached.kill)
            assert_listed_without_stats(scraped.scrape(), "unavailable")
            assert_nothing_is_known(scraped.scrape())
            assert_library_says_so(scraped)
        finally:
            reached.restart()
        assert_whole(scraped.scrape())
        assert scraped.client.mode is Mode(mode)
        wait_until(lambda: scraped.follower and scraped.follower.connected, LATE, "events again")


def test_engine_that_is_restarted_between_two_scrapes(reached: PrivateEngine) -> None:
    """Nobody notices: the connections that were kept are replaced."""
    with scraper() as scraped:
        assert_whole(scraped.scrape())
        reached.kill()
        reached.restart()
        assert_whole(scraped.scrape())


def test_socket_that_is_removed_and_comes_back(reached: PrivateEngine, mode: str) -> None:
    """Whoever is connected stays so; others are told where nobody is, until it is there again."""
    elsewhere = reached.socket.with_suffix(".removed")
    with scraper() as scraped:
        assert_whole(scraped.scrape())
        reached.socket.rename(elsewhere)
        try:
            if mode == "sdk":
                assert_whole(scraped.scrape())
            scraped.client.close()
            gone = scraped.scrape()
        finally:
            elsewhere.rename(reached.socket)
        assert_nothing_is_known(gone)
        assert "mounted" in (gone.error or "")
        assert_whole(scraped.scrape())


def test_permission_that_is_withdrawn_and_given_back(reached: PrivateEngine) -> None:
    """The error says what to do; the first scrape with permission shows everything."""
    with scraper() as scraped:
        assert_whole(scraped.scrape())
        # Permission is looked at where somebody connects.
        scraped.client.close()
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            denied = scraped.scrape()
            result = scraped.client.start_container("web")
        finally:
            os.setresuid(0, 0, 0)
        assert_nothing_is_known(denied)
        for message in (denied.error or "", result["message"]):
            assert "Permission denied" in message
            assert str(reached.socket) in message
            assert "usermod -aG docker" in message
            assert "--group-add" in message
        assert_whole(scraped.scrape())


def test_socket_that_comes_and_goes_changes_the_mode(
    victim: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK is taken up when its socket appears, and the command again when that is gone."""
    for variable, value in environment_for("cli", victim, tmp_path).items():
        monkeypatch.setenv(variable, value)
    socket = tmp_path / "s"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    client = DockerClient()
    assert client.is_available() is False
    assert client.mode == "cli"
    socket.symlink_to(victim.socket)
    assert client.is_available() is True
    assert client.mode == "sdk"
    socket.unlink()
    client.lost(client.connect(), EngineUnavailableError("its socket is gone"))
    assert client.is_available() is False
    assert client.mode == "cli"
    client.close()


@pytest.mark.usefixtures("victim")
def test_endpoint_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred scrapes in vain leave nothing either."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("PATH", "")
    with scraper() as scraped:
        for _ in range(100):
            assert_nothing_is_known(scraped.scrape())
