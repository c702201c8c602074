"""An engine reached through the Docker SDK for Python.

What the collector reads goes through the SDK's session with time limits, size limits and typed
decoding of our own; what the library offers for one container uses the SDK's objects. Exceptions
of `docker`, `requests` and what lies below them are translated in one place, `translated`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import ssl
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import requests
import urllib3.exceptions

from exporter.deadline import Deadline
from exporter.engine import devices, payload
from exporter.engine.base import access_denied, unreachable
from exporter.engine.concurrency import each
from exporter.engine.stats_payload import StatsPayload, container_stats
from exporter.errors import (
    ContainerConflictError,
    ContainerNotFoundError,
    EngineError,
    EngineResponseError,
    EngineTimeoutError,
)
from exporter.model import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docker.models.containers import Container as SdkContainer
    from docker.types import CancellableStream

    from exporter.engine.base import EventStream, Observer
    from exporter.model import (
        Container,
        ContainerEvent,
        ContainerStats,
        ContainerSummary,
        EngineInfo,
    )

try:  # Only there with the extra `ssh`.
    from paramiko import SSHException  # type: ignore[import-untyped]
except ImportError:
    SSHException = OSError

# No list of containers is longer than this.
_MAX_BODY = 64 * 1024 * 1024
_CHUNK = 64 * 1024

# A few requests in flight keep both sides busy where the engine answers at once.
NARROW = 8

# Engines before 24.0 answer a one-shot call at their next one-second tick, for everyone who waits
# by then: each round of calls costs a second, so there should be one round.
WIDE = 256
_FIRST_AT_ONCE = 24

_WHOLE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DENIED = (errno.EACCES, errno.EPERM)
_FOREIGN = (
    docker.errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    SSHException,
    OSError,
    EOFError,
    ValueError,
)


def connect(
    where: str | None, deadline: Deadline, *, timeout: float
) -> tuple[docker.DockerClient, payload.VersionPayload]:
    """Return a client of the SDK that has reached its engine, and what that says of its version.

    Args:
        where: The engine's address; None for what the environment and the CLI's context say.
        deadline: By when.
        timeout: What the client waits for each answer from then on, in seconds.

    Raises:
        EngineUnavailableError: Nobody answers there.
    """
    environment = dict(os.environ) if where is None else {**os.environ, "DOCKER_HOST": where}
    with translated(address(where)):
        # Without a version given, the constructor asks the engine for its own.
        client = docker.from_env(
            environment=environment,
            timeout=max(0.001, deadline.remaining()),  # type: ignore[arg-type] # float is fine
        )
        try:
            answer = client.version()
        except _FOREIGN:
            client.close()
            raise
    client.api.timeout = timeout  # type: ignore[assignment] # float is fine
    return client, payload.convert(answer, payload.VersionPayload, "version")


def address(where: str | None) -> str:
    """Return where the engine is looked for: here, in the environment, or by the CLI's context."""
    named = where or os.environ.get("DOCKER_HOST")
    if named is None:
        with contextlib.suppress(*_FOREIGN):
            context = docker.ContextAPI.get_current_context()
            named = context.Host if context is not None else None
    return named or "unix:///var/run/docker.sock"


def stats_width(version: payload.VersionPayload) -> int:
    """Return how many stats calls this engine should be given at the same time.

    Examples:
        >>> stats_width(payload.VersionPayload(version="28.5.2"))
        8
        >>> stats_width(payload.VersionPayload(version="20.10.24+dfsg1"))
        256
    """
    major = version.version.partition(".")[0]
    waits_for_tick = major.isdecimal() and int(major) < _FIRST_AT_ONCE
    return WIDE if waits_for_tick and version.engine == "docker" else NARROW


