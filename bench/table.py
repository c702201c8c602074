"""The figures as a table in Markdown."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.figures import Figures

_MIB = 1024 * 1024
_NOTHING = "-"


def render(figures: Sequence[Figures]) -> str:
    """Return a table of figures that were measured on one engine with so many containers."""
    engine, containers = figures[0].engine, figures[0].containers
    return f"Docker Engine {engine}, {containers} containers:\n\n{_table(figures)}"


def _table(columns: Sequence[Figures]) -> str:
    lines = [["", *(one.exporter for one in columns)]]
    lines += [[title, *map(text, columns)] for title, text in _ROWS]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    notes = (f"\n{one.exporter}: left out, {one.left_out}.\n" for one in columns if one.left_out)
    return "".join([*(_line(cells, widths) for cells in lines), *notes])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return f"| {' | '.join(padded)} |\n"


def _milliseconds(values: Iterable[float], summary: Callable[[Iterable[float]], float]) -> str:
    known = list(values)
    return f"{summary(known) * 1000:.0f}" if known else _NOTHING


def _cpu(*parts: str) -> Callable[[Figures], str]:
    """Return what writes the sum of the medians of some fields of `Cpu`.

    Each has its own, since their bursts come at different times: the shims of idle containers work
    in bursts of several seconds, asked or not.
    """
    return lambda one: _milliseconds(
        (median(getattr(cpu, part) for cpu in one.cpu) for part in parts if one.cpu), sum
    )


def _measured(text: Callable[[Figures], str]) -> Callable[[Figures], str]:
    return lambda one: _NOTHING if one.left_out else text(one)


_ROWS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("start to first answered scrape, ms", lambda one: _milliseconds(one.starts, median)),
    ("scrapes with pauses", _measured(lambda one: str(len(one.spaced)))),
    ("- latency, median, ms", lambda one: _milliseconds(one.spaced, median)),
    ("- latency, worst, ms", lambda one: _milliseconds(one.spaced, max)),
    ("- CPU of the exporter, ms", _cpu("exporter")),
    ("- CPU of dockerd, ms", _cpu("dockerd")),
    ("- CPU of containerd and shims, ms", _cpu("containerd")),
    ("- CPU of all, ms", _cpu("exporter", "dockerd", "containerd")),
    ("latency back to back, median, ms", lambda one: _milliseconds(one.back_to_back, median)),
    ("CPU in a minute without scrapes, ms", _measured(lambda one: f"{one.idle_ratio * 60000:.0f}")),
    ("RSS after one scrape, MiB", _measured(lambda one: f"{one.resident_at_start / _MIB:.1f}")),
    ("RSS after all scrapes, MiB", _measured(lambda one: f"{one.resident / _MIB:.1f}")),
    ("- number of all scrapes", _measured(lambda one: str(one.scrapes))),
    ("- failed ones", _measured(lambda one: str(one.failed))),
    ("series", _measured(lambda one: str(one.series))),
    ("bytes of an exposition", _measured(lambda one: str(one.size))),
)
