"""Measuring: exporters side by side on one engine, turn and turn about."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from bench.exporters import running
from bench.figures import Cpu, Figures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.engines import BenchEngine
    from bench.exporters import Exporter, RunningExporter

# After a scrape, for what the engine still does for it.
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much to measure. Who is slow gets fewer scrapes, but one at least.

    Attributes:
        scrapes: Of each exporter with a pause after each, and as many back to back.
        budget: Seconds of one exporter for either kind.
        longest: Seconds of one scrape beyond which an exporter is left out.
        starts: Of each exporter, one after the other.
        settle: Seconds until the next one's turn, uncounted: an engine that was asked for two
            samples looks once more a second later.
        idle: Seconds without a scrape.
        soak: Scrapes of each exporter, all at once, for its memory afterwards; 0 for none.
        replaced: Containers that come and go meanwhile.
        soak_budget: Seconds for that.
    """

    scrapes: int
    budget: float
    longest: float
    starts: int
    settle: float
    idle: float
    soak: int
    replaced: int
    soak_budget: float


def measure(
    engine: BenchEngine, exporters: Sequence[Exporter], effort: Effort, directory: Path
) -> list[Figures]:
    """Return the figures of each exporter, with the containers that run now.

    Args:
        engine: Whom all of them ask.
        exporters: Which ones.
        effort: How much to measure.
        directory: For what they print.

    Raises:
        RuntimeError: An exporter ended by itself.
    """
    containers = engine.containers()
    result = []
    with ExitStack() as stack:
        subjects: list[_Subject] = []
        for exporter in exporters:
            figures = Figures(exporter.name, engine.version, containers)
            result.append(figures)
            seconds = exporter.seconds_per_container * containers
            if seconds > effort.longest:
                figures.left_out = f"a scrape takes {seconds:.0f} s"
                continue
            log = directory / f"{len(subjects)}.log"
            process = stack.enter_context(running(exporter, engine.engine.host, log))
            subject = _Subject(process, engine, figures, effort.settle)
            subject.begin(effort)
            subjects.append(subject)
            while len(figures.starts) < effort.starts and sum(figures.starts) < effort.budget:
                with running(exporter, engine.engine.host, log) as another:
                    figures.starts.append(another.listened_after + another.scrape().seconds)
        for _ in range(effort.scrapes):
            for subject in subjects:
                subject.take_turn(effort)
        for subject in subjects:
            subject.scrape_back_to_back(effort)
        _rest(subjects, effort.idle)
        _soak(subjects, engine, effort)
        for subject in subjects:
            subject.figures.resident = subject.exporter.cpu.resident_bytes()
    return result


class _Subject:
    """An exporter that runs, and what has been measured of it.

    Attributes:
        slow: Whether one scrape takes all the time that there is.
    """

    slow = False

    def __init__(
        self, exporter: RunningExporter, engine: BenchEngine, figures: Figures, settle: float
    ) -> None:
        self.exporter = exporter
        self.figures = figures
        self._engine = engine
        self._settle = settle

    def begin(self, effort: Effort) -> None:
        """Take the first scrape: it does more than later ones, and counts only if it must."""
        figures = self.figures
        self._scrape_spaced()
        figures.starts.append(self.exporter.listened_after + figures.spaced[0])
        figures.resident_at_start = self.exporter.cpu.resident_bytes()
        self.slow = figures.spaced[0] >= effort.budget
        if not self.slow:
            figures.spaced.clear()
            figures.cpu.clear()

    def take_turn(self, effort: Effort) -> None:
        """Scrape once, unless there is no time left."""
        if sum(self.figures.spaced) < effort.budget:
            self._scrape_spaced()

    def scrape_back_to_back(self, effort: Effort) -> None:
        """Scrape without a pause."""
        latencies = self.figures.back_to_back
        while not self.slow and len(latencies) < effort.scrapes and sum(latencies) < effort.budget:
            latencies.append(self.scrape())

    def scrape(self) -> float:
        """Scrape once, and return how long that took."""
        answer = self.exporter.scrape()
        self.figures.scrapes += 1
        if answer.body:
            self.figures.series, self.figures.size = answer.series, len(answer.body)
        else:
            self.figures.failed += 1
        return answer.seconds

    def _scrape_spaced(self) -> None:
        before = self._cpu()
        self.figures.spaced.append(self.scrape())
        Event().wait(_PAUSE_SECONDS)
        self.figures.cpu.append(self._cpu() - before)
        Event().wait(self._settle)

    def _cpu(self) -> Cpu:
        return Cpu(
            self.exporter.cpu.seconds(),
            self._engine.dockerd.seconds(),
            self._engine.containerd.seconds(),
        )


def _rest(subjects: Sequence[_Subject], seconds: float) -> None:
    """Measure what they use while nobody scrapes."""
    before = [subject.exporter.cpu.seconds() for subject in subjects]
    Event().wait(seconds)
    for subject, used in zip(subjects, before, strict=True):
        subject.figures.idle_ratio = (subject.exporter.cpu.seconds() - used) / seconds


def _soak(subjects: Sequence[_Subject], engine: BenchEngine, effort: Effort) -> None:
    """Scrape all at once for a while, as containers come and go."""
    end = time.monotonic() + effort.soak_budget

    def scrape(subject: _Subject) -> None:
        for _ in range(effort.soak):
            if time.monotonic() >= end:
                return
            subject.scrape()

    def replace() -> None:
        for _ in range(effort.replaced if effort.soak else 0):
            if time.monotonic() >= end:
                return
            engine.replace_one()

    with ThreadPoolExecutor(len(subjects) + 1) as pool:
        tasks = [
            pool.submit(replace),
            *(pool.submit(scrape, one) for one in subjects if not one.slow),
        ]
        for task in tasks:
            task.result()
