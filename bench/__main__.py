"""`python -m bench`: measures exporters side by side, and prints tables."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.engines import CONTAINERS, KINDS, bench_engine
from bench.exporters import BUILT_IN, Exporter
from bench.measure import Effort, measure
from bench.table import render
from tests.support.programs import interrupt_on_terminate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Figures


def _further(_context: click.Context, _option: click.Parameter, texts: Sequence[str]) -> object:
    try:
        return [Exporter.parse(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command(context_settings={"show_default": True})
@click.option(
    "--engine",
    type=click.Choice(list(KINDS)),
    multiple=True,
    default=["debian-13", "local"],
    help="The engines, one after the other.",
)
@click.option(
    "--containers",
    type=click.IntRange(1),
    multiple=True,
    help="How many idle containers they run.  [default: local 60; debian-13 10, 60, 200]",
)
@click.option(
    "--exporter",
    callback=_further,
    metavar="NAME=COMMAND",
    multiple=True,
    help="A further exporter. In its command, {host} stands for the address of the engine, and"
    " {port} for where to serve /metrics on 127.0.0.1.",
)
@click.option("--only", metavar="NAME", multiple=True, help="Only exporters of such a name.")
@click.option("--scrapes", default=10, help="Scrapes with pauses, and as many without.")
@click.option("--budget", default=12.0, help="Seconds for either; the slow get fewer.")
@click.option("--longest", default=60.0, help="Seconds of a scrape that are too many.")
@click.option("--starts", default=3, help="Starts, fewer of the slow.")
@click.option("--settle", default=1.0, help="Seconds until the next exporter's turn, uncounted.")
@click.option("--idle", default=10.0, help="Seconds without a scrape.")
@click.option(
    "--soak", default=1000, help="Scrapes of all at once, with the fewest containers; 0 for none."
)
@click.option("--replaced", default=100, help="Containers that come and go meanwhile.")
@click.option("--soak-budget", default=60.0, help="Seconds for that.")
@click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    help="Tables in Markdown, or a line of JSON for each exporter.",
)
def main(
    engine: Sequence[str],
    containers: Sequence[int],
    exporter: Sequence[Exporter],
    only: Sequence[str],
    output: str,
    **effort: Any,  # noqa: ANN401 -- the options that are fields of `Effort`
) -> None:
    """Measure what a scrape of each exporter costs, itself and the engine that it asks.

    Private engines are started for it, which takes root. What was measured is printed as it comes.
    """
    interrupt_on_terminate()
    exporters = [one for one in (*BUILT_IN, *exporter) if not only or one.name in only]
    wanted = Effort(**effort)
    for kind in engine:
        _measure(kind, sorted(containers or CONTAINERS[kind]), exporters, wanted, output)


def _measure(
    kind: str,
    containers: Sequence[int],
    exporters: Sequence[Exporter],
    effort: Effort,
    output: str,
) -> None:
    """Measure on one engine, and print after each number of containers."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, bench_engine(kind) as engine:
        for count in containers:
            began = time.monotonic()
            _say(f"Docker Engine {engine.version}: starting containers, up to {count}")
            engine.grow(count)
            _say(f"measuring, after {time.monotonic() - began:.0f} s")
            _print(measure(engine, exporters, effort, Path(directory)), output)
            effort = replace(effort, soak=0)
            _say(f"measured, after {time.monotonic() - began:.0f} s")


def _print(figures: Sequence[Figures], output: str) -> None:
    if output == "json":
        for one in figures:
            click.echo(json.dumps(asdict(one)))
    else:
        click.echo(render(figures))


def _say(text: str) -> None:
    click.echo(f"bench: {text}", err=True)


if __name__ == "__main__":
    main()
