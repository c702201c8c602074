"""`docker-exporter check`: what would be found."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import click

from exporter.commands.options import takes_settings
from exporter.deadline import Deadline
from exporter.docker_client import DockerClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.engine.base import Engine
    from exporter.settings import Settings

TIMEOUT_SECONDS = 10.0


@click.command()
@takes_settings
def check(settings: Settings) -> None:
    """Say what would be found, and fail if that is nothing.

    The settings are those of serving. Exits 1, with the cause and what to do, when no engine can
    be reached.
    """
    deadline = Deadline(TIMEOUT_SECONDS)
    with closing(DockerClient(settings.docker_host)) as client:
        for line in client.call(lambda engine: list(_findings(engine, deadline)), deadline):
            click.echo(line)


def _findings(engine: Engine, deadline: Deadline) -> Iterator[str]:
    info = engine.info(deadline)
    rows = engine.list_containers(deadline)
    yield f"mode: {engine.mode}"
    yield f"engine: {info.engine} {info.version} (API {info.api_version})"
    yield "permission: granted"
    states = Counter(row.state or "unknown" for row in rows)
    by_state = ", ".join(f"{number} {state}" for state, number in states.most_common())
    yield f"containers: {len(rows)}" + (f" ({by_state})" if rows else "")
