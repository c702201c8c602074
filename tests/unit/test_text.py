"""What `docker stats` prints: every line it can print, and rubbish."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.text import parse_count, parse_pair, parse_percent, parse_row, parse_size
from exporter.errors import EngineResponseError
from exporter.model import ContainerStats, MemoryStats

SI = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
IEC = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def go_size(size: int, base: int, units: tuple[str, ...], digits: int) -> str:
    """Return a size as go-units prints it (`CustomSize`): Go's `%.3g` is that of C and Python."""
    value, unit = float(size), 0
    while value >= base and unit < len(units) - 1:
        value /= base
        unit += 1
    return f"{value:.{digits}g}{units[unit]}"


@given(st.integers(min_value=0, max_value=2**63))
def test_every_memory_size_is_read_to_four_digits(size: int) -> None:
    """What the command prints for a number of bytes comes back within its rounding."""
    assert parse_size(go_size(size, 1024, IEC, 4)) == pytest.approx(size, rel=0.6e-3, abs=1)


@given(st.integers(min_value=0, max_value=2**63))
def test_every_io_size_is_read_to_three_digits(size: int) -> None:
    """The same in powers of 1000, with the exponents that three digits bring along."""
    assert parse_size(go_size(size, 1000, SI, 3)) == pytest.approx(size, rel=0.6e-2, abs=1)


@given(st.floats(min_value=0, max_value=1e6))
def test_every_percentage_is_read_to_two_decimals(percent: float) -> None:
    """100 % is 1.0, and 12,800 % is what a machine of 128 processors can reach."""
    assert parse_percent(f"{percent:.2f}%") == pytest.approx(percent / 100, abs=0.6e-4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0B", 0),
        ("1e+03kB", 1_000_000),
        ("999kB", 999_000),
        ("1.5GiB", 1_610_612_736),
        ("1024KiB", 1024 * 1024),
        ("-- ", None),
    ],
)
def test_sizes_as_captured(text: str, expected: int | None) -> None:
    """Powers of 1000 and of 1024 are told apart, and `--` is not known."""
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "B", "12", "12 kB", "-1B", "1e5B", "nanB", "infB", "0x1B", "1,5kB", "1KB", "\u0661B"],
)
def test_what_is_no_size_is_an_error(text: str) -> None:
    """A unit that the command never prints is refused rather than guessed."""
    with pytest.raises(EngineResponseError, match="docker command printed"):
        parse_size(text)


@given(st.text())
def test_rubbish_gives_a_value_or_a_clear_error(text: str) -> None:
    """No text whatever makes a parser fail in another way, or give anything but a number."""
    for parse in (parse_size, parse_percent, parse_count, lambda pair: parse_pair(pair)[0]):
        try:
            value = parse(text)
        except EngineResponseError as error:
            assert "printed" in str(error)  # noqa: PT017 (most examples raise nothing)
        else:
            assert value is None or (math.isfinite(value) and value >= 0)


@given(st.binary())
def test_rubbish_lines_are_an_error(line: bytes) -> None:
    """A line that is no JSON object is refused."""
    with pytest.raises(EngineResponseError):
        parse_row(line)


def row(**columns: str) -> str:
    """Return a line of the command."""
    printed = {
        "BlockIO": "0B / 13.3kB",
        "CPUPerc": "150.25%",
        "Container": "web",
        "ID": "abc",
        "MemPerc": "0.24%",
        "MemUsage": "2.352MiB / 982.5MiB",
        "Name": "web",
        "NetIO": "539kB / 606kB",
        "PIDs": "2",
    }
    return json.dumps(printed | columns)


def test_row_gives_what_is_good_enough_for_a_gauge() -> None:
    """CPU, memory and processes; network and block I/O are rounded counters, so no value."""
    one, stats = parse_row(row())
    assert one == "abc"
    assert stats == ContainerStats(
        cpu_ratio=1.5025,
        memory=MemoryStats(working_set=2466251, shown_usage=2466251, limit=1030225920),
        memory_ratio=0.0024,
        pids=2,
    )


def test_row_of_dashes_knows_nothing() -> None:
    """What the command could not learn is None, never 0."""
    dashes = row(CPUPerc="--", MemPerc="--", MemUsage="-- / --", PIDs="--")
    assert parse_row(dashes) == ("abc", ContainerStats())


def test_row_of_a_stopped_container_is_no_reading() -> None:
    """The zeros that the command prints for it are not values."""
    assert parse_row(row(CPUPerc="0.00%", MemUsage="0B / 0B", PIDs="0")) == ("abc", None)


def test_row_without_a_memory_cgroup_has_no_limit() -> None:
    """A limit of 0 stands for a machine whose kernel does not count memory."""
    _, stats = parse_row(row(MemUsage="0B / 0B"))
    assert stats is not None
    assert stats.memory.limit is None


@pytest.mark.parametrize("column", ["CPUPerc", "MemUsage", "MemPerc", "PIDs"])
def test_row_with_one_bad_column_is_an_error(column: str) -> None:
    """A line is taken whole or not at all."""
    with pytest.raises(EngineResponseError):
        parse_row(row(**{column: "soon"}))
