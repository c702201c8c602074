"""A swarm of what `deploy/swarm.yaml` describes, with stand-ins for the images."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.docs.pages import ROOT
from tests.support.programs import run_program
from tests.support.swarm import Swarm
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_SECONDS = 60
FILE = ROOT / "deploy/swarm.yaml"
DISCOVERY = ROOT / "prometheus/examples/dockerswarm-sd.yml"
# Image, and what it runs.
STAND_INS = {
    "docker-exporter": '["sh", "-c", "exec httpd -f -p 9417"]',
    "prom/prometheus:v3.5.0": '["sh", "-c", "exec sleep 1d"]',
}


@pytest.fixture(scope="module")
def swarm() -> Iterator[Swarm]:
    """Give a swarm on which the stack runs."""
    with Swarm() as swarm:
        for image, command in STAND_INS.items():
            swarm.import_image(image, f"ENTRYPOINT {command}")
        variables = {"DOCKER_GID": "0", "DOCKER_SOCKET": str(swarm.socket)}
        environment = os.environ | {"DOCKER_HOST": swarm.host} | variables
        run_program(
            *("docker", "stack", "deploy", "--resolve-image=never", f"--compose-file={FILE}", "m"),
            environment=environment,
        )
        wait_until(
            lambda: running(swarm),
            TIMEOUT_SECONDS,
            "both services run",
            lambda found: set(found) == {"m_docker-exporter", "m_prometheus"},
        )
        yield swarm


def running(swarm: Swarm) -> dict[str, str]:
    """Return the containers that run, by the names of their services."""
    form = '{{.Label "com.docker.swarm.service.name"}}={{.ID}}'
    return dict(line.split("=") for line in swarm.docker("ps", f"--format={form}").splitlines())


def discovered(config: Path) -> list[dict[str, str]]:
    """Return the labels of the targets that Prometheus finds within two seconds, and keeps."""
    looking = ("promtool", "check", "service-discovery", "--timeout=2s", str(config), "docker")
    return [found["labels"] for found in json.loads(run_program(*looking)) if found["labels"]]


def test_exporter_runs_on_every_node(swarm: Swarm) -> None:
    """Its service is global: a node that joins gets a task."""
    listed = swarm.docker("service", "ls", "--format={{.Name}} {{.Mode}} {{.Replicas}}")
    assert "m_docker-exporter global 1/1" in listed.splitlines()


def test_exporter_is_locked_down(swarm: Swarm) -> None:
    """It is nobody in the group of the socket, without capabilities and read-only."""
    found = swarm.inspect(running(swarm)["m_docker-exporter"])
    assert found["Config"]["User"] == "65534:0"
    assert found["HostConfig"]["ReadonlyRootfs"] is True


def test_prometheus_finds_the_exporter(swarm: Swarm, tmp_path: Path) -> None:
    """The tasks are discovered, under the names of their nodes, and can be reached."""
    config = yaml.safe_load(
        DISCOVERY.read_text().replace("/var/run/docker.sock", str(swarm.socket))
    )
    # The rules lie elsewhere.
    (tmp_path / "config.yml").write_text(json.dumps({"scrape_configs": config["scrape_configs"]}))
    [target] = wait_until(lambda: discovered(tmp_path / "config.yml"), TIMEOUT_SECONDS, "a target")
    assert (target["job"], target["instance"]) == ("docker", swarm.get("/info")["Name"])
    containers = running(swarm)
    # The stand-in serves its files, and its host is called as the engine calls it.
    url = f"http://{target['__address__']}/etc/hostname"
    answer = swarm.docker("exec", containers["m_prometheus"], "wget", "-qO-", url)
    assert answer == containers["m_docker-exporter"]


def test_prometheus_has_its_rules(swarm: Swarm) -> None:
    """Where its configuration names them, the rules of the project are."""
    start = DISCOVERY.relative_to(ROOT / "prometheus").parent
    for rules in yaml.safe_load(DISCOVERY.read_text())["rule_files"]:
        place = f"/etc/prometheus/{start}/{rules}"
        held = swarm.docker("exec", running(swarm)["m_prometheus"], "cat", place)
        assert held == (DISCOVERY.parent / rules).read_text().strip()
