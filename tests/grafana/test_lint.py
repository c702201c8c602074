"""The rules of Grafana's dashboard-linter, and some of our own.

https://github.com/grafana/dashboard-linter/tree/main/docs/rules has each under its name.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest
from grafana_foundation_sdk.models import units

from grafana import look
from tests.grafana.files import DASHBOARDS, panels, targets, variables
from tests.prometheus.promql import COUNTER_FUNCTIONS, RATES, calls, matchers, parsed, selectors

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {value for value in vars(units).values() if isinstance(value, str)}
COLOURS = {*look.COLOURS, "text"}

# In place of Grafana's own, so that a parser takes them, and they can be told apart.
RATE_INTERVAL, RANGE = "11m", "13h"

pytestmark = pytest.mark.parametrize("name", DASHBOARDS)


def expressions(name: str) -> list[tuple[str, str]]:
    """Return the queries of a dashboard, and where they stand."""
    return [
        (
            target.where,
            target.expression.replace("$__rate_interval", RATE_INTERVAL).replace("$__range", RANGE),
        )
        for target in targets(name)
    ]


def test_template_datasource(name: str) -> None:
    """template-datasource-rule: one variable chooses the data source."""
    found = [one for one in variables(name).values() if one["type"] == "datasource"]
    assert [(one["name"], one["label"], one["query"]) for one in found] == [
        ("datasource", "Data source", "prometheus")
    ]


@pytest.mark.parametrize(("key", "label"), [("job", "Job"), ("instance", "Instance")])
def test_template_job_and_instance(name: str, key: str, label: str) -> None:
    """template-job-rule, template-instance-rule: targets can be chosen, any number of them."""
    variable = variables(name)[key]
    assert variable["type"] == "query"
    assert variable["label"] == label
    assert variable["multi"]
    assert variable["includeAll"]
    assert variable["allValue"] == ".+"


def test_template_queries(name: str) -> None:
    """template-label-promql-rule, template-on-time-change-reload-rule."""
    for variable in variables(name).values():
        if variable["type"] != "query":
            continue
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
        assert found is not None, variable["query"]
        parsed(found[1])
        assert variable["refresh"] == 2
        assert variable["datasource"] == DATASOURCE


def test_uneditable(name: str) -> None:
    """uneditable-dashboard: it is changed in its source."""
    assert DASHBOARDS[name]["editable"] is False


def test_panel_datasource(name: str) -> None:
    """panel-datasource-rule: every panel and query asks the chosen data source."""
    for panel in panels(DASHBOARDS[name]):
        for owner in (panel, *panel["targets"]):
            assert owner["datasource"] == DATASOURCE, panel["title"]


def test_panel_title_and_description(name: str) -> None:
    """panel-title-description-rule."""
    for panel in panels(DASHBOARDS[name]):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]


def test_panel_units(name: str) -> None:
    """panel-units-rule: numbers have a unit that Grafana knows, unless texts stand for them."""
    for panel in panels(DASHBOARDS[name]):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults.get("mappings") or defaults["unit"] in UNITS, panel["title"]
        for override in panel["fieldConfig"]["overrides"]:
            for change in override["properties"]:
                assert change["id"] != "unit" or change["value"] in UNITS, panel["title"]


def test_panel_has_queries(name: str) -> None:
    """panel-no-targets-rule."""
    for panel in panels(DASHBOARDS[name]):
        assert panel["targets"], panel["title"]


def test_queries_choose_targets(name: str) -> None:
    """target-promql-rule, target-job-rule, target-instance-rule."""
    for where, expression in expressions(name):
        for selector in selectors(parsed(expression)):
            assert {'job=~"$job"', 'instance=~"$instance"'} <= matchers(selector), where


def test_queries_take_rates_over_the_rate_interval(name: str) -> None:
    """target-rate-interval-rule."""
    for where, expression in expressions(name):
        for call in calls(parsed(expression)):
            if call.name in RATES:
                assert call.window == RATE_INTERVAL, where


def test_queries_take_rates_of_counters(name: str) -> None:
    """target-counter-agg-rule: a counter is only looked at by its increase."""
    for where, expression in expressions(name):
        tree = parsed(expression)
        counted = {call.metric for call in calls(tree) if call.name in COUNTER_FUNCTIONS}
        names = {selector.name or "" for selector in selectors(tree)}
        assert {each for each in names if each.endswith("_total")} <= counted, where


def test_identity(name: str) -> None:
    """A dashboard is known by its uid, which is its file's name, and no other number."""
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == name.removesuffix(".json")
    assert "id" not in dashboard
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [other["title"] for other in DASHBOARDS.values()]
    assert len(set(titles)) == len(titles)


def test_layout(name: str) -> None:
    """Panels fill rows of the grid's width without gaps or overlaps."""
    cells = [panel["gridPos"] for panel in DASHBOARDS[name]["panels"]]
    for cell in cells:
        assert cell["x"] + cell["w"] <= 24, cell
    for one, other in combinations(cells, 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)
    for y in {cell["y"] for cell in cells}:
        assert sum(cell["w"] for cell in cells if cell["y"] == y) == 24, f"row at {y}"


def test_series_are_named(name: str) -> None:
    """Every series in a graph, timeline or ranking has a name made of its labels or a word."""
    for panel in panels(DASHBOARDS[name]):
        if panel["type"] in ("timeseries", "state-timeline", "bargauge"):
            for target in panel["targets"]:
                assert target["legendFormat"], panel["title"]


def test_colours(name: str) -> None:
    """All colours are of the palette that everybody can tell apart."""
    assert set(_colours(DASHBOARDS[name])) <= COLOURS
    modes = set(_values(DASHBOARDS[name], "mode")) & {"palette-classic", "palette-classic-by-name"}
    assert not modes


def test_links_lead_somewhere(name: str) -> None:
    """Each link leads to a dashboard that exists, and hands over variables that it has."""
    links = [str(url) for url in _values(DASHBOARDS[name], "url") if url]
    for link in links:
        found = re.match(r"/d/([\w-]+)\?", link)
        assert found is not None, link
        assert set(re.findall(r"var-(\w+)=", link)) <= variables(f"{found[1]}.json").keys(), link


def _values(node: Any, key: str) -> list[object]:  # noqa: ANN401 (JSON of any shape)
    """Return all values under a key, at any depth."""
    if isinstance(node, list):
        return [value for each in node for value in _values(each, key)]
    if not isinstance(node, dict):
        return []
    below = [value for each in node.values() for value in _values(each, key)]
    return [node[key], *below] if key in node else below


def _colours(dashboard: dict[str, Any]) -> list[object]:
    """Return every colour of a dashboard."""
    keys = ("fixedColor", "iconColor", "color")
    found = [value for key in keys for value in _values(dashboard, key)]
    return [value for value in found if isinstance(value, str)]
