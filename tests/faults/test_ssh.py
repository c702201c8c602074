"""An engine that the command reaches by SSH; by the SDK, `tests/deploy/test_pip.py` does so."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from exporter.model import EventCounts, Mode
from tests.faults.scraper import scraper
from tests.faults.test_engine import assert_nothing_is_known, assert_whole
from tests.support.engine import IMAGE
from tests.support.ssh_server import SshServer
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.engine import PrivateEngine

LATE = 30.0


@pytest.fixture
def server(
    victim: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SshServer]:
    """Give the SSH server of the engine's host, to which the environment leads."""
    with SshServer(victim.host, tmp_path) as server:
        monkeypatch.setenv("DOCKER_HOST", server.host)
        monkeypatch.setenv("PATH", f"{server.commands}{os.pathsep}{os.environ['PATH']}")
        # As without the extra, should it be there.
        monkeypatch.setitem(sys.modules, "paramiko", None)
        yield server


@pytest.mark.usefixtures("server")
def test_engine_that_is_reached_by_ssh() -> None:
    """It is read, acted on and followed as any other."""
    with scraper(events=True, timeout=LATE) as scraped:
        assert_whole(scraped.scrape())
        assert scraped.client.mode is Mode.CLI
        assert scraped.client.restart_container("web", timeout=0)["success"]
        restarted = EventCounts(starts=1, exits=1)
        follower = scraped.follower
        assert follower is not None
        wait_until(lambda: follower.counts_of("web", IMAGE) == restarted, LATE, "its events")
        stats = scraped.client.get_container_stats("web")
        assert stats is not None
        assert stats["memory_usage"] > 0


def test_ssh_server_that_goes_and_returns(server: SshServer) -> None:
    """The error names the address; the first scrape after its return shows everything."""
    with scraper(timeout=LATE) as scraped:
        assert_whole(scraped.scrape())
        server.kill()
        gone = scraped.scrape()
        assert_nothing_is_known(gone)
        assert server.host in (gone.error or "")
        server.start()
        assert_whole(scraped.scrape())
