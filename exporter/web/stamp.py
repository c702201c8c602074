"""Whether a file has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    Stamp = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """Return what differs once a file has changed or been replaced; None where there is none.

    Take it before reading, so that whoever writes meanwhile is not missed.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
