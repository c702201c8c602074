"""`docker-exporter healthcheck`: whether the exporter that serves here is alive."""

from __future__ import annotations

import click

from exporter.errors import ExporterError
from exporter.web.healthcheck import TIMEOUT_SECONDS, ask


@click.command()
def healthcheck() -> None:
    """Say whether the exporter that serves here is alive, as /-/healthy does.

    It is found by itself, whatever its addresses, certificates and users are: the exporters that
    the same user runs in this container or, outside of containers, on this machine. Exits 1 when
    there is none, or one does not answer. The engine is not asked: the metrics tell of it.
    """
    try:
        found = ask()
    except OSError as exc:
        raise ExporterError(f"Cannot look for an exporter: {exc}. Is /proc mounted?") from exc
    if not found:
        raise ExporterError(
            "No docker-exporter serves here. Was it started, by this user and in this container?"
        )
    stuck = ", ".join(str(pid) for pid, healthy in found.items() if not healthy)
    if stuck:
        raise ExporterError(
            f"The exporter does not answer within {TIMEOUT_SECONDS:g} s (process {stuck}). "
            "Restart it if that goes on."
        )
    click.echo("docker-exporter is healthy.")
