"""What the stream of events spares the engine, and a stream that breaks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from exporter.metrics.filters import Filters
from exporter.model import EventCounts
from tests.faults.conftest import RUNNING
from tests.faults.scraper import scraper
from tests.support.engine import IMAGE
from tests.support.misbehaviour import forbid
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.scraper import Scraper
    from tests.support.engine import PrivateEngine
    from tests.support.socket_proxy import SocketProxy

LATE = 30.0
EVENTS = r"/v1\.\d+/events"
# Nothing that runs: the command takes two seconds to read stats.
RESTING = Filters(exclude=re.compile("|".join(RUNNING)))


@pytest.fixture
def job(victim: PrivateEngine) -> Iterator[str]:
    """Give a container that ends when it is started."""
    name = "short-job"
    victim.docker("create", f"--name={name}", "--network=none", IMAGE, "true")
    yield name
    victim.docker("rm", name)


def counts_of(scraped: Scraper, name: str) -> EventCounts:
    """Return what a scrape says has happened to a container."""
    containers = scraped.scrape().containers
    (counts,) = [one.events for one in containers if one.container.name == name]
    assert counts is not None
    return counts


def test_stream_that_breaks_costs_inspects_and_loses_nothing(
    proxy: SocketProxy, victim: PrivateEngine, job: str, mode: str
) -> None:
    """With it, nothing is inspected that has not changed; without it, everything is."""
    # One command inspects all.
    everything = 1 if mode == "cli" else 2
    with scraper(events=True, filters=RESTING) as scraped:
        follower = scraped.follower
        assert follower is not None
        assert counts_of(scraped, job) == EventCounts()
        assert scraped.asked["inspect"] == 0

        proxy.faults[EVENTS] = forbid
        proxy.cut()
        wait_until(lambda: not follower.connected, LATE, "the stream is down")
        for _ in range(2):
            scraped.scrape()
            assert scraped.asked["inspect"] == everything
        victim.docker("start", "--attach", job)
        assert counts_of(scraped, job) == EventCounts()
        assert scraped.asked["inspect"] == everything

        proxy.faults.clear()
        scraped.scrape()
        wait_until(lambda: follower.connected, LATE, "the stream is up")
        happened = EventCounts(starts=1, exits=1)
        wait_until(lambda: counts_of(scraped, job) == happened, LATE, "nothing is lost")
        # An event that came during a scrape is looked at in the next.
        wait_until(
            lambda: scraped.scrape().up and scraped.asked["inspect"] == 0, LATE, "all is known"
        )
