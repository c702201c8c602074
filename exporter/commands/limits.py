"""`docker-exporter limits`: whether a container uses no more than it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from exporter.actions.health import not_running
from exporter.actions.watch import check_resource_limits
from exporter.commands.engine import print_json, works_on_engine
from exporter.commands.names import list_containers, look_up, takes_name

if TYPE_CHECKING:
    from exporter.docker_client import DockerClient


@click.command()
@takes_name
@click.option(
    "--max-cpu",
    metavar="PERCENT",
    type=click.FloatRange(min=0),
    default=90.0,
    show_default=True,
    help="100 is one processor.",
)
@click.option(
    "--max-memory-mb",
    metavar="MB",
    type=click.FloatRange(min=0),
    default=8192.0,
    show_default=True,
    help="In units of 1024 x 1024 bytes.",
)
@works_on_engine
def limits(
    client: DockerClient, *, as_json: bool, name: str, max_cpu: float, max_memory_mb: float
) -> bool:
    """Say whether a container uses no more than it should.

    Exits 1 when it uses more, or when that cannot be known: because it does not run, or does not
    exist.
    """
    [(name, complaint)] = look_up([name], list_containers(client))
    ok, message = False, complaint or not_running(client.call(lambda engine: engine.inspect(name)))
    if message is None:
        ok, message = check_resource_limits(name, max_cpu, max_memory_mb, client=client)
    if as_json:
        print_json({"name": name, "ok": ok, "message": message})
    else:
        click.echo(message, err=not ok)
    return ok
