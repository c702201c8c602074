"""Containers that come and go while they are read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from exporter.model import ContainerState
from tests.faults.conftest import RUNNING, STOPPED
from tests.faults.scraper import missing, names, scraper, with_stats
from tests.support.engine import IMAGE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.engine import PrivateEngine

LATE = 30.0
MANY = 500
COMMAND = {"Image": IMAGE, "Cmd": ["sleep", "1d"], "HostConfig": {"NetworkMode": "none"}}


class Traffic:
    """Creates, starts and removes containers, as fast as the engine goes.

    Attributes:
        gone: How many have come and gone.
    """

    def __init__(self, engine: PrivateEngine) -> None:
        self.gone = 0
        self._engine = engine
        self._over = threading.Event()

    def run(self, number: int) -> None:
        """Go on until it is over; most are never started, since that takes long."""
        turn = 0
        while not self._over.is_set():
            turn += 1
            name = f"visitor-{number}-{turn}"
            one = self._engine.ask("POST", f"/containers/create?name={name}", COMMAND)["Id"]
            if turn % 10 == 0:
                self._engine.ask("POST", f"/containers/{one}/start")
            self._engine.ask("DELETE", f"/containers/{one}?force=1")
            self.gone += 1

    def have_gone(self, count: int) -> bool:
        """Return whether so many have come and gone."""
        return self.gone >= count

    def end(self) -> None:
        """End it."""
        self._over.set()


@contextmanager
def traffic_on(engine: PrivateEngine) -> Iterator[Traffic]:
    """Let containers come and go."""
    traffic = Traffic(engine)
    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(traffic.run, number) for number in range(3)]
        try:
            yield traffic
        finally:
            traffic.end()
        for run in runs:
            run.result(LATE)


def test_containers_that_come_and_go_during_scrapes(reached: PrivateEngine) -> None:
    """Every scrape succeeds, shows those that stay in full, and none twice."""
    with scraper(events=True) as scraped, traffic_on(reached) as traffic:
        for scrapes in range(1, 4):
            snapshot = scraped.scrape()
            wait_until(partial(traffic.have_gone, 20 * scrapes), LATE, "some have gone")
            assert snapshot.up
            assert snapshot.complete
            shown = [reading.container.name for reading in snapshot.containers]
            assert len(shown) == len(set(shown))
            assert with_stats(snapshot) >= set(RUNNING)
            assert set(missing(snapshot)) <= {"not_found", "not_running"}


@pytest.fixture(scope="module")
def crowd(victim: PrivateEngine) -> Iterator[PrivateEngine]:
    """Give the engine with many more containers, which are not started."""

    def create(number: int) -> str:
        path = f"/containers/create?name=crowd-{number}"
        return str(victim.ask("POST", path, COMMAND)["Id"])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(create, range(MANY)))
    yield victim
    remove(victim, crowd_of(victim))


def crowd_of(engine: PrivateEngine) -> list[str]:
    """Return the ids of those that are left of the many."""
    rows = engine.get("/containers/json?all=1")
    return [row["Id"] for row in rows if row["Names"][0].startswith("/crowd-")]


def remove(engine: PrivateEngine, ids: list[str]) -> None:
    """Remove containers, several at a time."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda one: engine.ask("DELETE", f"/containers/{one}"), ids))


@pytest.mark.usefixtures("crowd")
def test_many_containers_of_which_half_vanish(reached: PrivateEngine) -> None:
    """Those that are there are shown, the others were in the list and are counted as gone."""
    listed = crowd_of(reached)
    half = len(listed) // 2
    assert half > 50
    with scraper() as scraped:
        scraped.after("list", lambda: remove(reached, listed[:half]))
        snapshot = scraped.scrape()
        assert snapshot.up
        assert snapshot.complete
        assert snapshot.states is not None
        assert snapshot.states[ContainerState.CREATED] == len(listed) + 1
        assert missing(snapshot) == {"not_found": half}
        assert len(snapshot.containers) == len(listed) - half + len(RUNNING) + 1
        assert with_stats(snapshot) == set(RUNNING)
        after = scraped.scrape()
        assert missing(after) == {}
        assert names(after) >= {*RUNNING, STOPPED}
        assert len(after.containers) == len(snapshot.containers)
