"""An engine reached through the Docker SDK for Python.

What the collector reads goes over a `Transport`, with time limits, size limits and typed decoding
of our own; what the library offers for one container uses the SDK's objects.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec
from docker.types import CancellableStream

from exporter.deadline import Deadline
from exporter.engine import devices, disk, payload
from exporter.engine.base import refusal, said
from exporter.engine.lines import lines
from exporter.engine.sdk_errors import FOREIGN, asked, translated
from exporter.engine.session import pieces
from exporter.engine.stats_payload import StatsPayload, container_stats
from exporter.engine.transport import LIST_LIMIT, Request, good_body, light
from exporter.errors import ContainerNotFoundError, EngineError, EngineTimeoutError
from exporter.model import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import docker
    import requests
    from docker.models.containers import Container as SdkContainer

    from exporter.disk import DiskUsage
    from exporter.engine.base import EventStream, Observer
    from exporter.engine.transport import Outcome, Transport
    from exporter.model import (
        Container,
        ContainerEvent,
        ContainerStats,
        ContainerSummary,
        EngineInfo,
    )

T = TypeVar("T")

# A few requests in flight keep both sides busy where the engine answers at once.
NARROW = 8

# Engines before 24.0 read containers in rounds, for everyone who waits by then, and rest for a
# second after each (moby `daemon/stats/collector.go`): there should be as few rounds as can be.
WIDE = 256
_WHOLE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class SdkEngine:
    """One engine through one client of the SDK: safe to use from many threads.

    Attributes:
        client: The SDK's client.
        transport: How the collector's requests get to the same engine.
        where: The engine's address, for messages.
        observe: Told of each request that was sent.
        timeout: What a single reading may take, in seconds.
        width: Stats calls at the same time, see `stats_width`.
    """

    client: docker.DockerClient
    transport: Transport
    where: str
    observe: Observer
    timeout: float
    width: int = NARROW

    @property
    def mode(self) -> Mode:
        """Always `Mode.SDK`."""
        return Mode.SDK

    def close(self) -> None:
        """Give the connections back."""
        self.transport.close()
        self.client.close()

    def ping(self) -> None:
        """Ask for nothing but an answer."""
        with self._observed("ping"), translated(self.where):
            self.client.ping()

    def version(self, deadline: Deadline) -> payload.VersionPayload:
        """Return what the engine says of its version."""
        body = self._fetch_one("version", Request(self._target("version")), deadline)
        return payload.decode(body, payload.VersionPayload, "version")

    def info(self, deadline: Deadline) -> EngineInfo:
        """Return the facts about the engine."""
        body = self._fetch_one("info", Request(self._target("info")), deadline)
        facts = payload.decode(body, payload.InfoPayload, "info")
        return payload.info(facts, self.version(deadline))

    def list_containers(self, deadline: Deadline) -> tuple[ContainerSummary, ...]:
        """Return every container, the stopped ones too."""
        request = Request(self._target("containers/json?all=1"), limit=LIST_LIMIT)
        body = self._fetch_one("list", request, deadline)
        rows = payload.decode(body, list[payload.SummaryPayload], "list")
        return tuple(payload.summary(row) for row in rows)

    def inspect_many(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, Container | EngineError]]:
        """Yield each container, or what went wrong with it, as they come."""

        def read(body: bytes | bytearray) -> Container:
            return payload.container(payload.decode(body, payload.InspectPayload, "inspect"))

        return self._fetch_each("inspect", self._about(ids, "json"), read, NARROW, deadline)

    def read_stats_of(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, ContainerStats | EngineError | None]]:
        """Yield one reading of each container, as they come."""

        def read(body: bytes | bytearray) -> ContainerStats | None:
            return self._stats(payload.decode(body, StatsPayload, "stats"))

        requests = self._about(ids, "stats?stream=false&one-shot=true")
        return self._fetch_each("stats", requests, read, self.width, deadline)

    def disk_usage(self, deadline: Deadline) -> DiskUsage:
        """Return what images, containers, volumes and the build cache take on disk."""
        request = Request(self._target(disk.TARGET), limit=LIST_LIMIT)
        return disk.from_api(self._fetch_one("disk_usage", request, deadline))

    def inspect(self, name: str) -> Container:
        """Return one container."""
        attributes = self._container(name).attrs
        return payload.container(payload.convert(attributes, payload.InspectPayload, "inspect"))

    def status(self, name: str) -> str:
        """Return the word of the engine for the state of one container."""
        return str(self._container(name).status)

    def read_stats(self, name: str, *, pair: bool) -> ContainerStats | None:
        """Return one reading of one container; None when it does not run."""
        container = self._container(name)
        one = str(container.id)
        if pair:
            with self._observed("stats"), translated(self.where, name):
                answer = container.stats(stream=False)
            stats = self._stats(payload.convert(answer, StatsPayload, "stats"))
        else:
            ((_, result),) = self.read_stats_of([one], Deadline(self.timeout))
            if isinstance(result, EngineError):
                raise result
            stats = result
        # Not every answer says whose it is: one-shot ones from engine 24.0 on do not.
        return stats and replace(stats, container_id=one)

    def start(self, name: str) -> None:
        """Start a container."""
        container = self._handle(name)
        with self._observed("start"), translated(self.where, name):
            container.start()

    def stop(self, name: str, timeout: int) -> None:
        """Stop a container, after so many seconds by force."""
        container = self._handle(name)
        with self._observed("stop"), translated(self.where, name):
            container.stop(timeout=timeout)

    def restart(self, name: str, timeout: int) -> None:
        """Stop a container as `stop` does, then start it."""
        container = self._handle(name)
        with self._observed("restart"), translated(self.where, name):
            container.restart(timeout=timeout)

    def events(self, since: str | None) -> EventStream:
        """Open the stream of container events."""
        api = self.client.api
        filters = msgspec.json.encode(payload.EVENT_FILTERS).decode()
        with self._observed("events"), translated(self.where):
            # The SDK's own call would hold a line of any length.
            answer = api.get(
                f"{api.base_url}{self._target('events')}",
                params={"filters": filters} | ({} if since is None else {"since": since}),
                stream=True,
                timeout=(self.timeout, None),
                allow_redirects=False,
            )
            if answer.status_code != HTTPStatus.OK:
                message = said(answer.raw.read(_PIECE, decode_content=True))
                answer.close()
                raise refusal(answer.status_code, message, self.where, asked(answer), None)
        return _Events(answer, self.where)

    def _container(self, name: str) -> SdkContainer:
        with self._observed("inspect"), translated(self.where, name):
            return self.client.containers.get(name)

    def _handle(self, name: str) -> SdkContainer:
        """Return the SDK's object for acting on a container.

        For a whole id nothing is asked, so that a socket proxy need allow the action only.
        """
        if _WHOLE_ID.fullmatch(name):
            return self.client.containers.prepare_model({"Id": name})
        return self._container(name)

    def _stats(self, answer: StatsPayload) -> ContainerStats | None:
        shares_machine = self.where.startswith("unix://")
        name_device = devices.local_name if shares_machine else devices.number
        return container_stats(answer, name_device)

    def _target(self, what: str) -> str:
        return f"/v{self.client.api.api_version}/{what}"

    def _about(self, ids: Sequence[str], what: str) -> list[Request]:
        """Return the same request for each of many containers."""
        return [
            Request(self._target(f"containers/{quote(one, safe='')}/{what}"), container=one)
            for one in ids
        ]

    def _fetch_each(
        self,
        operation: str,
        requests: Sequence[Request],
        read: Callable[[bytes | bytearray], T],
        width: int,
        deadline: Deadline,
    ) -> Iterator[tuple[str, T | EngineError]]:
        """Yield what the answers say of the container that each is about, as they come."""
        for outcome in self.transport.fetch(requests, width=width, deadline=deadline):
            one = outcome.request.container or ""
            result: T | EngineError
            try:
                body = self._body(operation, outcome)
                if not body.strip():
                    # What a stats call ends with when its container is removed meanwhile; with
                    # Podman, also when it does not run.
                    raise ContainerNotFoundError(one)
                result = read(body)
            except EngineError as error:
                result = light(error)
            yield one, result

    def _fetch_one(self, operation: str, request: Request, deadline: Deadline) -> bytes | bytearray:
        """Return the body of one answer; what was cut by a deadline that was moved is repeated."""
        while True:
            granted = deadline.at
            (outcome,) = self.transport.fetch([request], width=1, deadline=deadline)
            try:
                return self._body(operation, outcome)
            except EngineTimeoutError:
                if deadline.at <= granted:
                    raise

    def _body(self, operation: str, outcome: Outcome) -> bytes | bytearray:
        """Tell the observer of a request; return the body of a good answer to it."""
        failure: EngineError | None = None
        try:
            return good_body(outcome, self.where)
        except EngineError as error:
            failure = error
            raise
        finally:
            if outcome.seconds is not None:
                self.observe(operation, outcome.seconds, failure)

    @contextlib.contextmanager
    def _observed(self, operation: str) -> Iterator[None]:
        """Tell the observer of one request: how long it took and how it ended."""
        began = time.perf_counter()
        failure: EngineError | None = None
        try:
            yield
        except EngineError as error:
            failure = error
            raise
        finally:
            self.observe(operation, time.perf_counter() - began, failure)


class _Events:
    """The answer to a request for events, as values."""

    def __init__(self, answer: requests.Response, where: str) -> None:
        self._answer = answer
        self._stream = CancellableStream(pieces(answer), answer)
        self._where = where

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Yield events until the stream breaks or is closed."""
        with self._answer, translated(self._where):
            yield from payload.events(lines(self._stream))

    def close(self) -> None:
        """Shut the connection, which ends the iteration in whichever thread it goes on."""
        with contextlib.suppress(*FOREIGN):
            self._stream.close()
