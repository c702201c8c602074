"""`docker-exporter watch`: one container, again and again, brought back when it fails."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporter.actions.guard import Policy
from exporter.actions.recovery import MAX_FAILURES, ContainerWatch
from exporter.actions.selfid import own_container_id
from exporter.commands.engine import print_json, works_on_engine
from exporter.commands.interrupts import until_interrupted
from exporter.commands.names import list_containers, look_up, takes_name
from exporter.errors import EngineError
from exporter.figures import UNKNOWN, percent, printable

if TYPE_CHECKING:
    from exporter.actions.recovery import Observation
    from exporter.docker_client import DockerClient

_DEFAULTS = Policy()


@click.command()
@takes_name
@click.option("--recover", is_flag=True, help="Start or restart the container when it fails.")
@click.option(
    "--max-failures",
    metavar="N",
    type=click.IntRange(min=1),
    default=MAX_FAILURES,
    show_default=True,
    help="How many failures in a row are one too many.",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Time between two looks.",
)
@click.option(
    "--cool-down",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=_DEFAULTS.cooldown_seconds,
    show_default=True,
    help="Time that must have passed since the last start of the container, by anyone.",
)
@click.option(
    "--budget",
    metavar="N",
    type=click.IntRange(min=1),
    default=_DEFAULTS.budget,
    show_default=True,
    help="How many recoveries an hour there may be.",
)
@works_on_engine
def watch(  # noqa: PLR0913 -- one for each option
    client: DockerClient,
    *,
    as_json: bool,
    name: str,
    recover: bool,
    max_failures: int,
    interval: float,
    cool_down: float,
    budget: int,
) -> bool:
    """Watch a container, and bring it back.

    It goes on until Ctrl-C is pressed. A look is a failure when the container does not run, or is
    unhealthy; an engine that cannot be reached is waited for. In JSON, one line is one look. Exits
    1 when the budget of recoveries is spent, or there is no such container at first.
    """
    with until_interrupted():
        with suppress(EngineError):
            [(name, complaint)] = look_up([name], list_containers(client))
            if complaint:
                click.echo(complaint, err=True)
                return False
        own_id = own_container_id(Path("/proc/self"), socket.gethostname())
        policy = Policy(cooldown_seconds=cool_down, budget=budget, own_id=own_id)
        looks = ContainerWatch(
            name, client=client, max_failures=max_failures, recovery=policy if recover else None
        ).run(interval)
        for seen in looks:
            if as_json:
                print_json(seen)
            else:
                click.echo(_line(seen))
            if seen.recovery is not None and seen.recovery.final:
                return False
    return True


def _line(seen: Observation) -> str:
    """Return one look as a line for people."""
    moment = time.strftime("%H:%M:%S", time.localtime(seen.at))
    parts = [moment, seen.container]
    if seen.error is not None:
        parts.append(seen.error)
    elif seen.problem is not None:
        parts.append(f"{seen.problem}, failure {seen.failures}")
    else:
        parts.append(seen.state or UNKNOWN)
    if seen.cpu_percent is not None:
        parts.append(f"CPU {percent(seen.cpu_percent)}")
    if seen.memory_mb is not None:
        parts.append(f"memory {seen.memory_mb:.1f} MB")
    if seen.recovery is not None:
        parts.append(seen.recovery.message)
    return printable("  ".join(parts))
