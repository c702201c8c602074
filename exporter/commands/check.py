"""`docker-exporter check`: what would be found."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporter.commands.findings import actor, findings
from exporter.commands.options import takes_settings
from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.settings.unused import unknown_variables, without_admin_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.settings import Settings

TIMEOUT_SECONDS = 10.0


@click.command()
@takes_settings
def check(settings: Settings) -> None:
    """Say what would be found, and fail if that is nothing.

    The settings are those of serving, and the files that they name are looked at. Whether the
    addresses to serve on are free is not: the exporter itself may have them.

    Exits 1, with the cause and what to do, when the engine, or that of the actions, cannot be
    reached, when it does not list its containers, and when stats are to come from the kernel's
    files and none are there; exits 2 when the settings, or the files that they name, cannot be
    used. What else the engine refuses is told, with what will be missing.
    """
    for line in _settings(settings):
        click.echo(line)
    deadline = Deadline(TIMEOUT_SECONDS)
    with closing(DockerClient(settings.docker_host)) as client:
        for line in findings(client, settings, deadline):
            click.echo(line)
    if settings.admin_token_file and settings.admin_docker_host is not None:
        click.echo(actor(settings.admin_docker_host, deadline))


def _settings(settings: Settings) -> Iterator[str]:
    """Yield what the settings ask for: all of it, and what it names, can be used."""
    for variable, advice in unknown_variables(os.environ).items():
        yield f"environment: unknown variable {variable}; {advice}"
    if settings.web_config_file is not None:
        yield f"web configuration: {_web_configuration(Path(settings.web_config_file))}"
    if settings.admin_token_file:
        yield f"admin API: {_admin(settings)}"
    elif flags := without_admin_api(settings):
        yield f"admin API: off for want of --admin.token-file, so without effect: {' '.join(flags)}"


def _web_configuration(path: Path) -> str:
    # Only here: it takes YAML, which nothing else does.
    from exporter.web.config.file import read_web_config  # noqa: PLC0415 -- as just said
    from exporter.web.config.tls import server_context  # noqa: PLC0415 -- as just said

    config = read_web_config(path)
    tls = "TLS" if server_context(config.tls_server_config) else "no TLS"
    return f"{tls}, users: {len(config.basic_auth_users)}"


def _admin(settings: Settings) -> str:
    # Only here: most have no admin API.
    from exporter.actions.audit import check_audit_file  # noqa: PLC0415 -- as just said
    from exporter.web.auth import Tokens  # noqa: PLC0415 -- as just said

    Tokens(settings.admin_token_file)
    path = settings.admin_audit_file
    if path is not None:
        check_audit_file(Path(path))
    return f"tokens: {len(settings.admin_token_file)}, audit file: {path or 'none'}"
