"""Endpoints that answer slowly, by halves, in another language, with a refusal, or without end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from exporter.engine.payload import SHORT_ID
from exporter.metrics.filters import Filters
from tests.faults.conftest import RUNNING, STOPPED
from tests.faults.scraper import missing, names, scraper, with_stats
from tests.support.leftovers import resident_bytes
from tests.support.misbehaviour import (
    LASTING,
    SHORT,
    Connection,
    forbid,
    half,
    no_json,
    pour,
    silence,
    trickle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.model import Snapshot
    from tests.support.engine import PrivateEngine
    from tests.support.socket_proxy import SocketProxy

LATE = 30.0
SOON = 0.5
# Half of it is for inspects, and this engine answers for stats once a second.
TWO_TICKS = 5.0
LIST = r"/v1\.\d+/containers/json"
# Nothing that runs: the command takes two seconds to read stats.
RESTING = Filters(include=re.compile(STOPPED))


@pytest.mark.parametrize("fault", [*LASTING, *SHORT], ids=lambda fault: fault.__name__)
def test_list_that_is_no_list(proxy: SocketProxy, fault: Callable[[Connection], None]) -> None:
    """Nothing is known, the error says why, and the first scrape afterwards shows everything."""
    with scraper(filters=RESTING) as scraped:
        assert names(scraped.scrape()) == {STOPPED}
        proxy.faults[LIST] = fault
        lost = scraped.scrape(SOON if fault in LASTING else LATE)
        assert not lost.up
        assert lost.error
        assert lost.containers == ()
        assert lost.states is None
        if fault is forbid:
            assert "Permission denied" in lost.error
            assert "socket proxy" in lost.error
        proxy.faults.clear()
        back = scraped.scrape()
        assert names(back) == {STOPPED}
        assert back.complete


@pytest.mark.parametrize("fault", [silence, trickle, forbid], ids=lambda fault: fault.__name__)
def test_endpoint_that_does_not_say_which_it_is(
    proxy: SocketProxy, fault: Callable[[Connection], None]
) -> None:
    """Nobody is found there, in time, and whoever is there later is found at once."""
    proxy.faults[".*"] = fault
    with scraper(filters=RESTING) as scraped:
        lost = scraped.scrape(SOON if fault in LASTING else LATE)
        assert not lost.up
        assert lost.error
        proxy.faults.clear()
        assert names(scraped.scrape()) == {STOPPED}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (silence, "timeout"),
        (pour, "bad_response"),
        (half, "bad_response"),
        (no_json, "bad_response"),
        (forbid, "permission_denied"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize("what", ["json", "stats"])
@pytest.mark.parametrize("mode", ["sdk"])
def test_one_container_that_cannot_be_read(
    proxy: SocketProxy,
    victim: PrivateEngine,
    fault: Callable[[Connection], None],
    reason: str,
    what: str,
) -> None:
    """It costs its own series only: the others are all there."""
    one = victim.inspect("web")["Id"]
    proxy.faults[rf"/v1\.\d+/containers/{one}/{what}"] = fault
    with scraper() as scraped:
        snapshot = scraped.scrape(TWO_TICKS if fault in LASTING else LATE)
        assert snapshot.up
        assert missing(snapshot) == {reason: 1}
        assert with_stats(snapshot) == set(RUNNING) - {"web"}
        assert names(snapshot) == {*RUNNING, STOPPED} - ({"web"} if what == "json" else set())


@pytest.mark.parametrize(
    ("fault", "reason", "read"),
    [(forbid, "not_running", {"db", "cache"}), (silence, "timeout", set())],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("mode", ["cli"])
def test_one_container_that_the_command_cannot_read(
    proxy: SocketProxy,
    victim: PrivateEngine,
    fault: Callable[[Connection], None],
    reason: str,
    read: set[str],
) -> None:
    """The command reads all at once: it leaves out a refused one, and waits for one that hangs."""
    one = victim.inspect("web")["Id"][:SHORT_ID]
    proxy.faults[rf"/v1\.\d+/containers/{one}\w*/stats"] = fault
    with scraper() as scraped:
        snapshot = scraped.scrape(TWO_TICKS if fault in LASTING else LATE)
        assert snapshot.up
        assert names(snapshot) == {*RUNNING, STOPPED}
        assert with_stats(snapshot) == read
        assert missing(snapshot) == {reason: len(RUNNING) - len(read)}


@pytest.mark.parametrize("mode", ["sdk"])
def test_memory_does_not_grow_with_endless_answers(proxy: SocketProxy) -> None:
    """What was received in vain is given back."""
    with scraper() as scraped:

        def suffer() -> Snapshot:
            proxy.faults[r"/v1\.\d+/containers/.*"] = pour
            return scraped.scrape()

        assert not suffer().up
        before = resident_bytes()
        for _ in range(4):
            assert not suffer().up
        # Each of the answers that were kept would be 64 MiB.
        assert resident_bytes() - before < 100 * 1024 * 1024
