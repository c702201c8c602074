"""The choice of format and encoding."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.web.negotiation import Format, accepts_gzip, negotiate

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
TEXT_1 = "text/plain; version=1.0.0; charset=utf-8; escaping="
TEXT_0 = "text/plain; version=0.0.4; charset=utf-8"

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,"
    "application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_5 = (
    "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (PROMETHEUS_3, OPENMETRICS + "allow-utf-8"),
        (PROMETHEUS_2_42, OPENMETRICS + "underscores"),
        (PROMETHEUS_2_5, TEXT_0),
        (FIREFOX, TEXT_0),
        ("", TEXT_0),
        ("*/*", TEXT_0),
        ("text/*", TEXT_0),
        ("text/plain", TEXT_0),
        ("text/plain;version=1.0.0", TEXT_1 + "underscores"),
        ("text/plain;version=1.0.0;escaping=values", TEXT_1 + "values"),
        ("application/*", OPENMETRICS + "underscores"),
        ("application/openmetrics-text", OPENMETRICS + "underscores"),
        ("Application/OpenMetrics-Text; Version=1.0.0", OPENMETRICS + "underscores"),
    ],
)
def test_format_is_what_was_asked_for(accept: str, content_type: str) -> None:
    """What scrapers and browsers really send gets the answer that they prefer."""
    assert negotiate(accept)[1] == content_type


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("application/openmetrics-text;q=0.2,text/plain;q=0.3", Format.TEXT_0_0_4),
        ("text/plain;q=0.3,application/openmetrics-text;q=0.2", Format.TEXT_0_0_4),
        ("text/plain;version=0.0.4,application/openmetrics-text", Format.TEXT_0_0_4),
        ("application/openmetrics-text,text/plain;version=0.0.4", Format.OPENMETRICS_1_0_0),
        ("*/*,application/openmetrics-text", Format.OPENMETRICS_1_0_0),
        ("text/plain;q=0,*/*", Format.OPENMETRICS_1_0_0),
        ("application/openmetrics-text;q=0,*/*;q=0.1", Format.TEXT_0_0_4),
        ("text/plain;version=0.0.4;q=0,text/plain;q=0.5", Format.TEXT_1_0_0),
        ("text/plain;q=0.1,text/*;q=0.9,application/*;q=0.5", Format.OPENMETRICS_1_0_0),
    ],
)
def test_best_quality_wins(accept: str, chosen: Format) -> None:
    """The closest entry gives a format its quality; of equals, what was named first wins."""
    assert negotiate(accept)[0] is chosen


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=abc",
        "application/openmetrics-text;version=9.0.0",
        "application/openmetrics-text;version=",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=high",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=0",
        "application/json",
        "text/plain;version=2",
        ",,;;=,;q",
        "=;/*",
    ],
)
def test_what_makes_no_sense_is_passed_over(accept: str) -> None:
    """A header that fits no format gets the default rather than an error."""
    assert negotiate(accept)[1] == TEXT_0


def test_quoted_version_is_understood() -> None:
    """A parameter may be a quoted string."""
    assert negotiate('application/openmetrics-text;version="1.0.0"')[0] is Format.OPENMETRICS_1_0_0


@pytest.mark.parametrize("scheme", ["dots", "nonsense", ""])
def test_escaping_that_would_change_names_is_answered_in_the_default(scheme: str) -> None:
    """A scheme under which our names would not be themselves is not promised."""
    accept = f"text/plain;version=1.0.0;escaping={scheme}"
    assert negotiate(accept)[1] == TEXT_1 + "underscores"


@given(st.text())
@example("application/openmetrics-text;version=" + "9" * 5000)
def test_any_header_gets_a_format(accept: str) -> None:
    """Nothing that a client can send is an error."""
    chosen, content_type = negotiate(accept)
    assert content_type.startswith("; version=".join(chosen.value))


@given(
    st.permutations(list(Format)),
    st.lists(st.integers(0, 1000), min_size=3, max_size=3, unique=True),
)
def test_highest_of_different_qualities_wins_in_any_order(
    formats: list[Format], qualities: list[int]
) -> None:
    """The order of the entries does not matter where their qualities differ."""
    entries = [
        f"{one.value[0]};version={one.value[1]};q={quality / 1000}"
        for one, quality in zip(formats, qualities, strict=True)
    ]
    best = formats[qualities.index(max(qualities))]
    assert negotiate(",".join(entries))[0] is best


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.1", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("*", True),
        ("", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("identity", False),
        ("deflate", False),
        ("gzip;q=much", False),
        ("notgzip", False),
    ],
)
def test_compression_is_by_consent(header: str, *, accepted: bool) -> None:
    """A quality of 0 is a refusal, and silence is no consent."""
    assert accepts_gzip(header) is accepted
