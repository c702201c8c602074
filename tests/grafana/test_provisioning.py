"""The files that make Grafana load the data source and the dashboards."""

from __future__ import annotations

import yaml

from tests.grafana.files import DASHBOARDS, GRAFANA


def test_datasource_knows_the_scrape_interval() -> None:
    """Grafana's windows for rates fit the example configuration of Prometheus."""
    text = (GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text()
    (source,) = yaml.safe_load(text)["datasources"]
    prometheus = yaml.safe_load((GRAFANA.parent / "prometheus" / "prometheus.yml").read_text())
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]


def test_dashboards_need_no_more_than_a_path() -> None:
    """The provider is of files, and no dashboard has inputs that only an import would fill."""
    text = (GRAFANA / "provisioning" / "dashboards" / "docker.yml").read_text()
    (provider,) = yaml.safe_load(text)["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].startswith("/")
    assert not any("__inputs" in dashboard for dashboard in DASHBOARDS.values())
