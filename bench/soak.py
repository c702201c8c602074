"""`python -m bench.soak`: whether an exporter still holds what it held, after a long while.

Containers come and go, the engine dies and returns, a client reads a byte a second, and two
scrape. What the exporter holds at the start, once it has settled and at the end is printed, and
whether it is flat: it remembers for minutes what was removed, and must not grow once it has as much
to remember as it will ever have.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from bench import load
from bench.exporters import OURS, Exporter, running
from bench.vitals import Vitals, growth, lowest, read, series_growth
from tests.support.containers import SLEEP
from tests.support.engine import IMAGE, PrivateEngine
from tests.support.programs import interrupt_on_terminate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.exporters import RunningExporter

_SAMPLE_SECONDS = 0.5
# The part of all readings that make one moment, of each the least counts; and how many at least. In
# ten minutes as long as from one death of the engine to the next: each costs the connections that
# are kept.
_MOMENT = 0.2
_FEWEST = 3
# The part of a run after which an exporter is as large as it gets, if the run is long enough: ours
# shows for five minutes what happened to containers that are gone (`KEEP_REMOVED_SECONDS`).
_SETTLED = 0.75
_SCRAPERS = 2
_IDLE_CONTAINERS = 5
_MAKERS = 4
_ERRORS_SHOWN = 5


# Where stats come from makes two programs of it.
OURS_BY_SOURCE = tuple(
    Exporter(f"stats from {source}", f"{OURS} --collector.stats-source={source}")
    for source in ("cgroup", "api")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done to an exporter.

    Attributes:
        seconds: For how long.
        restart_every: Seconds between two deaths of the engine.
        containers: How many come and go a second.
        names: See `load.Containers`.
    """

    seconds: float
    restart_every: float = 120.0
    containers: float = 4.0
    names: int = 0


