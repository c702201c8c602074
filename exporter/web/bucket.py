"""A limit of how often something may happen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A bucket that holds so many tokens, and gets a new one each so many seconds.

    What has been taken is told by one number, which the caller keeps: the moment at which the
    bucket will be full again.

    Attributes:
        interval: The time in which one token comes, in seconds.
        burst: How many there are at most, and at first.
    """

    interval: float
    burst: int

    def take(self, full_at: float, now: float) -> tuple[float, float]:
        """Take a token.

        Args:
            full_at: When it will be full; any moment in the past if it is.
            now: The present.

        Returns:
            When it will be full now, and for how many seconds to wait: 0 where a token was taken.

        Examples:
            >>> TokenBucket(6.0, 2).take(0.0, 100.0), TokenBucket(6.0, 2).take(111.0, 100.0)
            ((106.0, 0.0), (111.0, 5.0))
        """
        full_at = max(full_at, now)
        wait = full_at - now - (self.burst - 1) * self.interval
        return (full_at, wait) if wait > 0 else (full_at + self.interval, 0.0)
