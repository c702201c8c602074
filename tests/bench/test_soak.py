"""The soak, in seconds rather than minutes: it runs, and tells what grows from what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bench.exporters import OURS, Exporter
from bench.load import Scraped, Scrapes
from bench.soak import Moment, Plan, Report, render, soak
from bench.vitals import TOLERANCE, Vitals, lowest
from tests.support.engine import IMAGE, PrivateEngine

if TYPE_CHECKING:
    from pathlib import Path

VITALS = Vitals(resident=40 * 2**20, threads=5, descriptors=12, processes=1)
MOMENT = Moment(vitals=VITALS, series=[100, 104], scrapes=10, away=0, errors=0)


def report(end: Moment, errors: list[str] | None = None) -> Report:
    """Return a report that ends in a moment, and was like `MOMENT` until then."""
    return Report("mine", MOMENT, MOMENT, end, errors or [])


def test_soak_tells_a_leak_from_none(tmp_path: Path) -> None:
    """Two programs side by side on an engine that dies, one of which leaks."""
    leaking = OURS.replace("-m exporter", "-m tests.bench.leaking")
    exporters = [Exporter("ours", OURS), Exporter("leaking", leaking)]
    plan = Plan(seconds=8, restart_every=2, containers=2, names=4)
    with PrivateEngine() as engine:
        engine.docker("run", "--detach", IMAGE, "sleep", "1d")
        ours, leaky = soak(engine, exporters, plan, tmp_path)
    for one in (ours, leaky):
        assert one.errors == []
        assert one.end.scrapes > one.end.away > 0
    grown = {what.rpartition(" by ")[0] for what in leaky.grown}
    assert {"threads", "file descriptors"} <= grown
    assert leaky.end.vitals.descriptors > ours.end.vitals.descriptors + 50
    # Later there may be a command, by which an engine that is away is looked for too.
    assert ours.start.vitals.processes == 1


def test_a_moment_counts_with_the_least_that_is_held() -> None:
    """What is there for one request alone is no growth, whichever reading meets it."""
    busy = replace(VITALS, threads=50, descriptors=90)
    late = replace(VITALS, descriptors=10, resident=50 * 2**20)
    assert lowest([busy, VITALS, late]) == replace(VITALS, descriptors=10)


def test_what_is_the_same_is_flat() -> None:
    """So is what differs by no more than it does without a leak."""
    assert render(report(MOMENT)).endswith("\nFlat.\n")
    assert report(replace(MOMENT, vitals=replace(VITALS, threads=6, descriptors=15))).grown == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("resident", "RSS by 2.0 MiB"),
        ("threads", "threads by 2"),
        ("descriptors", "file descriptors by 4"),
        ("processes", "processes by 1"),
    ],
)
def test_what_grows_is_named(what: str, words: str) -> None:
    """Beyond its tolerance, each is."""
    grown = getattr(VITALS, what) + getattr(TOLERANCE, what) + 1
    text = render(report(replace(MOMENT, vitals=replace(VITALS, **{what: grown}))))
    assert text.endswith(f"\nGrew after three quarters of the time: {words}.\n")


def test_series_that_grow_are_named() -> None:
    """A scrape that has seen little, or none at all, is no growth."""
    assert report(replace(MOMENT, series=[150])).grown == ["series by 48"]
    assert report(replace(MOMENT, series=[])).grown == []


def test_failed_scrapes_are_not_flat() -> None:
    """They are told, the first of them."""
    text = render(report(MOMENT, ["no metrics"] * 9))
    assert text.count("Failed: no metrics\n") == 5
    assert "Flat" not in text


def test_table_has_a_column_for_each_moment() -> None:
    """The start, the moment when it has settled and the end, as they are at each."""
    end = replace(MOMENT, scrapes=30, away=2, series=[])
    rows = {line[:24].strip(): line[24:].split() for line in render(report(end)).splitlines()}
    assert rows["mine"] == ["start", "settled", "end"]
    assert rows["RSS, MiB"] == ["40.0"] * 3
    assert rows["series"] == ["102", "102", "-"]
    assert rows["- with the engine away"] == ["0", "0", "2"]


def test_scrapes_with_the_engine_away_are_no_errors() -> None:
    """They are told apart by what they show, and when."""
    scrapes = Scrapes(good=[Scraped(1.0, 100, up=True), Scraped(2.0, 9, up=False)])
    assert scrapes.saw(up=False, since=1.5)
    assert not scrapes.saw(up=True, since=1.5)