@dataclass(slots=True)
class Watched:
    """An exporter that runs, and what was seen of it.

    Attributes:
        readings: What it held, and when.
    """

    exporter: RunningExporter
    scrapes: load.Scrapes = field(default_factory=load.Scrapes)
    readings: list[tuple[float, Vitals]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What an exporter held around a moment, and what had happened by then."""

    vitals: Vitals
    series: list[int]
    scrapes: int
    away: int
    errors: int


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one exporter in the end.

    Attributes:
        errors: Why scrapes failed.
    """

    name: str
    start: Moment
    settled: Moment
    end: Moment
    errors: list[str]

    @property
    def grown(self) -> list[str]:
        """What has grown since it had settled."""
        return growth(self.settled.vitals, self.end.vitals) + series_growth(
            self.settled.series, self.end.series
        )


def soak(
    engine: PrivateEngine, exporters: Sequence[Exporter], plan: Plan, directory: Path
) -> list[Report]:
    """Watch exporters side by side while much goes on, and return what was seen of each.

    Args:
        engine: Whom they ask; it is killed and started again.
        exporters: Which ones.
        plan: What is done to them.
        directory: For what they print.

    Raises:
        RuntimeError: An exporter ended by itself.
        TimeoutError: One did not notice that the engine was away, or was there again.
    """
    with ExitStack() as stack:
        watched = [
            Watched(
                stack.enter_context(running(exporter, engine.host, directory / f"{number}.log"))
            )
            for number, exporter in enumerate(exporters)
        ]
        _live(engine, watched, plan)
        return [_report(one) for one in watched]


def _live(engine: PrivateEngine, watched: Sequence[Watched], plan: Plan) -> None:
    """Do what is planned, and take readings meanwhile."""
    stop = Event()
    visitors = load.Containers(engine, plan.containers, plan.names)
    results = [one.scrapes for one in watched]
    with ThreadPoolExecutor(_MAKERS + len(watched) * (_SCRAPERS + 1) + 1) as pool:
        tasks = [
            pool.submit(load.restart, engine, results, plan.restart_every, stop),
            *(pool.submit(visitors.come_and_go, n, _MAKERS, stop) for n in range(_MAKERS)),
            *(
                pool.submit(load.scrape, one.exporter, one.scrapes, stop)
                for one in watched
                for _ in range(_SCRAPERS)
            ),
            *(pool.submit(load.read_slowly, one.exporter, stop) for one in watched),
        ]
        end = time.monotonic() + plan.seconds
        try:
            while time.monotonic() < end and not any(task.done() for task in tasks):
                for one in watched:
                    one.readings.append((time.monotonic(), read(one.exporter.cpu)))
                stop.wait(_SAMPLE_SECONDS)
        finally:
            stop.set()
        for task in tasks:
            task.result()
    click.echo(f"{visitors.come} containers came and went.")


def _report(one: Watched) -> Report:
    readings = one.readings
    count = max(_FEWEST, round(len(readings) * _MOMENT))
    settled = max(round(len(readings) * _SETTLED), count)
    return Report(
        one.exporter.name,
        _moment(readings[:count], one.scrapes),
        _moment(readings[settled - count : settled], one.scrapes),
        _moment(readings[-count:], one.scrapes),
        [text for _, text in one.scrapes.errors],
    )


def _moment(readings: Sequence[tuple[float, Vitals]], scrapes: load.Scrapes) -> Moment:
    (since, _), *_, (until, _) = readings
    good = [scraped for scraped in scrapes.good if scraped.at <= until]
    return Moment(
        vitals=lowest(vitals for _, vitals in readings),
        series=[scraped.series for scraped in good if scraped.up and scraped.at >= since],
        scrapes=len(good),
        away=sum(not scraped.up for scraped in good),
        errors=sum(at <= until for at, _ in scrapes.errors),
    )


def render(report: Report) -> str:
    """Return the table of one exporter, and what it comes to."""
    moments = (report.start, report.settled, report.end)
    rows: dict[str, list[object]] = {
        "RSS, MiB": [f"{one.vitals.resident / 2**20:.1f}" for one in moments],
        "threads": [one.vitals.threads for one in moments],
        "file descriptors": [one.vitals.descriptors for one in moments],
        "processes": [one.vitals.processes for one in moments],
        "series": [
            f"{statistics.median(one.series):.0f}" if one.series else "-" for one in moments
        ],
        "scrapes": [one.scrapes for one in moments],
        "- with the engine away": [one.away for one in moments],
        "errors": [one.errors for one in moments],
    }
    line = "{:<24}" + "{:>10}" * len(moments)
    table = [line.format(report.name, "start", "settled", "end")]
    table += [line.format(name, *values) for name, values in rows.items()]
    verdict = [f"Failed: {error}" for error in report.errors[:_ERRORS_SHOWN]]
    if report.grown:
        verdict.append(f"Grew after three quarters of the time: {', '.join(report.grown)}.")
    return "\n".join([*table, *(verdict or ["Flat."]), ""])


def _exporters(_context: click.Context, _option: click.Parameter, texts: Sequence[str]) -> object:
    try:
        return [Exporter.parse(text) for text in texts] or OURS_BY_SOURCE
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(context_settings={"show_default": True})
@click.option("--seconds", default=600.0, help="How long; less than 600 tell little of series.")
@click.option("--restart-every", default=120.0, help="Seconds between two deaths of the engine.")
@click.option("--containers", default=4.0, help="How many come and go a second, at most.")
@click.option("--names", default=0, help="How many names they take turns with; 0 for new ones.")
@click.option(
    "--exporter",
    callback=_exporters,
    metavar="NAME=COMMAND",
    multiple=True,
    help="The exporters to watch instead of ours; see the bench.",
)
def main(exporter: Sequence[Exporter], **plan: Any) -> None:  # noqa: ANN401 -- fields of `Plan`
    """Watch exporters for a long while, and say what has grown.

    A private engine is started for it, which takes root. The exit status is 0 when all is flat and
    no scrape has failed.
    """
    interrupt_on_terminate()
    with tempfile.TemporaryDirectory(prefix="soak-") as directory, PrivateEngine() as engine:
        for _ in range(_IDLE_CONTAINERS):
            engine.docker("run", "--detach", IMAGE, *SLEEP)
        reports = soak(engine, exporter, Plan(**plan), Path(directory))
    click.echo("\n" + "\n".join(map(render, reports)), nl=False)
    sys.exit(any(report.grown or report.errors for report in reports))


if __name__ == "__main__":
    main()
