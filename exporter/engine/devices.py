"""The names of block devices, which the Engine API knows by number only."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_BLOCK_DEVICES = Path("/sys/dev/block")


def number(major: int, minor: int) -> str:
    """Return a device as `MAJOR:MINOR`, which is all that is known of another machine's.

    Examples:
        >>> number(8, 0)
        '8:0'
    """
    return f"{major}:{minor}"


@lru_cache(maxsize=1024)
def local_name(major: int, minor: int) -> str:
    """Return a device of this machine as `/dev/NAME`, as cAdvisor labels it.

    The kernel lists its devices under `/sys/dev/block`, as links that end in the name. One that
    is not there, or not any more, goes by its number.
    """
    try:
        return f"/dev/{(_BLOCK_DEVICES / number(major, minor)).readlink().name}"
    except OSError:
        return number(major, minor)
