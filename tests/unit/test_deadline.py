"""Deadlines that move, and parts of them."""

from __future__ import annotations

from exporter.deadline import Deadline


def test_part_leaves_the_rest_and_moves_along() -> None:
    """A first step has its share of the time, also of what is granted later."""
    now = [100.0]

    def clock() -> float:
        return now[0]

    whole = Deadline(10, clock=clock)
    part = whole.part(0.5)
    assert part.remaining() == 5
    now[0] = 105
    assert part.expired
    assert not whole.expired
    whole.extend_to(Deadline(15, clock=clock))
    assert not part.expired
    assert part.at == 110
    assert whole.at == 120


def test_nothing_remains_of_a_deadline_that_has_passed() -> None:
    """Less than nothing would be no time to wait."""
    now = [0.0]
    deadline = Deadline(10, clock=lambda: now[0])
    now[0] = 11
    assert deadline.remaining() == 0
    assert deadline.pause() == 0


def test_deadline_is_never_moved_back() -> None:
    """One who has less time does not take it from the others."""
    deadline = Deadline(10, clock=lambda: 0.0)
    deadline.extend_to(Deadline(5, clock=lambda: 0.0))
    assert deadline.remaining() == 10
