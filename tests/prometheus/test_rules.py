"""The rules, their unit tests, and what an alert must have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.prometheus.files import ALERTS, DIRECTORY, RECORDED, ROOT, RULES, load
from tests.prometheus.known import known_metrics
from tests.prometheus.promql import metrics
from tests.support.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

UNIT_TESTS = sorted(DIRECTORY.glob("tests/*.yml"))

RUNBOOKS = "https://github.com/docker-exporter/docker-exporter/blob/main/docs/runbooks.md#"


@pytest.mark.parametrize("file", RULES)
def test_prometheus_takes_the_rules(file: str) -> None:
    """Each file of rules is valid."""
    run_program("promtool", "check", "rules", "--lint-fatal", str(DIRECTORY / file))


@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.stem)
def test_unit_tests_pass(file: Path) -> None:
    """Alerts fire when they should, and at no other time."""
    run_program("promtool", "test", "rules", str(file))


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_unit_tests(name: str) -> None:
    """There is a unit test in which an alert fires, and one in which it does not."""
    cases = [
        bool(case.get("exp_alerts"))
        for file in UNIT_TESTS
        for test in load(file)["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == name
    ]
    assert {True, False} == set(cases)


@pytest.mark.parametrize("name", [*RECORDED, *ALERTS])
def test_metrics_exist(name: str) -> None:
    """Each metric in a rule is one that the exporter shows, or that another rule records."""
    rule = (RECORDED | ALERTS)[name]
    assert metrics(rule["expr"]) <= known_metrics() | RECORDED.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_series_is_used(name: str) -> None:
    """Nothing is recorded that no alert asks for."""
    assert any(name in metrics(alert["expr"]) for alert in ALERTS.values())


@pytest.mark.parametrize("name", ALERTS)
def test_alert_says_what_it_is(name: str) -> None:
    """An alert has a severity, a sentence, a text that names the place, and a runbook."""
    alert = ALERTS[name]
    annotations = alert["annotations"]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert re.fullmatch(r"[A-Z][^{}]+\.", annotations["summary"])
    assert "$labels.instance" in annotations["description"] or name == "DockerExporterMissing"
    assert annotations["runbook_url"] == RUNBOOKS + name.lower()


def test_each_alert_has_a_runbook() -> None:
    """The headings of the runbooks are the alerts, in the order of the files."""
    text = (ROOT / "docs" / "runbooks.md").read_text()
    assert re.findall(r"^## (Docker\w+)$", text, re.MULTILINE) == list(ALERTS)


@pytest.mark.parametrize(
    "name", [name for name, alert in ALERTS.items() if "docker_exporter_action" in alert["labels"]]
)
def test_alert_that_acts_names_the_container(name: str) -> None:
    """An alert that the exporter carries out brings the id by which it knows its containers."""
    alert = ALERTS[name]
    assert alert["labels"]["docker_exporter_action"] in {"start", "restart"}
    joined = r"\* on \(job, instance, name\) group_left \(id\)\s+container_info"
    assert re.search(joined, alert["expr"])
