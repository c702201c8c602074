"""`python -m bench.old_engine`: where the time goes that stats take by the API of an old engine.

Engines before 24.0 read containers one after the other, those for which somebody waits by then, and
rest for a second after each round. Each reading has a time, so the answers tell of the rounds.
"""

from __future__ import annotations

import time
from contextlib import closing
from itertools import pairwise
from threading import Event

import click

from bench.engines import KINDS, bench_engine
from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.model import ContainerStats
from tests.support.programs import interrupt_on_terminate

_TIMEOUT_SECONDS = 60.0
_MILLISECOND_NS = 1_000_000
_HEADINGS = ("latency", "first reading", "longest rest", "readings before it", "all the others")


def rounds(began_ns: int, ended_ns: int, reads: list[int]) -> tuple[int, ...]:
    """Return the figures of one call for all containers, times in milliseconds, see `_HEADINGS`.

    Args:
        began_ns: When it began.
        ended_ns: When the last answer was there.
        reads: When the engine read each container.

    Examples:
        >>> rounds(0, 1_300_000_000, [5_000_000, 1_010_000_000, 1_250_000_000])
        (1300, 5, 1005, 1, 240)
    """
    reads = sorted(reads)
    rests = [later - earlier for earlier, later in pairwise(reads)]
    longest = max(range(len(rests)), key=rests.__getitem__)
    times = (
        ended_ns - began_ns,
        reads[0] - began_ns,
        rests[longest],
        reads[-1] - reads[longest + 1],
    )
    latency, first, rest, others = (round(one / _MILLISECOND_NS) for one in times)
    return latency, first, rest, longest + 1, others


@click.command(context_settings={"show_default": True})
@click.option("--engine", type=click.Choice(list(KINDS)), default="local", help="The engine.")
@click.option("--containers", type=click.IntRange(2), default=60, help="How many run.")
@click.option("--calls", default=10, help="How often all are asked for.")
@click.option("--pause", default=2.0, help="Seconds between two times.")
def main(engine: str, containers: int, calls: int, pause: float) -> None:
    """Ask for the stats of all containers at once, and print when the engine read them.

    Times are in milliseconds. A private engine is started for it, which takes root.
    """
    interrupt_on_terminate()
    line = " ".join(f"{{:>{len(heading)}}}" for heading in _HEADINGS)
    with bench_engine(engine) as bench:
        bench.grow(containers)
        click.echo(f"Docker Engine {bench.version}, {containers} containers")
        click.echo(line.format(*_HEADINGS))
        with closing(DockerClient(bench.engine.host)) as client:
            found = client.connect()
            ids = [row.id for row in found.list_containers(Deadline(_TIMEOUT_SECONDS))]
            for _ in range(calls):
                Event().wait(pause)
                began = time.time_ns()
                results = [one for _, one in found.read_stats_of(ids, Deadline(_TIMEOUT_SECONDS))]
                ended = time.time_ns()
                reads = [
                    one.cpu.read_at_ns
                    for one in results
                    if isinstance(one, ContainerStats) and one.cpu and one.cpu.read_at_ns
                ]
                click.echo(line.format(*rounds(began, ended, reads)))


if __name__ == "__main__":
    main()
