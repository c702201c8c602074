"""What is in `deploy/` for Compose: valid, locked down, and enough for what it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema_rs
import pytest
import yaml

from tests.docs.pages import ROOT, Page
from tests.support.containers import ENDS_ON_SIGTERM, container
from tests.support.exporter import serving
from tests.support.socket_proxy import ACT, READ, SocketProxy
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine

TIMEOUT_SECONDS = 30
DIRECTORY = ROOT / "deploy"
FILES = sorted(DIRECTORY.glob("*.yaml"))
# Kept from github.com/compose-spec/compose-spec, under the Apache License 2.0.
SCHEMA = Path(__file__).with_name("compose-spec.json")


def load(name: str) -> dict[str, Any]:
    """Return a file of `deploy/`, with the defaults of its variables in their place."""
    text = (DIRECTORY / name).read_text()
    loaded: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))
    return loaded


SERVICES = load("compose.yaml")["services"]


every_service = pytest.mark.parametrize("name", SERVICES)


# -- the files --------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_file_is_valid(file: Path) -> None:
    """It follows the Compose specification."""
    schema = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    assert [error.message for error in schema.iter_errors(load(file.name))] == []


def test_schema_notices_mistakes() -> None:
    """A key that Compose does not know would be an error."""
    schema = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    assert not schema.is_valid({"services": {"one": {"image": "a", "readonly": True}}})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_files_that_are_mounted_are_there(file: Path) -> None:
    """Each path below this repository leads somewhere."""
    for service in load(file.name)["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (DIRECTORY / source).exists(), source


@every_service
def test_service_has_no_more_rights_than_it_needs(name: str) -> None:
    """No capability, no new privilege, no port for others, and the socket only for the proxies."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    mounts_socket = any("docker.sock" in volume for volume in service.get("volumes", ()))
    assert mounts_socket == name.startswith("socket-proxy-")
    if mounts_socket:
        assert "ports" not in service
        [network] = service["networks"]
        assert load("compose.yaml")["networks"][network] == {"internal": True}
        assert [one for one in SERVICES if network in SERVICES[one]["networks"]] == [
            name,
            "docker-exporter",
        ]


def test_services_are_called_as_their_configurations_call_them() -> None:
    """Prometheus, Alertmanager and Grafana find each other, and the token its file."""
    prometheus = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    alertmanager = yaml.safe_load((ROOT / "prometheus/alertmanager.yml").read_text())
    [sources] = (ROOT / "grafana/provisioning/datasources").iterdir()
    [job] = prometheus["scrape_configs"]
    [peers] = prometheus["alerting"]["alertmanagers"]
    [webhook] = next(one for one in alertmanager["receivers"] if "webhook_configs" in one)[
        "webhook_configs"
    ]
    [source] = yaml.safe_load(sources.read_text())["datasources"]
    named = {
        *(target.partition(":")[0] for one in job["static_configs"] for target in one["targets"]),
        *(target.partition(":")[0] for one in peers["static_configs"] for target in one["targets"]),
        httpx.URL(webhook["url"]).host,
        httpx.URL(source["url"]).host,
    }
    assert named == {"docker-exporter", "alertmanager", "prometheus"}
    token = webhook["http_config"]["authorization"]["credentials_file"]
    assert token == "/run/secrets/" + SERVICES["alertmanager"]["secrets"][0]
    assert f"--admin.token-file=alertmanager:act={token}" in SERVICES["docker-exporter"]["command"]
    [provider] = (ROOT / "grafana/provisioning/dashboards").iterdir()
    path = yaml.safe_load(provider.read_text())["providers"][0]["options"]["path"]
    assert f"../grafana/dashboards:{path}:ro" in SERVICES["grafana"]["volumes"]


# -- the proxies ------------------------------------------------------------------------------


def test_exporter_needs_no_more_than_the_proxies_allow(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    """With the command of compose.yaml it reads, and acts, and neither proxy refuses anything."""
    token = "a-token-of-the-test-0123456789abcdef"  # noqa: S105 -- a test's own
    (tmp_path / "docker-exporter-token").write_text(token)
    (tmp_path / "docker-exporter-operator-token").write_text(f"{token}-of-another")
    samples = (
        "docker_up 1.0",
        "docker_engine_info{",
        "docker_disk_usage_bytes{",
        "docker_exporter_events_connected 1.0",
        "container_state{",
        "container_memory_usage_bytes{",
    )
    opted_in = ("--label=docker-exporter.actions=restart,stop,start",)
    with (
        SocketProxy(engine.socket, READ) as read,
        SocketProxy(engine.socket, ACT) as act,
        container(engine, *ENDS_ON_SIGTERM, options=opted_in) as name,
    ):
        places = {
            "tcp://socket-proxy-read:2375": read.host,
            "tcp://socket-proxy-act:2375": act.host,
            "/run/secrets": str(tmp_path),
            "/var/lib/docker-exporter": str(tmp_path),
            # So that the engine is asked for everything.
            "/host": "/nowhere",
        }
        arguments = [*SERVICES["docker-exporter"]["command"], "--collector.disk-usage"]
        arguments += ["--collector.cache-ttl=0", "--admin.cooldown=0s"]
        for place, stand_in in places.items():
            arguments = [word.replace(place, stand_in) for word in arguments]
        with (
            serving(tmp_path / "log", *arguments) as running,
            httpx.Client(base_url=running.url, timeout=TIMEOUT_SECONDS, trust_env=False) as http,
        ):
            wait_until(
                lambda: http.get("/metrics").text,
                TIMEOUT_SECONDS,
                "all is read",
                lambda text: all(f"\n{sample}" in text for sample in samples),
            )
            for action in "restart", "stop", "start":
                path = f"/api/v1/containers/{name}/{action}"
                done = http.post(path, headers={"Authorization": f"Bearer {token}"})
                assert done.json()["outcome"] == "done"
        assert (read.refused, act.refused) == ([], [])


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /v1.41/containers/a/restart",
        "POST /v1.41/containers/create",
        "GET /v1.41/containers/a/archive",
        "GET /v1.41/containers/a/export",
        "GET /v1.41/containers/a/logs",
        "GET /v1.41/containers/a/json/../../../images/json",
        "DELETE /v1.41/containers/a",
        "GET /v1.41/secrets",
        "GET /x/version",
    ],
)
def test_reading_proxy_refuses(request_line: str) -> None:
    """Nothing is changed through it, and nothing of a container's files or output is read."""
    method, path = request_line.split()
    assert not re.fullmatch(READ.get(method, "(?!)"), path)


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /v1.41/containers/create",
        "POST /v1.41/containers/a/exec",
        "POST /v1.41/containers/a/kill",
        "POST /v1.41/containers/a/update",
        "POST /v1.41/containers/prune",
        "GET /v1.41/containers/json",
        "DELETE /v1.41/containers/a",
    ],
)
def test_acting_proxy_refuses(request_line: str) -> None:
    """Nothing else can be done through it."""
    method, path = request_line.split()
    assert not re.fullmatch(ACT.get(method, "(?!)"), path)


