"""The page for those who come from cAdvisor tells the truth."""

from __future__ import annotations

import re

from tests.prometheus.files import ROOT
from tests.prometheus.known import known_metrics
from tests.prometheus.promql import metrics

METRIC = re.compile(r"`((?:container|docker|machine|cadvisor)_[a-z0-9_]+)`")


def sections() -> dict[str, str]:
    """Return the text under each heading."""
    text = (ROOT / "docs" / "from-cadvisor.md").read_text()
    _, *parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_what_carries_over_is_there() -> None:
    """Each metric of the first table is one that the exporter shows."""
    named = METRIC.findall(sections()["What carries over"])
    assert named
    assert set(named) - {"container_info"} <= known_metrics()


def test_what_is_not_there_is_not() -> None:
    """No metric in the first column of the last table is one that the exporter shows."""
    rows = re.findall(r"^\| (`.+?) \|", sections()["What is not there"], re.MULTILINE)
    named = {name for row in rows for name in METRIC.findall(row)}
    assert named
    assert named & known_metrics() == set()


def test_new_queries_are_good() -> None:
    """What to ask for instead is PromQL, and of metrics that are there or node_exporter's."""
    rows = re.findall(r"^ +\| .+ \| (.*`.+) \|$", sections()["How to change over"], re.MULTILINE)
    queries = [code for row in rows for code in re.findall(r"`([^`]*_[^`]*)`", row)]
    assert len(queries) == len(rows)
    named = {name for query in queries for name in metrics(query)}
    assert named - {"node_cpu_seconds_total"} <= known_metrics()
