"""The alerts' expressions, asked of a Prometheus that has watched real containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.grafana.conftest import FULL, LOOP, WEB
from tests.prometheus.files import ALERTS
from tests.support import zoo as animals

if TYPE_CHECKING:
    from tests.grafana.conftest import Observed
    from tests.support.engine import PrivateEngine

# The containers that meet an alert's condition; whether for long enough, unit tests look after.
MET = {
    "DockerContainerExpectedDown": {FULL},
    "DockerContainerCouldNotStart": {animals.COULD_NOT_START},
    "DockerContainerOomKilled": {FULL, animals.OOM_KILLED},
    "DockerContainerExitedWithError": {animals.EXITED_3},
    "DockerContainerUnhealthy": {animals.UNHEALTHY},
    "DockerContainerStartingTooLong": {animals.STARTING},
}

# Those that are restarted over and over, and the one that works, are sometimes met there.
NOW_AND_THEN = {animals.RESTARTING, LOOP, WEB}


@pytest.mark.parametrize("name", [name for name in ALERTS if name.startswith("DockerContainer")])
def test_alert_is_of_the_right_containers(observed: Observed, name: str) -> None:
    """The condition holds for the containers in that trouble, and for no other."""
    met = {labels["name"] for labels, _ in observed.query(ALERTS[name]["expr"])}
    assert met - NOW_AND_THEN == MET.get(name, set())


@pytest.mark.parametrize(
    "name", [name for name in ALERTS if not name.startswith("DockerContainer")]
)
def test_alert_is_silent(observed: Observed, name: str) -> None:
    """Nothing is wrong with the engine, the exporter, or what it was asked for."""
    found = observed.query(ALERTS[name]["expr"])
    # A container may vanish, or stop, while it is read.
    natural = ("not_running", "not_found")
    assert [labels for labels, _ in found if labels.get("reason") not in natural] == []


def test_alert_that_acts_has_the_id(observed: Observed, zoo: PrivateEngine) -> None:
    """The id in the alert is the engine's own for the container."""
    found = observed.query(ALERTS["DockerContainerUnhealthy"]["expr"])
    engines = zoo.inspect(animals.UNHEALTHY)["Id"]
    assert {labels["id"] for labels, _ in found} == {f"/docker/{engines}"}
