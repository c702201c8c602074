"""Many small requests at once, bounded in number and in time."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, TypeVar

from exporter.errors import EngineError, EngineTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exporter.deadline import Deadline

T = TypeVar("T")


def each(
    ids: Sequence[str], work: Callable[[str], T], *, width: int, deadline: Deadline
) -> Iterator[tuple[str, T | EngineError]]:
    """Yield `(id, work(id))` for each id as it comes, or the `EngineError` it raised.

    The caller is never kept beyond the deadline: what has not come by then is yielded as
    `EngineTimeoutError`. The threads are daemons, so that a request that hangs cannot keep the
    process from ending, and begin nothing new after the deadline.

    Args:
        ids: What to work on.
        work: Called with one id, in a thread; raises nothing but `EngineError`.
        width: How many at the same time, at most.
        deadline: By when; it may be moved meanwhile.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, T | EngineError]] = queue.SimpleQueue()
    for one in ids:
        waiting.put(one)

    def run() -> None:
        with contextlib.suppress(queue.Empty):
            while not deadline.expired:
                one = waiting.get_nowait()
                done.put((one, _attempt(work, one)))

    for _ in range(min(width, len(ids))):
        threading.Thread(target=run, name="engine-request", daemon=True).start()

    missing = set(ids)
    while missing:
        try:
            one, result = done.get(timeout=deadline.remaining())
        except queue.Empty:
            if deadline.expired:
                break
        else:
            missing.discard(one)
            yield one, result
    for one in missing:
        yield one, EngineTimeoutError("The engine did not answer within the scrape's deadline.")


def _attempt(work: Callable[[str], T], one: str) -> T | EngineError:
    try:
        return work(one)
    except EngineError as error:
        return error
