"""Figures as people read them; what is not known is a dash."""

from __future__ import annotations

from itertools import pairwise

UNKNOWN = "-"

_STEP = 1024
_THREE_DIGITS = 100
_SPANS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def percent(value: float | None) -> str:
    """Return a percentage with one digit after the point.

    Examples:
        >>> percent(12.34), percent(None)
        ('12.3%', '-')
    """
    return UNKNOWN if value is None else f"{value:.1f}%"


def size(value: int | None) -> str:
    """Return a number of bytes in the largest unit, of powers of 1024, that leaves a whole part.

    Examples:
        >>> size(512), size(1536), size(536870912), size(1073741823), size(None)
        ('512B', '1.5KiB', '512MiB', '1024MiB', '-')
    """
    if value is None:
        return UNKNOWN
    if value < _STEP:
        return f"{value}B"
    number = float(value)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        number /= _STEP
        if number < _STEP:
            return f"{number:.{0 if number >= _THREE_DIGITS else 1}f}{unit}"
    return f"{number / _STEP:.1f}PiB"


def span(seconds: float | None) -> str:
    """Return a length of time in its two largest units.

    Examples:
        >>> span(7.9), span(3720), span(86400), span(None)
        ('7s', '1h2m', '1d0h', '-')
    """
    if seconds is None:
        return UNKNOWN
    rest = int(seconds)
    for (unit, length), (next_unit, next_length) in pairwise(_SPANS):
        if rest >= length:
            return f"{rest // length}{unit}{rest % length // next_length}{next_unit}"
    return f"{rest}s"


def count(value: int | None) -> str:
    """Return a whole number.

    Examples:
        >>> count(137), count(0), count(None)
        ('137', '0', '-')
    """
    return UNKNOWN if value is None else str(value)


def printable(text: str) -> str:
    r"""Return a text without what could command a terminal, each such character as a space.

    Examples:
        >>> printable("a\x1b[31mb")
        'a [31mb'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)
