"""`docker-exporter check`: what would be found."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
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
    be reached; exits 2 when the settings, or the web configuration, cannot be used.
    """
    if settings.web_config_file is not None:
        click.echo(f"web configuration: {_web_configuration(Path(settings.web_config_file))}")
    deadline = Deadline(TIMEOUT_SECONDS)
    with closing(DockerClient(settings.docker_host)) as client:
        for line in client.call(lambda engine: list(_findings(engine, deadline)), deadline):
            click.echo(line)


def _web_configuration(path: Path) -> str:
    """Return what a web configuration asks for: all of it, and what it names, can be used."""
    # Only here: it takes YAML, which nothing else does.
    from exporter.web.config.file import read_web_config  # noqa: PLC0415 -- as just said
    from exporter.web.config.tls import server_context  # noqa: PLC0415 -- as just said

    config = read_web_config(path)
    tls = "TLS" if server_context(config.tls_server_config) else "no TLS"
    return f"{tls}, users: {len(config.basic_auth_users)}"


def _findings(engine: Engine, deadline: Deadline) -> Iterator[str]:
    info = engine.info(deadline)
    rows = engine.list_containers(deadline)
    yield f"mode: {engine.mode}"
    yield f"engine: {info.engine} {info.version} (API {info.api_version})"
    yield "permission: granted"
    states = Counter(row.state or "unknown" for row in rows)
    by_state = ", ".join(f"{number} {state}" for state, number in states.most_common())
    yield f"containers: {len(rows)}" + (f" ({by_state})" if rows else "")
