"""The command line: `docker-exporter` serves."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from exporter import __version__
from exporter.commands.options import takes_settings
from exporter.errors import ExporterError, SettingsError

if TYPE_CHECKING:
    from exporter.settings import Settings

NAME = "docker-exporter"

# Where each command is: its module in `exporter.commands`.
_MODULES = {
    "check": "check",
    "ps": "ps",
    "top": "top",
    "stats": "stats",
    "start": "control",
    "stop": "control",
    "restart": "control",
    "ensure-running": "control",
    "health": "health",
    "watch": "watch",
    "limits": "limits",
    "healthcheck": "healthcheck",
}


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


class _Commands(click.Group):
    """The commands, each imported when it is asked for, so that none waits for another's needs."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name."""
        if super().get_command(ctx, cmd_name) is None:
            return None
        module = import_module(f"exporter.commands.{_MODULES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
@takes_settings
def cli(settings: Settings) -> None:
    """Serve metrics of every container of a Docker engine to Prometheus.

    Each option can also be given as an environment variable (--web.max-requests as
    DOCKER_EXPORTER_WEB_MAX_REQUESTS), or in the YAML file that --config.file names.
    """
    # What is imported stays: to look for garbage among it would make this take longer, and every
    # so many scrapes too.
    gc.disable()
    # Only here: a command that asks one thing starts without all that serving takes.
    from exporter.serve import serve  # noqa: PLC0415 -- see above

    gc.freeze()
    gc.enable()
    serve(settings)


for command in _MODULES:
    cli.add_command(click.Command(command))
