"""The queries of the dashboards name only what there is."""

from __future__ import annotations

import pytest

from tests.grafana.files import DASHBOARDS, filled_in, targets
from tests.prometheus.known import known_metrics
from tests.prometheus.promql import metrics


@pytest.mark.parametrize("name", DASHBOARDS)
def test_metrics_exist(name: str) -> None:
    """Each query is PromQL, and each metric in it is one that the exporter shows."""
    known = known_metrics()
    for target in targets(name):
        assert metrics(filled_in(target.expression)) <= known, target.where
