"""What every command that works on containers has in common."""

from __future__ import annotations

import functools
import logging
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click
import msgspec

from exporter.docker_client import DockerClient
from exporter.settings import load
from exporter.settings.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

[_DOCKER_HOST] = (setting for setting in TABLE if setting.name == "docker_host")

# What a reading may take, in seconds.
TIMEOUT_SECONDS = 10.0


def works_on_engine(command: Callable[..., bool]) -> Callable[..., None]:
    """Give a command the options `--docker.host` and `--output`.

    What is decorated is called with a client first, and with `as_json` and its own parameters by
    name. It returns whether all is well: the program exits 0 if it is, else 1.
    """

    @click.option(
        _DOCKER_HOST.flag,
        _DOCKER_HOST.name,
        metavar=_DOCKER_HOST.metavar,
        help=_DOCKER_HOST.meaning.replace("`", ""),
    )
    @click.option(
        "--output",
        type=click.Choice(("text", "json")),
        default="text",
        show_default=True,
        help="How to print: for people, or for programs.",
    )
    @click.pass_context
    @functools.wraps(command)
    def run(
        context: click.Context,
        /,
        docker_host: str | None,
        output: str,
        **arguments: Any,  # noqa: ANN401 -- click's
    ) -> None:
        # A command says itself what went wrong; unhandled records would be printed beside it.
        logging.getLogger("exporter").addHandler(logging.NullHandler())
        given = dict(context.obj or {})
        if docker_host is not None:
            given[_DOCKER_HOST.name] = docker_host
        with closing(DockerClient(load(given, os.environ).docker_host)) as client:
            well = command(client, as_json=output == "json", **arguments)
        context.exit(0 if well else 1)

    return run


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    click.echo(msgspec.json.encode(value).decode())
