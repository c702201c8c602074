"""An engine reached through the `docker` command.

The command is always given a list of arguments, never a shell, and runs in a process group of
its own, so that a command that hangs is ended together with whatever it has started. One command
serves many containers, since starting it costs more than what it asks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from exporter.deadline import Deadline
from exporter.engine import disk, payload, text
from exporter.engine.base import connection_denied, request_denied, unreachable
from exporter.engine.lines import lines
from exporter.errors import (
    ContainerConflictError,
    ContainerNotFoundError,
    EngineError,
    EngineResponseError,
    EngineTimeoutError,
    EngineUnavailableError,
)
from exporter.model import ContainerStats, ContainerSummary, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exporter.disk import DiskUsage
    from exporter.engine.base import EventStream, Observer
    from exporter.model import Container, ContainerEvent, EngineInfo

# The fields by name: the short form `{{json .}}` makes the command ask for the size of every
# container as well, for which the engine walks their file systems.
_LIST_FORMAT = (
    '{"id":{{json .ID}},"names":{{json .Names}},"state":{{json .State}},"status":{{json .Status}}}'
)

_SIZE_FORMAT = '{"id":{{json .ID}},"size":{{json .SizeRw}}}'

_PIECE = 64 * 1024

# What the command writes to standard error, in which case. The first that matches wins; a
# "permission denied" alone may as well be about a file inside a container.
_NOT_FOUND = ("no such container", "no such object")
_DENIED = ("permission denied while trying to connect", "connect: permission denied")
_REFUSED = ("403 forbidden", "401 unauthorized", "authorization denied")
_UNREACHABLE = (
    *("cannot connect to the docker daemon", "failed to connect to the docker api"),
    *("error during connect", "unable to resolve docker endpoint", "failed to initialize"),
)
_SSH_SAYS = " stderr="
_CONFLICT = ("conflict", "is not running", "already in progress", "is marked for removal")


class _ListRow(msgspec.Struct):
    id: str
    names: str
    state: str
    status: str


class _SizeRow(msgspec.Struct):
    id: str
    size: int | None


@dataclass(frozen=True, slots=True)
class CliEngine:
    """One engine through the `docker` command: cheap to make, safe from many threads.

    Attributes:
        command: The path of the command.
        host: The engine's address; None for what the command itself finds.
        where: The same for messages.
        observe: Told of each command.
        timeout: What a single command may take, in seconds.
        podman: Whether the engine is Podman, of whose CPU the command makes a wrong number.
    """

    command: str
    host: str | None
    where: str
    observe: Observer
    timeout: float
    podman: bool = False

    @property
    def mode(self) -> Mode:
        """Always `Mode.CLI`."""
        return Mode.CLI

    def ping(self) -> None:
        """Ask for nothing but an answer."""
        self.version(Deadline(self.timeout))

    def version(self, deadline: Deadline) -> payload.VersionPayload:
        """Return what the engine says of its version."""
        body = self._ask("version", ["version", "--format", "{{json .Server}}"], deadline)
        return payload.decode(body, payload.VersionPayload, "docker version")

    def info(self, deadline: Deadline) -> EngineInfo:
        """Return the facts about the engine."""
        body = self._ask("info", ["info", "--format", "{{json .}}"], deadline)
        facts = payload.decode(body, payload.InfoPayload, "docker info")
        return payload.info(facts, self.version(deadline))

    def list_containers(self, deadline: Deadline) -> tuple[ContainerSummary, ...]:
        """Return every container, the stopped ones too."""
        body = self._ask("list", ["ps", "--all", "--no-trunc", "--format", _LIST_FORMAT], deadline)
        rows = [payload.decode(line, _ListRow, "docker ps") for line in body.splitlines()]
        return tuple(
            ContainerSummary(
                id=row.id,
                name=payload.name_of([f"/{name}" for name in row.names.split(",")], row.id),
                state=payload.state_of(row.state),
                status=row.status,
            )
            for row in rows
        )

    def inspect_many(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, Container | EngineError]]:
        """Yield each container, or what went wrong with it."""
        try:
            done = self._run("inspect", ["inspect", "--type", "container", "--", *ids], deadline)
            found = self._inspected(done)
        except EngineError as error:
            yield from ((one, error) for one in ids)
            return
        containers = {container.id: container for container in found}
        for one in ids:
            yield one, containers.get(one) or ContainerNotFoundError(one)

    def read_stats_of(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, ContainerStats | EngineError | None]]:
        """Yield one reading of each container.

        The command is asked for all that run: named ones would fail together when one of them
        is removed meanwhile.
        """
        try:
            rows = dict(self._stats([], deadline))
        except EngineError as error:
            yield from ((one, error) for one in ids)
            return
        for one in ids:
            yield one, rows.get(one)

    def disk_usage(self, deadline: Deadline) -> DiskUsage:
        """Return what images, containers, volumes and the build cache take on disk.

        The command rounds all but the sizes of containers, which inspect tells exactly.
        """
        ids = [row.id for row in self.list_containers(deadline)]
        containers = self._layer_sizes(ids, deadline) if ids else {}
        body = self._ask("disk_usage", ["system", "df", "--format", "{{json .}}"], deadline)
        return disk.from_command(body.splitlines(), containers)

    def _layer_sizes(self, ids: list[str], deadline: Deadline) -> dict[str, int]:
        """Return the size of the writable layer of each container that is still there."""
        options = ["--type", "container", "--size", "--format", _SIZE_FORMAT]
        done = self._run("disk_usage", ["inspect", *options, "--", *ids], deadline)
        if done.returncode != 0 and not _says(done.stderr, _NOT_FOUND):
            raise self._failure(done, None)
        rows = [
            payload.decode(line, _SizeRow, "docker inspect") for line in done.stdout.splitlines()
        ]
        return {row.id: row.size for row in rows if row.size is not None and row.size >= 0}

    def inspect(self, name: str) -> Container:
        """Return one container."""
        arguments = ["inspect", "--type", "container", "--", name]
        found = self._inspected(self._run("inspect", arguments, Deadline(self.timeout)))
        if not found:
            raise ContainerNotFoundError(name)
        return found[0]

    def status(self, name: str) -> str:
        """Return the word of the engine for the state of one container."""
        return self.inspect(name).status

    def read_stats(self, name: str, *, pair: bool) -> ContainerStats | None:  # noqa: ARG002 -- see below
        """Return one reading of one container; None when it does not run.

        The command always takes two readings, and prints what it made of them.
        """
        for _, row in self._stats([name], Deadline(self.timeout)):
            if isinstance(row, EngineError):
                raise row
            return row
        return None

    def start(self, name: str) -> None:
        """Start a container; one that runs already stays as it is."""
        self._ask("start", ["start", "--", name], Deadline(self.timeout), name)

    def stop(self, name: str, timeout: int) -> None:
        """Stop a container, after so many seconds by force; one that is stopped stays so."""
        arguments = ["stop", "-t", str(timeout), "--", name]
        self._ask("stop", arguments, Deadline(self.timeout + timeout), name)

    def restart(self, name: str, timeout: int) -> None:
        """Stop a container as `stop` does, then start it."""
        arguments = ["restart", "-t", str(timeout), "--", name]
        self._ask("restart", arguments, Deadline(self.timeout + timeout), name)

    def events(self, since: str | None) -> EventStream:
        """Open the stream of container events.

        The command says nothing before the first event, so the engine is asked for its version
        first: a stream that is returned was reachable a moment ago.
        """
        self.version(Deadline(self.timeout))
        arguments = ["events", "--format", "{{json .}}"]
        if since is not None:
            arguments += ["--since", since]
        for key, values in payload.EVENT_FILTERS.items():
            arguments += [word for value in values for word in ("--filter", f"{key}={value}")]
        return _Events(self._open(arguments), self.where, self._failure)

    def _stats(
        self, names: list[str], deadline: Deadline
    ) -> Iterator[tuple[str, ContainerStats | EngineError | None]]:
        arguments = ["stats", "--no-stream", "--no-trunc", "--format", "{{json .}}", "--", *names]
        body = self._ask("stats", arguments, deadline, names[0] if names else None)
        for line in body.splitlines():
            one, row = text.parse_row(line)
            if self.podman and row is not None:
                # It comes without an earlier reading, and with the machine's busy time only: an
                # average over the container's life, and not even that.
                row = replace(row, cpu_ratio=None)
            if row == ContainerStats():
                yield one, EngineResponseError("'docker stats' could not read this container.")
            else:
                yield one, row

    def _inspected(self, done: subprocess.CompletedProcess[bytes]) -> list[Container]:
        """Return what `docker inspect` found; it prints that even when it misses some."""
        if done.returncode != 0 and not _says(done.stderr, _NOT_FOUND):
            raise self._failure(done, None)
        found = payload.decode(done.stdout, list[payload.InspectPayload], "docker inspect")
        return [payload.container(one) for one in found]

    def _ask(
        self, operation: str, arguments: list[str], deadline: Deadline, container: str | None = None
    ) -> bytes:
        """Return what a command printed that must succeed."""
        done = self._run(operation, arguments, deadline, container)
        # `docker info` prints its failure, and ends as if nothing were wrong.
        if done.returncode != 0 or (operation == "info" and done.stderr.startswith(b"Error")):
            raise self._failure(done, container)
        return done.stdout

    def _run(
        self, operation: str, arguments: list[str], deadline: Deadline, container: str | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end, or to the deadline."""
        began = time.perf_counter()
        failure: EngineError | None = None
        try:
            process = self._open(arguments)
            out, err = _communicate(process, deadline)
            done = subprocess.CompletedProcess(arguments, process.returncode, out, err)
            if process.returncode != 0:
                failure = self._failure(done, container)
        except EngineError as error:
            failure = error
            raise
        finally:
            self.observe(operation, time.perf_counter() - began, failure)
        return done

    def _open(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        # Not as an argument: everybody can see those, and there may be a password in it.
        environment = None if self.host is None else os.environ | {"DOCKER_HOST": self.host}
        try:
            return subprocess.Popen(
                [self.command, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise unreachable(self.where, f"{self.command}: {error.strerror}") from error

    def _failure(
        self, done: subprocess.CompletedProcess[bytes], container: str | None
    ) -> EngineError:
        """Return the error for what a command wrote to standard error."""
        stderr: bytes = done.stderr
        message = " ".join(stderr.decode("utf-8", "replace").split())
        # Over SSH, what that says comes last, after the whole command.
        message = message.rpartition(_SSH_SAYS)[2][:300]
        if container is not None and _says(stderr, _NOT_FOUND):
            return ContainerNotFoundError(container)
        if _says(stderr, _DENIED):
            return connection_denied(self.where, message)
        if _says(stderr, _REFUSED):
            return request_denied(self.where, f"'docker {done.args[0]}'", message)
        if _says(stderr, _UNREACHABLE):
            return unreachable(self.where, message)
        if container is not None and _says(stderr, _CONFLICT):
            return ContainerConflictError(container, message)
        return EngineResponseError(f"The docker command failed: {message or 'without a word'}")


class _Events:
    """The output of `docker events`, as values."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        where: str,
        failure: Callable[[subprocess.CompletedProcess[bytes], str | None], EngineError],
    ) -> None:
        self._process = process
        self._where = where
        self._failure = failure

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Yield events until the command ends or is closed."""
        with self._process as process:
            try:
                yield from payload.events(lines(_pieces(process)))
                reason = process.stderr.read() if process.stderr else b""
            finally:
                _end(process)
        if reason:
            done = subprocess.CompletedProcess(["events"], process.returncode, b"", reason)
            failure = self._failure(done, None)
            if isinstance(failure, EngineUnavailableError):
                raise failure
            # Whatever else the command says of it, the stream has ended.
            raise unreachable(self._where, reason.decode("utf-8", "replace").strip())

    def close(self) -> None:
        """End the command, and with it the iteration in whichever thread it goes on."""
        _end(self._process)
        self._process.wait()


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield what a process prints, as it comes."""
    while process.stdout and (piece := os.read(process.stdout.fileno(), _PIECE)):
        yield piece


def _communicate(process: subprocess.Popen[bytes], deadline: Deadline) -> tuple[bytes, bytes]:
    """Return what a process printed; end it at the deadline, which may be moved meanwhile."""
    while True:
        try:
            return process.communicate(timeout=deadline.pause())
        except subprocess.TimeoutExpired:
            if deadline.expired:
                break
        except BaseException:
            # Ctrl-C: nobody is left to wait for what it would say.
            with process:
                _end(process)
            raise
    _end(process)
    process.communicate()
    raise EngineTimeoutError("The docker command did not end in time: the engine does not answer.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with all that it has started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _says(stderr: bytes, phrases: tuple[str, ...]) -> bool:
    said = stderr.decode("utf-8", "replace").lower()
    return any(phrase in said for phrase in phrases)
