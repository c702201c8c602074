"""The numbers in the kernel's files. What is no number there is None, and never a wrong one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# The largest is 18446744073709551615.
_MOST_DIGITS = 20


def number(text: bytes | None) -> int | None:
    r"""Return a text of digits as a number; None for anything else, such as `max`.

    Examples:
        >>> number(b"4096\n"), number(b"max\n"), number(b""), number(None)
        (4096, None, None, None)
    """
    digits = b"" if text is None else text.strip()
    return int(digits) if digits.isdigit() and len(digits) <= _MOST_DIGITS else None


def keyed(*words: str) -> Callable[[bytes | None], dict[str, int]]:
    r"""Return a reader of lines of a word and a number, which passes over all but these words.

    Examples:
        >>> read = keyed("user", "system")
        >>> read(b"user 2\nsystem 1\nidle 3\n"), read(b"user max\n"), read(None)
        ({'user': 2, 'system': 1}, {}, {})
    """
    names = {word.encode(): word for word in words}
    line = re.compile(rb"^(%b) (\d{1,%d})$" % (b"|".join(names), _MOST_DIGITS), re.MULTILINE)

    def read(text: bytes | None) -> dict[str, int]:
        return {names[word]: int(digits) for word, digits in line.findall(text or b"")}

    return read


def scaled(value: int | None, factor: int) -> int | None:
    """Return `value * factor`, or None where the value is unknown.

    Examples:
        >>> scaled(3, 1000), scaled(None, 1000)
        (3000, None)
    """
    return None if value is None else value * factor
