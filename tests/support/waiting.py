"""Waiting for something to become true."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_INTERVAL_SECONDS = 0.05


def wait_until(
    predicate: Callable[[], T],
    timeout: float,
    message: str,
    accept: Callable[[T], bool] = bool,
    interval: float = _INTERVAL_SECONDS,
) -> T:
    """Return the first value of the predicate that is true, or acceptable.

    Args:
        predicate: What is asked again and again; it should not take long itself.
        timeout: For how many seconds at most.
        message: What is being waited for, for the error.
        accept: Whether a value will do.
        interval: Seconds between two times that it is asked.

    Raises:
        TimeoutError: None came in time; the text has the last value.
    """
    deadline = time.monotonic() + timeout
    pause = Event()
    while not accept(value := predicate()):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{message}: not within {timeout} s; last seen: {value!r}")
        pause.wait(interval)
    return value
