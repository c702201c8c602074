"""Builds the dashboards: `python -m grafana.build` writes `grafana/dashboards/*.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import container, exporter, fleet, host

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

DIRECTORY = Path(__file__).parent / "dashboards"


def dashboards() -> dict[str, str]:
    """Return the text of each file in the directory, by name."""
    built = (part.dashboard() for part in (fleet, host, container, exporter))
    return {f"{dashboard.uid}.json": encode(dashboard) for dashboard in built}


def encode(dashboard: Dashboard) -> str:
    """Return a dashboard as the text of its file."""
    plain = json.loads(JSONEncoder().encode(dashboard), object_hook=_without_placement)
    return json.dumps(plain, indent=2, sort_keys=True) + "\n"


def _without_placement(node: dict[str, object]) -> dict[str, object]:
    """Return a node without what would hide links and marks in a menu: the SDK always writes it."""
    return {key: value for key, value in node.items() if key != "placement"}


def main() -> None:
    """Write the files."""
    for name, text in dashboards().items():
        (DIRECTORY / name).write_text(text)


if __name__ == "__main__":
    main()
