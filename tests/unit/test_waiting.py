"""How tests wait."""

from __future__ import annotations

import pytest

from tests.support.waiting import wait_until


def test_wait_until_gives_the_first_true_value() -> None:
    """The value of the predicate comes back as soon as it is true."""
    values = iter([0, "", "ready", "later"])
    assert wait_until(lambda: next(values), 10, "a value") == "ready"


def test_wait_until_gives_the_first_acceptable_value() -> None:
    """A condition can be put to the value."""
    values = iter([1, 2, 3])
    assert wait_until(lambda: next(values), 10, "two", accept=lambda value: value == 2) == 2


def test_wait_until_names_what_it_waited_for_and_saw() -> None:
    """The error has the message and the last value."""
    with pytest.raises(TimeoutError, match=r"rain: not within 0 s; last seen: \[\]"):
        wait_until(list, 0, "rain")
