"""What the process asks of its system, and what it should not have asked for."""

from __future__ import annotations

import contextlib
import resource


def raise_file_limit() -> int:
    """Allow as many open files as may be allowed, and return how many those are.

    Many systems start programs with 1024, for the sake of those that cannot count further.
    """
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A sandbox may forbid even that.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        files = most
    return files
