"""What containers use: from the kernel's files where they are here, else from the engine."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from exporter.metrics.asking import persist
from exporter.model import ContainerStats
from exporter.stats import cpu_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.deadline import Deadline
    from exporter.engine.base import Engine
    from exporter.engine.kernel.source import KernelFiles
    from exporter.errors import CgroupNotFoundError, EngineError
    from exporter.metrics.reading import Progress
    from exporter.model import Container, CpuCounters

logger = logging.getLogger(__name__)


class UsageReader:
    """Reads the stats of containers, pass after pass, each from the source that has it."""

    def __init__(self, kernel: KernelFiles | None = None, *, ask_engine: bool = True) -> None:
        """Prepare to read.

        Args:
            kernel: The kernel's files, which are read first; None for the engine alone.
            ask_engine: Whether the engine is asked for what is not in them.
        """
        self._kernel = kernel
        self._ask_engine = ask_engine
        self._told = False
        self._previous_cpu: dict[str, CpuCounters] = {}

    def read(self, engine: Engine, progress: Progress, deadline: Deadline) -> list[str]:
        """Read what each running container uses into `progress`.

        Returns:
            The ids of containers that are not what they were when they were inspected.
        """
        containers = progress.running()
        left, changed = [container.id for container in containers], list[str]()
        if self._kernel is not None:
            left, changed = self._read_files(self._kernel, containers, progress, deadline)
        for one, result in persist(engine.read_stats_of, left, deadline):
            self._take(one, result, progress)
        listed = {row.id for row in progress.rows or ()}
        self._previous_cpu = {k: v for k, v in self._previous_cpu.items() if k in listed}
        return changed

    def _read_files(
        self,
        kernel: KernelFiles,
        containers: Sequence[Container],
        progress: Progress,
        deadline: Deadline,
    ) -> tuple[list[str], list[str]]:
        """Read the kernel's files; return the ids to ask the engine for, and those that changed."""
        changed: list[str] = []
        absent: dict[str, CgroupNotFoundError] = {}
        for one, result in kernel.read_stats_of(containers):
            if isinstance(result, ContainerStats):
                self._take(one, result, progress)
            elif result is None:
                changed.append(one)
            else:
                absent[one] = result
            if deadline.expired:
                # What has not been read by now is late, and counts as that.
                break
        if absent and (len(absent) == len(containers) or not self._ask_engine):
            self._tell_once(next(iter(absent.values())))
        if self._ask_engine:
            return [*changed, *absent], changed
        progress.stats |= {**dict.fromkeys(changed), **absent}
        return [], changed

    def _tell_once(self, error: CgroupNotFoundError) -> None:
        if self._told:
            return
        self._told = True
        level, instead = (logging.INFO, "api") if self._ask_engine else (logging.WARNING, "nothing")
        logger.log(
            level,
            "stats cannot be read from the kernel's files",
            extra={"error": str(error), "instead": instead},
        )

    def _take(
        self, one: str, result: ContainerStats | EngineError | None, progress: Progress
    ) -> None:
        if isinstance(result, ContainerStats):
            progress.ratios[one] = self._ratio(one, result)
        progress.stats[one] = result

    def _ratio(self, one: str, stats: ContainerStats) -> float | None:
        """Return the busy processors since the pass before."""
        if stats.cpu is None:
            return stats.cpu_ratio
        previous = self._previous_cpu.get(one)
        self._previous_cpu[one] = stats.cpu
        return None if previous is None else cpu_ratio(previous, stats.cpu)
