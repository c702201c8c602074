"""A real Prometheus that scrapes the real program, in both modes, and what it makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import zoo as animals
from tests.support.exporter import serving
from tests.support.modes import environment_for
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import PrivateEngine

LATE = 60.0
STATES = {specimen.name: specimen.state.status for specimen in animals.SPECIMENS}


def scrape_config(address: str) -> dict[str, object]:
    """Return the configuration of a Prometheus that scrapes one address."""
    # Reading through the command takes the engine two seconds.
    times = {"scrape_interval": "5s", "scrape_timeout": "5s"}
    target = {"targets": [address]}
    return {"scrape_configs": [{"job_name": "docker", **times, "static_configs": [target]}]}


def test_prometheus_sees_every_container(mode: str, zoo: PrivateEngine, tmp_path: Path) -> None:
    """The target is up, no sample is refused, and each container is there with its state."""
    environment = environment_for(mode, zoo, tmp_path)
    with (
        serving(tmp_path / "log", **environment) as exporter,
        Prometheus(scrape_config(exporter.address)) as prometheus,
    ):
        wait_until(lambda: prometheus.query("docker_up == 1"), LATE, "a scrape")
        assert prometheus.query("up == 1")
        scraped = prometheus.query("scrape_samples_scraped")[0][1]
        assert prometheus.query("scrape_samples_post_metric_relabeling")[0][1] == scraped
        states = {
            labels["name"]: labels["state"]
            for labels, _ in prometheus.query("container_state == 1")
        }
        assert {name: states[name] for name in STATES if STATES[name] != "restarting"} == {
            name: state for name, state in STATES.items() if state != "restarting"
        }
        assert prometheus.query("container_memory_working_set_bytes > 0")
        # In CLI mode too: the exporter shares the machine with the engine.
        assert prometheus.query("container_cpu_usage_seconds_total")
        (target,) = prometheus.get("targets")["activeTargets"]
        assert target["health"] == "up"
        assert target["lastError"] == ""
