"""Reading the kernel's small text files, which are made at the moment they are read."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CHUNK_BYTES = 8192

# What the kernel makes in one go, it hands out in one go; a file of many lines, a page of whole
# lines at a time. So less than half of the smallest page is the end.
_HALF_PAGE_BYTES = 2048


@contextmanager
def directory(path: Path) -> Iterator[int]:
    """Open a directory, to read files below it without walking there for each.

    Raises:
        OSError: There is none such, or it may not be entered.
    """
    descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_all(paths: Iterable[tuple[str, str]], below: int) -> dict[str, bytes]:
    """Return what files hold by their names, without those that cannot be read.

    Args:
        paths: The name and the path of each, from an open directory on.
        below: That directory.
    """
    contents = {}
    for name, path in paths:
        content = read(path, below)
        if content is not None:
            contents[name] = content
    return contents


def read(path: str, below: int) -> bytes | None:
    """Return what a file holds; None where it cannot be read, or not any more.

    Args:
        path: The file, from an open directory on.
        below: That directory.
    """
    try:
        # Python's own default: not passed on to programs that are started.
        descriptor = os.open(path, os.O_RDONLY, dir_fd=below)
    except OSError:
        return None
    try:
        content = chunk = os.read(descriptor, _CHUNK_BYTES)
        while len(chunk) >= _HALF_PAGE_BYTES:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            content += chunk
    except OSError:
        return None
    else:
        return content
    finally:
        os.close(descriptor)
