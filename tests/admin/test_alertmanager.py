"""Real Alertmanagers: a pair of them, and one that sends everything to everybody."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.admin.conftest import COMMAND, OPTED_IN, starts
from tests.admin.exporting import Exporter
from tests.support.alertmanager import Alertmanager
from tests.support.engine import IMAGE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine import PrivateEngine

NO_COOLDOWN = "--admin.cooldown=0s"


def config_for(*exporters: Exporter) -> dict[str, Any]:
    """Return the configuration of an Alertmanager that sends to exporters, again and again."""
    webhooks = [
        {
            "url": f"{exporter.url}/api/v1/alerts",
            "http_config": {
                "authorization": {"credentials_file": str(exporter.directory / "healer")}
            },
        }
        for exporter in exporters
    ]
    return {
        "route": {
            "receiver": "exporters",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1s",
        },
        "receivers": [{"name": "exporters", "webhook_configs": webhooks}],
    }


def firing(engine: PrivateEngine, name: str) -> dict[str, Any]:
    """Return an alert about a container, as Prometheus sends it."""
    return {
        "labels": {
            "alertname": "DockerContainerUnhealthy",
            "docker_exporter_action": "restart",
            "id": f"/docker/{engine.inspect(name)['Id']}",
            "name": name,
        },
        "startsAt": "2026-01-02T03:04:05Z",
    }


def outcomes(exporter: Exporter) -> list[tuple[str, str | None]]:
    """Return what came of all attempts."""
    return [(one["outcome"], one["reason"]) for one in exporter.audit()]


def test_pair_causes_one_restart(engine: PrivateEngine, run: Callable[..., str]) -> None:
    """Both send the same firing, each more than once."""
    name = run(OPTED_IN)
    with ExitStack() as stack:
        exporter = stack.enter_context(Exporter(engine.host, NO_COOLDOWN))
        config = config_for(exporter)
        pair = [stack.enter_context(Alertmanager(config)) for _ in range(2)]
        alert = firing(engine, name)
        for alertmanager in pair:
            alertmanager.send(alert)
        wait_until(lambda: len(exporter.audit()) >= 5, 60, "they have sent it again and again")
        found = outcomes(exporter)
    assert found.count(("done", None)) == 1
    assert set(found) == {("done", None), ("ignored", "duplicate")}
    assert starts(engine, name) == 2


def test_of_two_engines_with_the_same_name_one_acts(
    engine: PrivateEngine, private_engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """One Alertmanager sends to both exporters; only the container that is meant is restarted."""
    name = run(OPTED_IN)
    twin = ("--detach", f"--name={name}", OPTED_IN)
    private_engine.docker("run", *twin, IMAGE, "sh", "-c", COMMAND)
    with ExitStack() as stack:
        here, there = (
            stack.enter_context(Exporter(one.host, NO_COOLDOWN)) for one in (engine, private_engine)
        )
        alertmanager = stack.enter_context(Alertmanager(config_for(here, there)))
        alertmanager.send(firing(engine, name))
        wait_until(lambda: ("done", None) in outcomes(here), 60, "it is restarted")
        wait_until(lambda: outcomes(there), 60, "the other has heard of it")
        assert set(outcomes(here)) <= {("done", None), ("ignored", "duplicate")}
        assert set(outcomes(there)) == {("ignored", "not-here")}
    assert (starts(engine, name), starts(private_engine, name)) == (2, 1)
