"""`docker-exporter health`: what is wrong with containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from exporter.actions.health import Check, checks
from exporter.commands.engine import print_json, works_on_engine
from exporter.commands.names import list_containers, look_up, takes_names
from exporter.commands.tables import Column, print_table
from exporter.errors import EngineError

if TYPE_CHECKING:
    from exporter.docker_client import DockerClient

    Finding = tuple[str, Check]

_COLUMNS: tuple[Column[Finding], ...] = (
    Column("CONTAINER", lambda row: row[0]),
    Column("CHECK", lambda row: row[1].subject),
    Column(
        "RESULT",
        lambda row: "ok" if row[1].ok else "FAILED",
        lambda text: "green" if text == "ok" else "bold red",
    ),
    Column("REASON", lambda row: row[1].reason, wraps=True),
)


@click.command()
@takes_names
@works_on_engine
def health(client: DockerClient, *, as_json: bool, names: tuple[str, ...]) -> bool:
    """Say what is wrong with containers.

    A container is well while it runs and its health check, if it has one, does not say otherwise.
    Exits 1 when one of them is not well, or does not exist.
    """
    found = {
        name: _look(client, name, complaint)
        for name, complaint in look_up(names, list_containers(client))
    }
    if as_json:
        print_json(
            [
                {"name": name, "healthy": all(check.ok for check in done), "checks": done}
                for name, done in found.items()
            ]
        )
    else:
        print_table(_COLUMNS, [(name, check) for name, done in found.items() for check in done])
    return all(check.ok for done in found.values() for check in done)


def _look(client: DockerClient, name: str, complaint: str) -> tuple[Check, ...]:
    """Return the checks of one container."""
    if not complaint:
        try:
            return checks(client.call(lambda engine: engine.inspect(name)))
        except EngineError as error:
            complaint = str(error)
    return (Check(subject="existence", ok=False, reason=complaint),)
