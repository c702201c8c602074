"""Work that waits and cannot be told when to stop, in threads that nobody waits for too long."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from exporter.deadline import Deadline

    J = TypeVar("J", bound=Hashable)

R = TypeVar("R")


def each(
    jobs: Sequence[J], work: Callable[[J], R], *, width: int, deadline: Deadline
) -> Iterator[tuple[J, R | None]]:
    """Yield each job with what came of it, as they come; with None for what is not done in time.

    The caller is never kept beyond the deadline. The threads are daemons, so that work that hangs
    cannot keep the process from ending, and begin nothing new after the deadline.

    Args:
        jobs: What to do, no two alike.
        work: Called with one job, in a thread; raises nothing, and returns no None.
        width: How many at the same time, at most.
        deadline: By when; it may be moved meanwhile.
    """
    waiting: queue.SimpleQueue[J] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[J, R]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def run() -> None:
        with contextlib.suppress(queue.Empty):
            while not deadline.expired:
                job = waiting.get_nowait()
                done.put((job, work(job)))

    for _ in range(min(width, len(jobs))):
        threading.Thread(target=run, name="engine-request", daemon=True).start()

    missing = set(jobs)
    while missing:
        try:
            job, result = done.get(timeout=deadline.pause())
        except queue.Empty:
            if deadline.expired:
                break
        else:
            missing.discard(job)
            yield job, result
    for job in missing:
        yield job, None
