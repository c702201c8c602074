"""The committed dashboards are what the code builds, and what the SDK knows."""

from __future__ import annotations

import json

import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.build import dashboards, encode
from tests.grafana.files import DASHBOARDS, GRAFANA


def test_committed_dashboards_are_up_to_date() -> None:
    """Each file is what the code builds; `python -m grafana.build` writes them anew."""
    committed = {file.name: file.read_text() for file in GRAFANA.glob("dashboards/*")}
    assert committed == dashboards()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_sdk_reads_it_without_loss(name: str) -> None:
    """Nothing in a file is unknown to the SDK's schema of a dashboard."""
    register_default_plugins()
    read = Dashboard.from_json(DASHBOARDS[name])
    assert json.loads(encode(read)) == DASHBOARDS[name]
