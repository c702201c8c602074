"""What is measured of an exporter."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds of the three that work for a scrape."""

    exporter: float
    dockerd: float
    containerd: float

    def __sub__(self, before: Cpu) -> Cpu:
        """Return what was used since."""
        return Cpu(
            self.exporter - before.exporter,
            self.dockerd - before.dockerd,
            self.containerd - before.containerd,
        )


@dataclass(slots=True)
class Figures:
    """What was measured of one exporter, in seconds and bytes.

    Attributes:
        exporter: Its name.
        engine: The version of the engine.
        containers: How many ran.
        left_out: Why nothing was measured; empty where it was.
        starts: From the start of its process to the end of its first answer, of several starts.
        spaced: Latencies of scrapes with a pause between them.
        cpu: What each of these took.
        back_to_back: Latencies of scrapes without a pause.
        idle_ratio: Of one processor, used while nobody scrapes.
        resident_at_start: RSS after the first scrape.
        resident: RSS after all scrapes.
        scrapes: How many those were.
        failed: How many of them were not answered with metrics.
        series: In its last exposition.
        size: Of that in bytes, before compression.
    """

    exporter: str
    engine: str
    containers: int
    left_out: str = ""
    starts: list[float] = field(default_factory=list)
    spaced: list[float] = field(default_factory=list)
    cpu: list[Cpu] = field(default_factory=list)
    back_to_back: list[float] = field(default_factory=list)
    idle_ratio: float = 0
    resident_at_start: int = 0
    resident: int = 0
    scrapes: int = 0
    failed: int = 0
    series: int = 0
    size: int = 0
