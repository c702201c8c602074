"""The example configurations of Prometheus and Alertmanager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.prometheus.files import ALERTS, DIRECTORY
from tests.support.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted(DIRECTORY.glob("examples/*.yml"))


@pytest.mark.parametrize(
    "file", [DIRECTORY / "prometheus.yml", *EXAMPLES], ids=lambda file: file.stem
)
def test_prometheus_takes_the_example(file: Path) -> None:
    """Each configuration is valid, and so are the files that it names."""
    run_program("promtool", "check", "config", str(file))


def test_optional_rules_can_be_turned_on(tmp_path: Path) -> None:
    """The line that turns on the optional rules is right as it stands in the comment."""
    text = (DIRECTORY / "prometheus.yml").read_text()
    turned_on = text.replace("# - alerts-restart-policy.yml", "- alerts-restart-policy.yml")
    assert turned_on != text
    for rules in DIRECTORY.glob("*rules.yml"), DIRECTORY.glob("alerts*.yml"):
        for file in rules:
            (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "prometheus.yml").write_text(turned_on)
    said = run_program("promtool", "check", "config", str(tmp_path / "prometheus.yml"))
    assert "3 rule files found" in said


def test_discovery_of_hosts_finds_them() -> None:
    """The example of a file with targets is read."""
    config = str(DIRECTORY / "examples" / "file-sd.yml")
    said = run_program("promtool", "check", "service-discovery", "--timeout=2s", config, "docker")
    assert "host-a.example:9417" in said


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_keep_the_name_of_the_job(file: Path) -> None:
    """All examples scrape under the name that the rules ask for."""
    jobs = [job["job_name"] for job in yaml.safe_load(file.read_text())["scrape_configs"]]
    assert jobs == ["docker"]
    assert 'up{job="docker"}' in ALERTS["DockerExporterDown"]["expr"]


def test_alertmanager_takes_the_example() -> None:
    """The configuration is valid."""
    run_program("amtool", "check-config", str(DIRECTORY / "alertmanager.yml"))


@pytest.mark.parametrize("name", ALERTS)
def test_alerts_reach_people_and_some_the_exporter(name: str) -> None:
    """Every alert reaches people; those that ask for an action reach the exporter first."""
    labels = {"alertname": name, "job": "docker", "instance": "a"} | ALERTS[name]["labels"]
    receivers = run_program(
        "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={DIRECTORY / 'alertmanager.yml'}",
        *(f"{key}={value}" for key, value in labels.items()),
    )
    acts = "docker_exporter_action" in labels
    assert receivers == ("docker-exporter,people" if acts else "people")
