"""`docker-exporter ps`: every container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from exporter.commands.columns import LISTED
from exporter.commands.engine import print_json, works_on_engine
from exporter.commands.snapshots import read_rows
from exporter.commands.tables import print_table

if TYPE_CHECKING:
    from exporter.docker_client import DockerClient


@click.command()
@works_on_engine
def ps(client: DockerClient, *, as_json: bool) -> bool:
    """List every container, the stopped ones too.

    A narrow terminal shows the columns from the left that have room; a pipe gets all of them.
    A dash is what is not known or does not apply. Exits 1 when no engine can be reached.
    """
    rows = read_rows(client)
    if as_json:
        print_json(rows)
    else:
        print_table(LISTED, rows)
    return True
