"""The labels of series, as the options say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.engine.devices import local_name, number
from exporter.metrics.labels import LabelOptions, Labels

if TYPE_CHECKING:
    import pytest

ID = "f" * 64
DOCKER = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
    "docker-exporter.expected": "true",
    "tier.name": "dots",
    "tier-name": "dash",
}
BASE = {"name": "web", "image": "nginx"}


def test_series_are_lean_by_default() -> None:
    """Name and image alone, whatever the container's own labels."""
    assert Labels(LabelOptions()).of_series(ID, "web", "nginx", DOCKER) == BASE


def test_series_labels_on_demand() -> None:
    """Each of the closed list, in cAdvisor's form; one that a container has not is empty."""
    labels = Labels(LabelOptions(series=("id", "compose_project")))
    assert labels.of_series(ID, "web", "nginx", DOCKER) == BASE | {
        "id": f"/docker/{ID}",
        "compose_project": "shop",
    }
    assert labels.of_series(ID, "web", "nginx", {})["compose_project"] == ""


def test_own_labels_are_always_on_the_info() -> None:
    """Rules rely on them; others must be asked for."""
    labels = Labels(LabelOptions())
    assert labels.of_info(BASE, DOCKER) == BASE | {
        "container_label_docker_exporter_expected": "true"
    }


def test_labels_everywhere() -> None:
    """On demand they are on every series, as cAdvisor has them."""
    labels = Labels(LabelOptions(container_labels=("com.docker.compose.*",), everywhere=True))
    shown = labels.of_series(ID, "web", "nginx", DOCKER)
    assert shown["container_label_com_docker_compose_project"] == "shop"
    assert labels.of_info(shown, DOCKER) == shown


def test_clash_is_resolved_in_a_fixed_order_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first in alphabetical order stays; the log says once which one was left out."""
    labels = Labels(LabelOptions(container_labels=("tier*",)))
    for _ in range(3):
        assert labels.of_info(BASE, DOCKER)["container_label_tier_name"] == "dash"
    records = [record for record in caplog.records if "left out" in record.message]
    assert [vars(record)["label"] for record in records] == ["tier.name"]


def test_device_that_is_not_here_goes_by_its_number() -> None:
    """A label is never empty."""
    assert number(8, 0) == "8:0"
    assert local_name(4095, 1) == "4095:1"
