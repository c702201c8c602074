"""Asking an engine about many containers, by a deadline that may move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.errors import EngineTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from exporter.deadline import Deadline
    from exporter.errors import EngineError

    T = TypeVar("T")


def persist(
    ask: Callable[[Sequence[str], Deadline], Iterator[tuple[str, T | EngineError]]],
    ids: Sequence[str],
    deadline: Deadline,
) -> Iterator[tuple[str, T | EngineError]]:
    """Ask, and ask again for what was cut by a deadline that somebody has moved since."""
    waiting = list(ids)
    while waiting:
        cut: dict[str, EngineTimeoutError] = {}
        for one, result in ask(waiting, deadline):
            if isinstance(result, EngineTimeoutError):
                cut[one] = result
            else:
                yield one, result
        waiting = list(cut)
        if deadline.expired:
            yield from cut.items()
            return
