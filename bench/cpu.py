"""The CPU time of processes and of all that they start, by a cgroup around them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_EMPTY_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class CpuGroup:
    """A cgroup that does nothing but count: exact, and children that have ended are in it."""

    directory: Path

    def add(self, pid: int) -> None:
        """Count a process from now on, and what it will start."""
        (self.directory / "cgroup.procs").write_text(str(pid))

    def pids(self) -> list[int]:
        """Return the processes that run in it."""
        return [int(line) for line in (self.directory / "cgroup.procs").read_text().split()]

    def seconds(self) -> float:
        """Return the CPU seconds that have been used in it by now."""
        nanoseconds = self.directory / "cpuacct.usage"  # cgroup v1
        if nanoseconds.exists():
            return int(nanoseconds.read_text()) / 1e9
        _, microseconds, *_ = (self.directory / "cpu.stat").read_text().split()  # cgroup v2
        return int(microseconds) / 1e6

    def resident_bytes(self) -> int:
        """Return the memory that its processes have in RAM, shared pages too (RSS)."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def cpu_group(name: str) -> Iterator[CpuGroup]:
    """Give a cgroup, and remove it when all that ran in it has ended.

    Args:
        name: Of the cgroup; the process id of the bench is added.

    Raises:
        RuntimeError: No cgroup can count CPU time here.
    """
    group = CpuGroup(_mount_point() / f"bench-{os.getpid()}-{name}")
    group.directory.mkdir()
    try:
        yield group
    finally:
        wait_until(lambda: not group.pids(), _EMPTY_TIMEOUT_SECONDS, f"nothing runs in {name}")
        group.directory.rmdir()


def _mount_point() -> Path:
    """Return where the cgroups are that count CPU time."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    for _, where, kind, options, *_ in mounts:
        if kind == "cgroup" and "cpuacct" in options.split(","):
            return Path(where)
    for _, where, kind, *_ in mounts:
        if kind == "cgroup2":
            return Path(where)
    raise RuntimeError("No cgroups are mounted here, which the bench counts CPU time with.")
