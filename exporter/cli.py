"""The command line: `docker-exporter` serves."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

import click

from exporter import __version__
from exporter.commands.check import check
from exporter.commands.control import ensure_running, restart, start, stop
from exporter.commands.health import health
from exporter.commands.limits import limits
from exporter.commands.options import takes_settings
from exporter.commands.ps import ps
from exporter.commands.stats import stats
from exporter.commands.top import top
from exporter.commands.watch import watch
from exporter.errors import ExporterError, SettingsError

if TYPE_CHECKING:
    from exporter.settings import Settings

NAME = "docker-exporter"


def main() -> NoReturn:
    """Run the command line and exit: 2 for bad usage or settings, 1 for other failures."""
    try:
        status = cli.main(prog_name=NAME, standalone_mode=False)
    except (click.UsageError, SettingsError) as exc:
        _complain(exc)
        status = 2
    except (click.Abort, ExporterError) as exc:
        _complain(exc)
        status = 1
    sys.exit(status)


def _complain(error: Exception) -> None:
    """Print what went wrong, in one line."""
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    click.echo(f"{NAME}: {' '.join(text.split())}", err=True)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
@takes_settings
def cli(settings: Settings) -> None:
    """Serve metrics of every container of a Docker engine to Prometheus.

    Each option can also be given as an environment variable (--web.max-requests as
    DOCKER_EXPORTER_WEB_MAX_REQUESTS), or in the YAML file that --config.file names.
    """
    # Only here: a command that asks one thing starts without all that serving takes.
    from exporter.serve import serve  # noqa: PLC0415

    serve(settings)


for command in (check, ps, top, stats, start, stop, restart, ensure_running, health, watch, limits):
    cli.add_command(command)
