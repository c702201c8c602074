"""The bench, on one engine with few containers."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from bench.figures import Cpu, Figures
from bench.table import render
from tests.support.programs import run_program

# It listens, and has no metrics.
FURTHER = "further={python} -m http.server --bind=127.0.0.1 {port}"


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, Any]]:
    """Give what the bench prints, by exporter."""
    words = (
        "--engine=local --containers=3 --scrapes=1 --starts=1 --budget=60 --longest=5 --idle=0.1"
        " --settle=0 --soak=1 --replaced=1 --output=json"
    )
    printed = run_program(sys.executable, "-m", "bench", *words.split(), f"--exporter={FURTHER}")
    return {one["exporter"]: one for one in map(json.loads, printed.splitlines())}


@pytest.mark.parametrize("exporter", ["ours, cgroup", "ours, api", "32 threads", "docker stats"])
def test_exporter_is_measured(figures: dict[str, dict[str, Any]], exporter: str) -> None:
    """Each has been started and scraped, and it and the engine have worked for that."""
    one = figures[exporter]
    assert (one["containers"], one["left_out"], one["failed"]) == (3, "", 0)
    assert [len(one[kind]) for kind in ("starts", "spaced", "cpu", "back_to_back")] == [1] * 4
    # The first one, one with a pause, one without, and one as a container comes and goes.
    assert one["scrapes"] == 4
    assert all(one["cpu"][0][part] > 0 for part in ("exporter", "dockerd"))
    # Where stats come from the kernel's files, containerd may have nothing to do at all.
    assert one["cpu"][0]["containerd"] >= 0
    assert one["resident"] > 2**20
    assert one["size"] > one["series"] > 3


def test_failures_are_counted(figures: dict[str, dict[str, Any]]) -> None:
    """What answers every scrape with an error, and was given as a command, has no series."""
    further = figures["further"]
    assert (further["scrapes"], further["failed"], further["series"]) == (4, 4, 0)


def test_what_takes_too_long_is_left_out(figures: dict[str, dict[str, Any]]) -> None:
    """Two seconds a container, by the nature of it, and nothing is measured."""
    assert figures["in series"]["left_out"] == "a scrape takes 6 s"
    assert figures["in series"]["scrapes"] == 0


def test_table() -> None:
    """A column for each exporter; what was not measured is no number."""
    measured = Figures(
        "mine",
        "26.1",
        60,
        starts=[0.5],
        spaced=[0.02, 0.04, 0.1],
        cpu=[Cpu(0.01, 0.02, 0.03), Cpu(0.01, 0.02, 0.9), Cpu(0.01, 0.9, 0.03)],
        resident=2**20,
    )
    table = render([measured, Figures("slow", "26.1", 60, left_out="a scrape takes 120 s")])
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert ["", "mine", "slow"] in rows
    assert ["- latency, median, ms", "40", "-"] in rows
    assert ["- latency, worst, ms", "100", "-"] in rows
    assert ["- CPU of all, ms", "60", "-"] in rows
    assert ["latency back to back, median, ms", "-", "-"] in rows
    assert ["RSS after all scrapes, MiB", "1.0", "-"] in rows
    assert table.startswith("Docker Engine 26.1, 60 containers:\n")
    assert table.endswith("slow: left out, a scrape takes 120 s.\n")
