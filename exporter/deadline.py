"""The moment by which a piece of work must have ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


# Seconds until whoever waits notices that a deadline was cut.
_LOOK = 0.5


class Deadline:
    """A moment on the monotonic clock, shared by everyone who works towards it.

    It is passed down in place of a number of seconds, so that time spent on one step is not
    granted again to the next. It can be moved while work goes on (`extend_to`): whoever waits
    asks `remaining` again. Safe to use from many threads.
    """

    __slots__ = ("_at", "_clock")

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Set the moment `seconds` from now."""
        self._clock = clock
        self._at = clock() + seconds

    @property
    def at(self) -> float:
        """The moment, in seconds of the clock."""
        return self._at

    @property
    def expired(self) -> bool:
        """Whether the moment has passed."""
        return self._clock() >= self.at

    def remaining(self) -> float:
        """Return the seconds left, 0 once the moment has passed."""
        return max(0.0, self.at - self._clock())

    def pause(self) -> float:
        """Return for how many seconds to wait before this is looked at again: it may be cut."""
        return min(_LOOK, self.remaining())

    def extend_to(self, other: Deadline) -> None:
        """Move this moment to the other's where that is later."""
        self._at = max(self._at, other.at)

    def cut(self) -> None:
        """Move this moment to now: nobody wants the work any more."""
        self._at = self._clock()

    def part(self, share: float) -> Deadline:
        """Return the deadline of a first step, which leaves the rest of the time to the others.

        It moves along with this one.

        Args:
            share: How much of what remains now, from 0 to 1.
        """
        return _Part(self, share, clock=self._clock)


class _Part(Deadline):
    __slots__ = ("_began", "_share", "_whole")

    def __init__(self, whole: Deadline, share: float, *, clock: Callable[[], float]) -> None:
        super().__init__(0, clock=clock)
        self._whole = whole
        self._share = share
        self._began = self._at

    @property
    def at(self) -> float:
        return self._began + self._share * (self._whole.at - self._began)
