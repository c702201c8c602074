"""`docker-exporter start`, `stop`, `restart` and `ensure-running`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from exporter.actions.health import not_running
from exporter.actions.manager import ContainerManager
from exporter.commands.engine import print_json, works_on_engine
from exporter.commands.names import list_containers, look_up, takes_name, takes_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exporter.docker_client import DockerClient

    Result = dict[str, Any]

_takes_timeout = click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="When the engine kills what has not ended by itself.",
)


@click.command()
@takes_names
@works_on_engine
def start(client: DockerClient, *, as_json: bool, names: tuple[str, ...]) -> bool:
    """Start containers; one that runs already is fine.

    Exits 1 when one of them could not be started; the others are.
    """
    return _each(client, names, client.start_container, as_json=as_json)


@click.command()
@takes_names
@_takes_timeout
@works_on_engine
def stop(client: DockerClient, *, as_json: bool, names: tuple[str, ...], timeout: int) -> bool:
    """Stop containers; one that is stopped already is fine.

    Exits 1 when one of them could not be stopped; the others are.
    """
    return _each(client, names, lambda name: client.stop_container(name, timeout), as_json=as_json)


@click.command()
@takes_names
@_takes_timeout
@works_on_engine
def restart(client: DockerClient, *, as_json: bool, names: tuple[str, ...], timeout: int) -> bool:
    """Restart containers; one that is stopped is started.

    Exits 1 when one of them could not be restarted; the others are.
    """
    return _each(
        client, names, lambda name: client.restart_container(name, timeout), as_json=as_json
    )


@click.command()
@takes_name
@click.option(
    "--max-retries",
    metavar="N",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How often to try.",
)
@works_on_engine
def ensure_running(client: DockerClient, *, as_json: bool, name: str, max_retries: int) -> bool:
    """Start a container unless it runs.

    One that ends within two seconds is tried again, after 2 s, 4 s, 8 s and so on. Exits 1 when it
    does not run in the end.
    """

    def bring_up(name: str) -> Result:
        if ContainerManager(name, client=client).ensure_running(max_retries):
            return {"success": True, "message": f"Container '{name}' runs."}
        container = client.call(lambda engine: engine.inspect(name))
        why = not_running(container) or f"Container '{name}' ended soon after its start."
        return {
            "success": False,
            "message": f"{why} Tries: {max_retries}. See what it says: docker logs {name}",
        }

    return _each(client, [name], bring_up, as_json=as_json)


def _each(
    client: DockerClient, given: Iterable[str], act: Callable[[str], Result], *, as_json: bool
) -> bool:
    """Do something to each container that there is, and print what came of it."""
    results = []
    for name, complaint in look_up(given, list_containers(client)):
        result = {"success": False, "message": complaint} if complaint else act(name)
        results.append({"name": name, **result})
        if not as_json:
            click.echo(result["message"], err=not result["success"])
    if as_json:
        print_json(results)
    return all(result["success"] for result in results)
