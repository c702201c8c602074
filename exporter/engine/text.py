"""What `docker stats` prints, turned into values.

The command rounds everything to three or four digits (docker/cli `formatter_stats.go`,
go-units `size.go`): good enough for a gauge, never for a counter. Memory comes in powers of 1024
(`2.352MiB`), network and block I/O in powers of 1000 (`539kB`); `--` stands for what the command
could not learn.
"""

from __future__ import annotations

import re

import msgspec

from exporter.engine.payload import decode
from exporter.errors import EngineResponseError
from exporter.model import ContainerStats, MemoryStats

UNKNOWN = "--"

_POWERS = "kMGTPEZY"
_UNITS: dict[str, int] = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate(_POWERS, 1)},
    **{f"{letter.upper()}iB": 1024**power for power, letter in enumerate(_POWERS, 1)},
}

# `%.3g` and `%.4g` of Go: digits, perhaps a fraction, perhaps an exponent (`1e+03kB`).
_SIZE = re.compile(r"(\d{1,20}(?:\.\d{1,20})?(?:e[+-]\d\d)?)([a-zA-Z]+)", re.ASCII)
_PERCENT = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)%", re.ASCII)
_COUNT = re.compile(r"\d{1,20}", re.ASCII)


class StatsRow(msgspec.Struct, rename="pascal"):
    """One line of `docker stats --no-stream --format '{{json .}}'`; all values are text."""

    id: str = msgspec.field(name="ID")
    cpu_perc: str = msgspec.field(default=UNKNOWN, name="CPUPerc")
    mem_usage: str = UNKNOWN
    mem_perc: str = UNKNOWN
    pids: str = msgspec.field(default=UNKNOWN, name="PIDs")


def parse_size(text: str) -> int | None:
    """Return a size that the command printed, in bytes; None for `--`.

    Raises:
        EngineResponseError: It is no size.

    Examples:
        >>> parse_size("512MiB"), parse_size("1e+03kB"), parse_size("--")
        (536870912, 1000000, None)
    """
    text = text.strip()
    if text == UNKNOWN:
        return None
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None:
        raise EngineResponseError(f"The docker command printed {text!r} where a size was expected")
    return round(float(match[1]) * unit)


def parse_percent(text: str) -> float | None:
    """Return a percentage that the command printed, as a ratio; None for `--`.

    Raises:
        EngineResponseError: It is no percentage.

    Examples:
        >>> parse_percent("12.50%"), parse_percent("--")
        (0.125, None)
    """
    text = text.strip()
    if text == UNKNOWN:
        return None
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise EngineResponseError(
            f"The docker command printed {text!r} where a percentage was expected"
        )
    return float(match[1]) / 100


def parse_count(text: str) -> int | None:
    """Return a whole number that the command printed; None for `--`.

    Raises:
        EngineResponseError: It is no whole number.

    Examples:
        >>> parse_count("42"), parse_count("--")
        (42, None)
    """
    text = text.strip()
    if text == UNKNOWN:
        return None
    if _COUNT.fullmatch(text) is None:
        raise EngineResponseError(
            f"The docker command printed {text!r} where a number was expected"
        )
    return int(text)


def parse_pair(text: str) -> tuple[int | None, int | None]:
    """Return the two sizes of `USAGE / LIMIT`, in bytes; None for each `--`.

    Raises:
        EngineResponseError: These are not two sizes.

    Examples:
        >>> parse_pair("1KiB / 2KiB"), parse_pair("-- / --")
        ((1024, 2048), (None, None))
    """
    if text.strip() == UNKNOWN:
        return None, None
    left, slash, right = text.partition("/")
    if not slash:
        raise EngineResponseError(
            f"The docker command printed {text!r} where two sizes were expected"
        )
    return parse_size(left), parse_size(right)


def parse_row(line: bytes | str) -> tuple[str, ContainerStats | None]:
    """Return the container id of one line, and its stats; what is `--` is None in them.

    The stats are None for a container that does not run: the command prints zeros for it, and
    a container that runs has at least one process.

    Raises:
        EngineResponseError: The line is none that the command can print.
    """
    row = decode(line, StatsRow, "docker stats")
    used, limit = parse_pair(row.mem_usage)
    pids = parse_count(row.pids)
    if pids == 0:
        return row.id, None
    return row.id, ContainerStats(
        cpu_ratio=parse_percent(row.cpu_perc),
        memory=MemoryStats(working_set=used, shown_usage=used, limit=limit or None),
        memory_ratio=parse_percent(row.mem_perc),
        pids=pids,
    )
