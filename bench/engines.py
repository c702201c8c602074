"""Private engines with idle containers, and the CPU time they use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cpu import CpuGroup, cpu_group
from tests.support.containers import SLEEP
from tests.support.debian_tree import DebianTreeEngine
from tests.support.engine import IMAGE, PrivateEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TREE = Path(__file__).parents[1] / ".cache/debian-13"

KINDS: dict[str, Callable[[], PrivateEngine]] = {
    "local": PrivateEngine,
    "debian-13": lambda: DebianTreeEngine(_TREE),
}

# How many containers are interesting: a new engine in full, an old one for comparison.
CONTAINERS = {"local": (60,), "debian-13": (10, 60, 200)}

# More at once start no sooner.
_STARTED_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class BenchEngine:
    """An engine that runs idle containers only.

    Attributes:
        engine: The engine.
        version: As it tells itself.
        dockerd: Counts its CPU time.
        containerd: Counts that of containerd, its shims and runc; that of the containers not.
    """

    engine: PrivateEngine
    version: str
    dockerd: CpuGroup
    containerd: CpuGroup

    def containers(self) -> int:
        """Return how many containers run."""
        return len(self.engine.docker("ps", "--quiet").split())

    def grow(self, containers: int) -> None:
        """Start idle containers until there are so many."""
        with ThreadPoolExecutor(_STARTED_AT_ONCE) as pool:
            list(pool.map(self._run, range(self.containers(), containers)))

    def replace_one(self) -> None:
        """Start one more container, and remove it."""
        container = self.engine.docker("run", "--detach", IMAGE, *SLEEP)
        self.engine.docker("rm", "--force", container)

    def _run(self, number: int) -> None:
        self.engine.docker("run", "--detach", f"--name=idle-{number:03}", IMAGE, *SLEEP)


@contextmanager
def bench_engine(kind: str) -> Iterator[BenchEngine]:
    """Give an engine without containers.

    Args:
        kind: One of `KINDS`.
    """
    with (
        cpu_group("dockerd") as dockerd,
        cpu_group("containerd") as containerd,
        KINDS[kind]() as engine,
    ):
        dockerd.add(engine.dockerd.pid)
        containerd.add(engine.containerd.pid)
        yield BenchEngine(engine, engine.get("/version")["Version"], dockerd, containerd)
