"""`docker-exporter stats`: what containers use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from exporter.commands.columns import MEASURED
from exporter.commands.engine import print_json, works_on_engine
from exporter.commands.names import list_containers, look_up, takes_names
from exporter.commands.snapshots import read_rows
from exporter.commands.tables import print_table

if TYPE_CHECKING:
    from exporter.docker_client import DockerClient


@click.command()
@takes_names
@works_on_engine
def stats(client: DockerClient, *, as_json: bool, names: tuple[str, ...]) -> bool:
    """Show what containers use.

    Network and disks are counted since the start of the container; only the Docker SDK tells them.
    Exits 1 when a container does not exist or does not run; the others are shown.
    """
    found = list(look_up(names, list_containers(client)))
    rows = read_rows(client, [name for name, complaint in found if not complaint])
    complaints = [complaint for _, complaint in found if complaint]
    complaints += [
        f"Container '{row.name}' does not run: it is {row.state}."
        for row in rows
        if row.memory_usage is None
    ]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(MEASURED, rows)
    for complaint in complaints:
        click.echo(complaint, err=True)
    return not complaints
