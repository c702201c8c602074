"""The seam between what is asked of an engine's API and the way it gets there."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from exporter.engine.base import refusal, said
from exporter.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.deadline import Deadline

# No list of containers is longer than this, and no other answer than that.
LIST_LIMIT = 64 * 1024 * 1024
BODY_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One GET.

    Attributes:
        target: The path with its query, as it goes out: everything in it is quoted.
        container: Which container it is about, if it is about one.
        limit: How long the body of the answer may be, in bytes.
    """

    target: str
    container: str | None = None
    limit: int = BODY_LIMIT

    @property
    def name(self) -> str:
        """The request for messages: its method and path, without the query."""
        return f"GET {self.target.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever it says.

    Attributes:
        status: The HTTP status.
        body: The body.
    """

    status: int
    body: bytes | bytearray


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request.

    Attributes:
        request: Which.
        result: The answer, or why there is none.
        seconds: How long it took; None where it was never begun.
    """

    request: Request
    result: Answer | EngineError
    seconds: float | None


class Transport(Protocol):
    """One way of many requests at once to the API of one engine. Safe to use from many threads."""

    def fetch(
        self, requests: Sequence[Request], *, width: int, deadline: Deadline
    ) -> Iterator[Outcome]:
        """Yield the outcome of each request, in any order, as they come.

        The caller is never kept beyond the deadline: what has not come by then is yielded as
        `EngineTimeoutError`. Nothing is raised.

        Args:
            requests: What to ask, no two alike.
            width: How many at the same time, at most.
            deadline: By when; it may be moved meanwhile.
        """

    def close(self) -> None:
        """Close what is kept open; requests under way go on to their end."""


def light(error: EngineError) -> EngineError:
    """Return an error without the frames that it came through: they hold what was received."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def good_body(outcome: Outcome, where: str) -> bytes | bytearray:
    """Return the body of a good answer.

    Raises:
        EngineError: There is no answer, or it is a refusal.
    """
    result = outcome.result
    if isinstance(result, EngineError):
        raise result
    if result.status != HTTPStatus.OK:
        request = outcome.request
        raise refusal(result.status, said(result.body), where, request.name, request.container)
    return result.body