def test_documentation_has_the_same_allow_lists() -> None:
    """The lines of the page are those that the tests above hold."""
    text = Page("docs/install.md").text
    for allowed in READ, ACT:
        assert "\n".join(f"-allow{method}={path}" for method, path in allowed.items()) in text


# -- deploy/up --------------------------------------------------------------------------------


HERE = Path("/")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Give a copy of the project's `deploy/`, in a project of its own."""
    ignored = shutil.ignore_patterns("secrets", ".env")
    shutil.copytree(DIRECTORY, tmp_path / "project/deploy", ignore=ignored)
    shutil.copy(ROOT / "Makefile", tmp_path / "project")
    return tmp_path / "project/deploy"


def up(copy: Path, *arguments: str, socket: Path | None = HERE) -> list[str]:
    """Run the script, with a `docker` that only notes how it is called; return the calls.

    Args:
        copy: Where it is.
        arguments: Its arguments.
        socket: What stands for the engine's socket; None where the shell does not say.
    """
    programs = copy.parent / "bin"
    programs.mkdir(exist_ok=True)
    calls = programs / "calls"
    calls.write_text("")
    (programs / "docker").write_text(f'#!/bin/sh\necho "$*" >>{calls}\n')
    (programs / "docker").chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    if socket is not None:
        environment["DOCKER_SOCKET"] = str(socket)
    subprocess.run([copy / "up", *arguments], check=True, capture_output=True, env=environment)
    return calls.read_text().splitlines()


def test_up_makes_secrets_and_starts_all(copy: Path) -> None:
    """The image is built, secrets are made that only their owner can reach, and all is started."""
    build, start = up(copy, "--wait")
    assert build.startswith("build ")
    assert start == "compose --file compose.yaml up --detach --wait"
    secrets = {name: file["file"] for name, file in load("compose.yaml")["secrets"].items()}
    contents = {(copy / file).read_text() for file in secrets.values()}
    assert len(contents) == len(secrets)
    assert all(re.fullmatch("[0-9a-f]{64}", text) for text in contents)
    assert (copy / "secrets").stat().st_mode & 0o777 == 0o700
    assert all((copy / file).stat().st_mode & 0o777 == 0o444 for file in secrets.values())
    assert (copy / ".env").read_text() == f"DOCKER_GID={HERE.stat().st_gid}\n"


@pytest.mark.parametrize("there", ["BIND=0.0.0.0", "BIND=0.0.0.0\n", "BIND=0.0.0.0\nDOCKER_GID=\n"])
def test_up_adds_the_group_to_variables_that_are_there(copy: Path, there: str) -> None:
    """Who opens it to others first, as the documentation says, loses nothing by that."""
    (copy / ".env").write_text(there)
    up(copy)
    group = f"DOCKER_GID={HERE.stat().st_gid}\n"
    assert (copy / ".env").read_text() == f"{there.rstrip()}\n{group}"


def test_up_takes_the_socket_from_the_variables_that_are_there(copy: Path) -> None:
    """As compose does."""
    (copy / ".env").write_text(f"DOCKER_SOCKET={copy}\n")
    os.chown(copy, -1, 4242)
    up(copy, socket=None)
    assert (copy / ".env").read_text().splitlines()[-1] == "DOCKER_GID=4242"


def test_up_without_an_engine_says_so_and_leaves_nothing_half_done(copy: Path) -> None:
    """The next attempt begins where this one ended."""
    (copy / ".env").write_text("BIND=0.0.0.0\n")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        up(copy, socket=copy / "nowhere")
    assert b"Is the engine running?" in failed.value.stderr
    assert (copy / ".env").read_text() == "BIND=0.0.0.0\n"
    up(copy)
    assert "DOCKER_GID=" in (copy / ".env").read_text()


def test_up_keeps_what_is_there(copy: Path) -> None:
    """Secrets and variables that somebody has set stay."""
    (copy / "secrets").mkdir()
    (copy / "secrets/grafana-admin-password").write_text("mine")
    (copy / ".env").write_text("DOCKER_GID=1\n")
    up(copy)
    up(copy)
    assert (copy / "secrets/grafana-admin-password").read_text() == "mine"
    assert (copy / ".env").read_text() == "DOCKER_GID=1\n"
