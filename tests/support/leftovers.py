"""What a process holds, to be compared before and after."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Holdings:
    """What this process holds.

    Attributes:
        threads: Its threads.
        files: How many files it has open, by path; sockets and pipes, which have none, by kind.
        children: How many processes it has started, by name.
    """

    threads: frozenset[str]
    files: Counter[str]
    children: Counter[str]

    @classmethod
    def now(cls) -> Holdings:
        """Look at what is held."""
        # The SDK leaves a socket that could not connect to the garbage collector.
        gc.collect()
        return cls(
            frozenset(f"{thread.name} {thread.ident}" for thread in threading.enumerate()),
            Counter(_open_files()),
            Counter(children()),
        )

    def more_than(self, before: Holdings) -> list[str]:
        """Return what is held beyond what was held before."""
        return [
            *sorted(self.threads - before.threads),
            *sorted(self.children - before.children),
            *sorted(self.files - before.files),
        ]


def wait_for_nothing_more_than(before: Holdings) -> None:
    """Wait until nothing is held that was not held before.

    Raises:
        TimeoutError: Something stays; the text says what.
    """
    wait_until(
        lambda: Holdings.now().more_than(before),
        _TIMEOUT_SECONDS,
        "nothing is left",
        accept=lambda more: not more,
    )


@contextlib.contextmanager
def nothing_left_open() -> Iterator[None]:
    """Make sure that every socket and file is closed, and none left to the garbage collector."""
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    if said:
        raise AssertionError([str(one.message) for one in said])


def children() -> list[str]:
    """Return the names of the processes that this one has started (proc(5))."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            before, _, fields = stat.read_text().rpartition(")")
            if int(fields.split()[1]) == os.getpid():
                found.append(before.partition("(")[2])
    return found


def resident_bytes() -> int:
    """Return how much memory this process has (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def _open_files() -> list[str]:
    files = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # That of the listing itself is closed by now.
            files.append(str(link.readlink()).partition(":")[0])
    return files
