"""The catalogue of metrics, and the page that is made of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.metrics import catalogue
from exporter.metrics.reference import render_reference

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
METRICS = catalogue.METRICS


def test_page_is_up_to_date() -> None:
    """`docs/metrics.md` says what the code does: `make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == render_reference()


def test_every_metric_stands_in_the_page_once() -> None:
    """No section was forgotten."""
    rows = re.findall(r"^\| `(\w+)` \|", render_reference(), re.MULTILINE)
    assert sorted(rows) == sorted(metric.name for metric in METRICS)


def test_names_are_unique() -> None:
    """No two rows claim the same name, nor would one's suffix make it another's."""
    names = [metric.name.removesuffix("_total") for metric in METRICS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_rules(metric: catalogue.Metric[object]) -> None:
    """Counters end in `_total` and nothing else does; no percentages; help is a sentence."""
    assert metric.name.endswith("_total") is (metric.kind == "counter")
    assert "percent" not in metric.name
    assert metric.help.endswith(".")
    assert not {"job", "instance", "le", "quantile", "type"} & set(metric.labels)
