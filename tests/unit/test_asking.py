"""Asking about many containers by a deadline that may move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.deadline import Deadline
from exporter.errors import ContainerNotFoundError, EngineError, EngineTimeoutError
from exporter.metrics.asking import persist

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOO_LATE = EngineTimeoutError("late")
GONE = ContainerNotFoundError("b")


def test_what_was_cut_is_asked_again_while_there_is_time() -> None:
    """And nothing else: what has failed otherwise would fail again."""
    now, asked = [0.0], list[list[str]]()

    def ask(ids: Sequence[str], deadline: Deadline) -> Iterator[tuple[str, EngineError | None]]:
        asked.append([*ids])
        if len(asked) == 3:
            now[0] = deadline.at
        for one in ids:
            known = one == "c" and len(asked) == 2
            yield one, None if known else GONE if one == "b" else TOO_LATE

    answers = persist(ask, ["a", "b", "c"], Deadline(10, clock=lambda: now[0]))
    assert [*answers] == [("b", GONE), ("c", None), ("a", TOO_LATE)]
    assert asked == [["a", "b", "c"], ["a", "c"], ["a"]]