@dataclass(frozen=True, slots=True)
class SdkEngine:
    """One engine through one client of the SDK: cheap to make, safe from many threads.

    Attributes:
        client: The SDK's client.
        where: The engine's address, for messages.
        observe: Told of each request.
        timeout: What a single reading may take, in seconds.
        width: Stats calls at the same time, see `stats_width`.
    """

    client: docker.DockerClient
    where: str
    observe: Observer
    timeout: float
    width: int = NARROW

    @property
    def mode(self) -> Mode:
        """Always `Mode.SDK`."""
        return Mode.SDK

    def ping(self) -> None:
        """Ask for nothing but an answer."""
        with self._observed("ping"), translated(self.where):
            self.client.ping()

    def version(self, deadline: Deadline) -> payload.VersionPayload:
        """Return what the engine says of its version."""
        return payload.decode(
            self._get("version", "/version", deadline), payload.VersionPayload, "version"
        )

    def info(self, deadline: Deadline) -> EngineInfo:
        """Return the facts about the engine."""
        facts = payload.decode(self._get("info", "/info", deadline), payload.InfoPayload, "info")
        return payload.info(facts, self.version(deadline))

    def list_containers(self, deadline: Deadline) -> tuple[ContainerSummary, ...]:
        """Return every container, the stopped ones too."""
        body = self._get("list", "/containers/json", deadline, {"all": "1"})
        rows = payload.decode(body, list[payload.SummaryPayload], "list")
        return tuple(payload.summary(row) for row in rows)

    def inspect_many(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, Container | EngineError]]:
        """Yield each container, or what went wrong with it, as they come."""

        def inspect(one: str) -> Container:
            body = self._get_of(one, "inspect", "json", deadline)
            return payload.container(payload.decode(body, payload.InspectPayload, "inspect"))

        return each(ids, inspect, width=NARROW, deadline=deadline)

    def read_stats_of(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, ContainerStats | EngineError | None]]:
        """Yield one reading of each container, as they come."""
        return each(
            ids, lambda one: self._one_shot(one, deadline), width=self.width, deadline=deadline
        )

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
            stats = self._one_shot(one, Deadline(self.timeout))
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
        with self._observed("events"), translated(self.where):
            # The stubs know of whole seconds only, and take the bytes for text.
            stream: Any = self.client.api.events(
                since=since,  # type: ignore[call-overload]
                filters=payload.EVENT_FILTERS,
                decode=False,
            )
        return _Events(stream, self.where)

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

    def _one_shot(self, one: str, deadline: Deadline) -> ContainerStats | None:
        parameters = {"stream": "false", "one-shot": "true"}
        body = self._get_of(one, "stats", "stats", deadline, parameters)
        return self._stats(payload.decode(body, StatsPayload, "stats"))

    def _stats(self, answer: StatsPayload) -> ContainerStats | None:
        shares_machine = self.where.startswith("unix://")
        name_device = devices.local_name if shares_machine else devices.number
        return container_stats(answer, name_device)

    def _get_of(
        self,
        container: str,
        operation: str,
        what: str,
        deadline: Deadline,
        parameters: dict[str, str] | None = None,
    ) -> bytes:
        """Ask something of one container."""
        path = f"/containers/{container}/{what}"
        body = self._get(operation, path, deadline, parameters, container)
        if not body.strip():
            # What a stats call ends with when its container is removed meanwhile; with Podman,
            # also when it does not run.
            raise ContainerNotFoundError(container)
        return body

    def _get(
        self,
        operation: str,
        path: str,
        deadline: Deadline,
        parameters: dict[str, str] | None = None,
        container: str | None = None,
    ) -> bytes:
        """Return the body of one answer; a request cut by a deadline that was moved is repeated."""
        while True:
            granted = deadline.at
            try:
                with self._observed(operation), translated(self.where, container):
                    return self._get_once(path, deadline, parameters, container)
            except EngineTimeoutError:
                if deadline.at <= granted:
                    raise

    def _get_once(
        self,
        path: str,
        deadline: Deadline,
        parameters: dict[str, str] | None,
        container: str | None,
    ) -> bytes:
        api = self.client.api
        url = f"{api.base_url}/v{api.api_version}{path}"
        seconds = max(0.001, deadline.remaining())
        with api.get(url, params=parameters, timeout=seconds, stream=True) as response:
            body = bytearray()
            for chunk in response.iter_content(_CHUNK):
                body += chunk
                if len(body) > _MAX_BODY:
                    raise EngineResponseError(f"The engine's answer to {path} has no end.")
                if deadline.expired:
                    raise EngineTimeoutError(
                        f"The engine did not finish its answer to {path} in time."
                    )
            if not response.ok:
                raise _refusal(response.status_code, _message(bytes(body)), self.where, container)
            return bytes(body)

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
    """The SDK's stream of events, as values."""

    def __init__(self, stream: CancellableStream[bytes], where: str) -> None:
        self._stream = stream
        self._where = where

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Yield events until the stream breaks or is closed."""
        rest = b""
        with translated(self._where):
            for chunk in self._stream:
                *lines, rest = (rest + chunk).split(b"\n")
                yield from payload.events(lines)

    def close(self) -> None:
        """Shut the connection, which ends the iteration in whichever thread it goes on."""
        with contextlib.suppress(*_FOREIGN):
            self._stream.close()


@contextlib.contextmanager
def translated(where: str, container: str | None = None) -> Iterator[None]:
    """Turn whatever the SDK and the layers below it raise into one `EngineError`.

    The SDK raises its own exceptions as well as those of `requests`, which wraps those of
    urllib3 and the operating system: the cause that says most lies at the bottom.
    """
    try:
        yield
    except EngineError:
        raise
    except docker.errors.APIError as error:
        raise _refusal(
            error.status_code or 500, str(error.explanation or error), where, container
        ) from error
    except _FOREIGN as error:
        raise _translate(error, where) from error


def _translate(error: BaseException, where: str) -> EngineError:
    # The numbers of OpenSSL's errors are not the operating system's, though they look alike.
    causes = [cause for cause in _causes(error) if not isinstance(cause, ssl.SSLError)]
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno in _DENIED:
            return access_denied(where, cause.strerror)
    timeouts = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
    if any(isinstance(cause, timeouts) for cause in causes):
        return EngineTimeoutError(f"The engine at {where} did not answer in time.")
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None:
            return unreachable(where, cause.strerror)
    rubbish = isinstance(error, ValueError) and not isinstance(error, requests.RequestException)
    if rubbish or isinstance(error, requests.JSONDecodeError):
        return EngineResponseError(f"The answer of the engine at {where} makes no sense: {error}")
    return unreachable(where, error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that it wraps, the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _refusal(status: int, message: str, where: str, container: str | None) -> EngineError:
    """Return the error for an answer that is a refusal."""
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        return access_denied(where, message)
    if status == requests.codes.not_found and container is not None:
        return ContainerNotFoundError(container)
    if status == requests.codes.conflict and container is not None:
        return ContainerConflictError(container, message)
    return EngineResponseError(f"The engine at {where} answered {status}: {message}")


def _message(body: bytes) -> str:
    """Return what an error answer says; a proxy before the engine answers in HTML."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, TypeError, KeyError):
        message = body.decode("utf-8", "replace")
    return " ".join(str(message).split())[:200]
