"""Names of containers on the command line."""

from __future__ import annotations

import difflib
import os
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from exporter.commands.engine import TIMEOUT_SECONDS
from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.base import check_name
from exporter.errors import ExporterError, InvalidNameError
from exporter.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from exporter.model import ContainerSummary

# Who presses Tab does not wait for long.
_COMPLETION_SECONDS = 2.0


class ContainerName(click.ParamType[str]):
    """The name of a container, or the beginning of its id; a shell completes it."""

    name = "container"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name unchanged, if an engine could have such a container."""
        try:
            return check_name(value)
        except InvalidNameError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 -- click's
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the names that begin so; none where the engine does not answer."""
        own = ctx.params.get("docker_host")
        host = own or (ctx.parent.params.get("docker_host") if ctx.parent else None)
        with suppress(ExporterError):
            settings = load({} if host is None else {"docker_host": host}, os.environ)
            with closing(DockerClient(settings.docker_host)) as client:
                rows = list_containers(client, _COMPLETION_SECONDS)
            names = sorted(row.name for row in rows)
            return [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return []


takes_name = click.argument("name", type=ContainerName())
takes_names = click.argument("names", nargs=-1, required=True, type=ContainerName())


def list_containers(
    client: DockerClient, seconds: float = TIMEOUT_SECONDS
) -> tuple[ContainerSummary, ...]:
    """Return every container, the stopped ones too.

    Raises:
        EngineError: The engine cannot be reached, or cannot list them.
    """
    deadline = Deadline(seconds)
    return client.call(lambda engine: engine.list_containers(deadline), deadline)


def look_up(given: Iterable[str], rows: Sequence[ContainerSummary]) -> Iterator[tuple[str, str]]:
    """Yield, for each name or beginning of an id, the name of the container and what is wrong.

    What is wrong is empty where there is such a container, else a sentence for people, with the
    nearest name if one is near.

    Examples:
        >>> from exporter.model import ContainerSummary
        >>> rows = [ContainerSummary(id="ab" * 32, name="web-1", state=None, status="Up")]
        >>> dict(look_up(["web-1", "abab", "web1", "x"], rows))
        {'web-1': '', 'web1': "No container 'web1'. Did you mean 'web-1'?", ...
    """
    known = {row.name for row in rows}
    for name in given:
        by_id = {row.name for row in rows if row.id.startswith(name)}
        if name in known:
            yield name, ""
        elif len(by_id) == 1:
            yield by_id.pop(), ""
        else:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else "`docker-exporter ps` lists all."
            yield name, f"No container '{name}'. {hint}"
