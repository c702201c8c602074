"""The committed dashboards, as the tests read them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAFANA = Path(__file__).parents[2] / "grafana"

DASHBOARDS: dict[str, dict[str, Any]] = {
    file.name: json.loads(file.read_text()) for file in sorted(GRAFANA.glob("dashboards/*.json"))
}


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel, or of an annotation.

    Attributes:
        where: The file and the title, for messages.
        expression: In PromQL, with Grafana's variables.
        instant: Asked for one moment, not over the time range.
    """

    where: str
    expression: str
    instant: bool


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels of a dashboard that are not the heading of a row."""
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def targets(name: str) -> Iterator[Target]:
    """Yield every query of a dashboard, those of its annotations too."""
    dashboard = DASHBOARDS[name]
    for panel in panels(dashboard):
        for target in panel["targets"]:
            where = f"{name}: {panel['title']} {target['refId']}"
            yield Target(where, target["expr"], target.get("instant", False))
    for annotation in dashboard["annotations"].get("list", ()):
        yield Target(f"{name}: mark {annotation['name']}", annotation["expr"], instant=False)


def variables(name: str) -> dict[str, dict[str, Any]]:
    """Return the variables of a dashboard by name."""
    return {variable["name"]: variable for variable in DASHBOARDS[name]["templating"]["list"]}


def filled_in(text: str, *, interval: str = "5m", span: str = "1h") -> str:
    """Return PromQL with Grafana's variables replaced as it does for "All"."""
    text = text.replace("$__rate_interval", interval).replace("$__range", span)
    text = text.replace("$project", ".*")
    return re.sub(r"\$(job|instance|container)\b", ".+", text)
