"""What serving would find on an engine, and what will be missing, in lines for people."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.finding import address
from exporter.errors import EngineError, ExporterError, without_passwords
from exporter.metrics import catalogue
from exporter.metrics.asking import persist
from exporter.metrics.catalogue.engine import OF_INFO
from exporter.metrics.disk import PATIENCE
from exporter.model import Container, ContainerStats, Mode
from exporter.wiring import asks_engine, filters, kernel_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from exporter.engine.base import Engine
    from exporter.metrics.catalogue import Metric
    from exporter.model import ContainerSummary
    from exporter.settings import Settings


def findings(client: DockerClient, settings: Settings, deadline: Deadline) -> Iterator[str]:
    """Ask an engine for what serving would ask it, and yield a line for each subject.

    Raises:
        ExporterError: The containers cannot be listed, or all stats would be missing.
    """
    engine, rows = client.call(lambda engine: (engine, engine.list_containers(deadline)), deadline)
    yield f"mode: {engine.mode}"
    yield f"address: {without_passwords(address(settings.docker_host))}"
    yield _engine(engine, deadline)
    yield "permission: granted"
    states = Counter(row.state or "unknown" for row in rows)
    by_state = ", ".join(f"{number} {state}" for state, number in states.most_common())
    yield f"containers: {len(rows)}" + (f" ({by_state})" if rows else "")
    yield from _shown(engine, rows, settings, deadline)
    yield _events(engine)
    if settings.collector_disk_usage:
        yield _disk(engine)


def actor(docker_host: str, deadline: Deadline) -> str:
    """Return the line on the engine that actions are sent to, where that is one of their own.

    It is only reached: what acts need not be allowed to read, and nothing is acted upon.

    Raises:
        EngineError: It cannot be reached.
    """
    with closing(DockerClient(docker_host)) as client:
        mode = client.connect(deadline).mode
    return f"actions: sent to {without_passwords(docker_host)}, mode {mode}"


def _engine(engine: Engine, deadline: Deadline) -> str:
    try:
        info = engine.info(deadline)
    except EngineError as error:
        return f"engine: not told, so {', '.join(OF_INFO)} will be missing. {error}"
    return f"engine: {info.engine} {info.version} (API {info.api_version})"


def _events(engine: Engine) -> str:
    if engine.mode is Mode.CLI:
        return "events: not tried, as the docker command says nothing until there is one"
    try:
        engine.events(None).close()
    except EngineError as error:
        costs = f"{_names(catalogue.EVENTS)} will be missing, and all is inspected at each scrape"
        return f"events: not told, so {costs}. {error}"
    return "events: followed"


def _disk(engine: Engine) -> str:
    metrics: tuple[Metric[Any], ...] = (*catalogue.DISK, *catalogue.CONTAINER_DISK)
    try:
        engine.disk_usage(Deadline(PATIENCE))
    except EngineError as error:
        return f"disk usage: not told, so {_names(metrics)} will be missing. {error}"
    return "disk usage: told"


def _names(metrics: Iterable[Metric[Any]]) -> str:
    return ", ".join(metric.name for metric in metrics)


def _shown(
    engine: Engine, rows: Sequence[ContainerSummary], settings: Settings, deadline: Deadline
) -> Iterator[str]:
    """Yield what is to be said of the containers that the filters let through."""
    wanted = filters(settings)
    named = [row.id for row in rows if wanted.accept_name(row.name)]
    inspected = dict(persist(engine.inspect_many, named, deadline))
    known = [one for one in inspected.values() if isinstance(one, Container)]
    shown = [one for one in known if wanted.accept_labels(one.labels)]
    yield f"shown: {len(shown)} of {len(rows)}"
    if errors := _errors(inspected.values()):
        yield f"inspect: {len(errors)} not told, which will have no series. {errors[0]}"
    running = [one for one in shown if one.state is not None and one.state.has_processes]
    yield from _stats(engine, running, settings, deadline)


def _stats(
    engine: Engine, running: Sequence[Container], settings: Settings, deadline: Deadline
) -> Iterator[str]:
    """Yield where stats come from, and what is missing of them."""
    if not running:
        yield "stats: no container runs that is shown"
        return
    kernel = kernel_files(settings)
    read = {} if kernel is None else dict(kernel.read_stats_of(running))
    left = [one.id for one in running if not isinstance(read.get(one.id), ContainerStats)]
    found = f"{len(running) - len(left)} of {len(running)} running"
    why = "".join(f". {error}" for error in _errors(read.values())[:1])
    if not asks_engine(settings):
        if len(left) == len(running):
            raise ExporterError(f"--collector.stats-source=cgroup: no stats, {found}{why}")
        yield f"stats: from the kernel's files, {found}{why}"
        return
    if kernel is None:
        yield "stats: from the engine"
    elif left:
        yield f"stats: from the kernel's files, {found}, and from the engine for the rest{why}"
    else:
        yield f"stats: from the kernel's files, {found}"
    if errors := _errors(dict(persist(engine.read_stats_of, left, deadline)).values()):
        yield f"stats: {len(errors)} not told, which will have no usage. {errors[0]}"


def _errors(results: Iterable[object]) -> list[EngineError]:
    return [one for one in results if isinstance(one, EngineError)]
