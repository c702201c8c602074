"""The seam between the client and the ways to reach an engine."""

from __future__ import annotations

import errno
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import msgspec

from exporter.engine import remedies
from exporter.errors import (
    ContainerConflictError,
    ContainerNotFoundError,
    EngineAccessDeniedError,
    EngineResponseError,
    EngineTimeoutError,
    EngineUnavailableError,
    InvalidNameError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exporter.deadline import Deadline
    from exporter.disk import DiskUsage
    from exporter.errors import EngineError
    from exporter.model import (
        Container,
        ContainerEvent,
        ContainerStats,
        ContainerSummary,
        EngineInfo,
        Mode,
    )

    Observer = Callable[[str, float, EngineError | None], None]

# What an error quotes of a refusal, in characters.
_SAID_LIMIT = 200

DENIED = (errno.EACCES, errno.EPERM)

# What an engine says that does not speak the version of the API which was settled on with the one
# before it: "client version 1.41 is too old" (moby `api/server/middleware/version.go`).
_OTHER_VERSION = "client version"

# What the engine itself allows (moby `daemon/names`); anything else could change the path of a
# request (`../`), or be taken for an option of a command.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII)


def check_name(name: str) -> str:
    """Return the name of a container unchanged, if an engine could have such a one.

    Raises:
        InvalidNameError: It could not; nothing must be asked with it.

    Examples:
        >>> check_name("web-1")
        'web-1'
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise InvalidNameError(name)
    return name


def unreachable(where: str, detail: object) -> EngineUnavailableError:
    """Return the error for an engine that nobody answers for, with what to do about it."""
    return EngineUnavailableError(
        f"Docker engine not reachable at {where}: {_clause(detail)}. "
        f"{remedies.for_unreachable(where)}"
    )


def connection_denied(where: str, detail: object) -> EngineAccessDeniedError:
    """Return the error for an engine that this user may not connect to, with what to do."""
    return EngineAccessDeniedError(
        f"Permission denied at {where}: {_clause(detail)}. {remedies.for_denied(where)}"
    )


def request_denied(where: str, request: str, detail: object) -> EngineAccessDeniedError:
    """Return the error for what an engine, or a proxy before it, does not do for this user.

    Args:
        where: Who refuses.
        request: What was asked, such as `GET /v1.44/info`.
        detail: What the refusal says.
    """
    return EngineAccessDeniedError(
        f"Permission denied at {where} for {request}: {_clause(detail)}. A socket proxy before the "
        "engine, or its authorization plugin, must allow this request."
    )


def _clause(detail: object) -> str:
    """Return what others say without its full stop, since one follows."""
    return str(detail).rstrip(" .")


def too_late(where: str) -> EngineTimeoutError:
    """Return the error for what has not come by its deadline."""
    return EngineTimeoutError(f"The engine at {where} did not answer in time.")


def not_connected(error: OSError, where: str) -> EngineUnavailableError:
    """Return the error for what the operating system says of a connection."""
    if error.errno in DENIED:
        return connection_denied(where, error.strerror)
    # What the kernel gives up is no deadline of ours: there is nobody any more.
    if isinstance(error, TimeoutError) and error.errno != errno.ETIMEDOUT:
        return too_late(where)
    return unreachable(where, error.strerror or error)


def nonsense(where: str, detail: object) -> EngineResponseError:
    """Return the error for what is no answer."""
    return EngineResponseError(f"The answer of the engine at {where} makes no sense: {detail}")


def refusal(
    status: int, message: str, where: str, request: str, container: str | None
) -> EngineError:
    """Return the error for an answer that is a refusal.

    Args:
        status: Its HTTP status.
        message: What it says.
        where: Who has answered.
        request: What was asked: method and path.
        container: Which container it is about, if it is about one.
    """
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return request_denied(where, request, message)
        case HTTPStatus.NOT_FOUND if container is not None:
            return ContainerNotFoundError(container)
        case HTTPStatus.CONFLICT if container is not None:
            return ContainerConflictError(container, message)
        case HTTPStatus.BAD_REQUEST if _OTHER_VERSION in message:
            return EngineUnavailableError(
                f"Another engine has taken the place of the one at {where}: {message}"
            )
        case _:
            return EngineResponseError(f"The engine at {where} answered {status}: {message}")


class _Refusal(msgspec.Struct):
    message: str


def said(body: bytes | bytearray) -> str:
    """Return what the body of a refusal says; a proxy before the engine answers in HTML.

    Examples:
        >>> said(b'{"message": "No such container"}')
        'No such container'
        >>> said(b"<h1>403 Forbidden</h1>")
        '<h1>403 Forbidden</h1>'
    """
    try:
        message = msgspec.json.decode(body, type=_Refusal).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = body[:_SAID_LIMIT].decode("utf-8", "replace")
    return " ".join(message[:_SAID_LIMIT].split())


class EventStream(Protocol):
    """The engine's events, one after the other, for as long as the engine lives."""

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Yield events as they come; wait in between.

        Raises:
            EngineError: The stream broke.
        """

    def close(self) -> None:
        """End the stream, from any thread: whoever waits in it gets no more."""


class Engine(Protocol):
    """One way to reach an engine.

    What the collector reads takes a deadline and has ended by then. What serves one container by
    name has a timeout of its own. All raise `EngineError`s, and nothing foreign. Names have
    passed `check_name` before they come here.
    """

    @property
    def mode(self) -> Mode:
        """Which way this is."""

    def ping(self) -> None:
        """Ask for nothing but an answer."""

    def info(self, deadline: Deadline) -> EngineInfo:
        """Return the facts about the engine."""

    def list_containers(self, deadline: Deadline) -> tuple[ContainerSummary, ...]:
        """Return every container, the stopped ones too."""

    def inspect_many(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, Container | EngineError]]:
        """Yield each container, or what went wrong with it, in any order, as they come."""

    def read_stats_of(
        self, ids: Sequence[str], deadline: Deadline
    ) -> Iterator[tuple[str, ContainerStats | EngineError | None]]:
        """Yield one reading of each container, in any order, as they come.

        None stands for a container that does not run (any more). What has not come by the
        deadline is yielded as `EngineTimeoutError`.
        """

    def disk_usage(self, deadline: Deadline) -> DiskUsage:
        """Return what images, containers, volumes and the build cache take on disk.

        The engine walks through all of them, which may take long.
        """

    def events(self, since: str | None) -> EventStream:
        """Open the stream of container events.

        Args:
            since: From which moment on, `SECONDS.NANOSECONDS`; None for from now on.
        """

    def inspect(self, name: str) -> Container:
        """Return one container."""

    def status(self, name: str) -> str:
        """Return the word of the engine for the state of one container."""

    def read_stats(self, name: str, *, pair: bool) -> ContainerStats | None:
        """Return one reading of one container; None when it does not run.

        Args:
            name: Which one.
            pair: Bring the reading before as well (`previous_cpu`), which takes the engine longer.
        """

    def start(self, name: str) -> None:
        """Start a container; one that runs already stays as it is."""

    def stop(self, name: str, timeout: int) -> None:
        """Stop a container, after so many seconds by force; one that is stopped stays so."""

    def restart(self, name: str, timeout: int) -> None:
        """Stop a container as `stop` does, then start it."""
