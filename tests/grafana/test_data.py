"""Every query of every dashboard, asked of a Prometheus that has watched real containers."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.grafana.conftest import SCRAPE_SECONDS
from tests.grafana.files import DASHBOARDS, Target, filled_in, targets, variables

if TYPE_CHECKING:
    from tests.grafana.conftest import Observed

# What an hour of looking at a dashboard is to these tests.
SPAN_SECONDS = 60

# Grafana takes four scrapes for its $__rate_interval.
INTERVAL_SECONDS = 4 * SCRAPE_SECONDS

# Queries that need not have data here, and why.
WITHOUT_DATA = {
    "docker-exporter.json: Failed requests A": "no request to the engine needs to have failed",
    "docker-exporter.json: Containers given up A": "nothing has needed healing",
}


def test_every_query_has_data(observed: Observed, capsys: pytest.CaptureFixture[str]) -> None:
    """Each query of each dashboard gives data, but for those that cannot have any here."""
    asked = [target for name in DASHBOARDS for target in targets(name)]
    empty = [target for target in asked if not _has_data(observed, target)]
    with capsys.disabled():
        sys.stdout.write(
            f"\ndashboards: {len(asked)} queries tried, {len(asked) - len(empty)} with data, "
            f"{len(WITHOUT_DATA)} stated exceptions\n"
        )
    assert {target.where for target in empty} <= WITHOUT_DATA.keys()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_variable_has_values(observed: Observed, name: str) -> None:
    """Each list to choose from has something to choose."""
    queries = {
        key: variable["query"]
        for key, variable in variables(name).items()
        if variable["type"] == "query"
    }
    assert {"job", "instance"} <= queries.keys()
    for key, query in queries.items():
        assert _choices(observed, query, variables(name)[key].get("regex", "")), key


def _has_data(observed: Observed, target: Target) -> bool:
    expression = filled_in(
        target.expression, interval=f"{INTERVAL_SECONDS}s", span=f"{SPAN_SECONDS}s"
    )
    if target.instant:
        return bool(observed.query(expression))
    return bool(observed.query_range(expression, SPAN_SECONDS))


def _choices(observed: Observed, query: str, regex: str) -> list[str]:
    """Return what Grafana offers for a variable."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert found is not None, query
    selector, label = found.groups()
    values = observed.label_values(label, filled_in(selector))
    return [value for value in values if re.search(regex.strip("/"), value)]
