"""The image: built as its users build it, from a stand-in for its base, and run locked down."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from exporter import __version__
from tests.deploy.base_image import base_image
from tests.deploy.package_index import package_index
from tests.docs.pages import ROOT, Page
from tests.support.engine import PrivateEngine
from tests.support.modes import NOWHERE
from tests.support.programs import run_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Two images are built before the first test, which a busy machine takes its time for.
pytestmark = pytest.mark.timeout(300)

TIMEOUT_SECONDS = 30
BASE = "python:3.13-slim"
IMAGE = "docker-exporter"
BARE = f"{IMAGE}:bare"
WITH_CLI = f"{IMAGE}:cli"
SOCKET = "/var/run/docker.sock"
PAGE = Page("docs/install.md")
INSTALL = PAGE.shell("Docker")
LOCKED_DOWN = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


class Engine(PrivateEngine):
    """An engine whose socket belongs to a group of its own, as it usually does."""

    options = (*PrivateEngine.options, "--group=4242")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Give an engine that has both images."""
    with Engine() as engine, package_index() as index:
        engine.docker("import", "-", BASE, standard_input=base_image())
        build(engine, f"--network=host --build-arg PIP_INDEX_URL={index}")
        engine.docker("tag", IMAGE, BARE)
        build(engine, f"--network=host --build-arg PIP_INDEX_URL={index} --build-arg WITH_CLI=yes")
        engine.docker("tag", IMAGE, WITH_CLI)
        engine.docker("tag", BARE, IMAGE)
        yield engine


def build(engine: Engine, options: str) -> None:
    """Build the image as the documentation says, with further options."""
    [*_, target] = INSTALL[0].split()
    # Not every docker command has the newer builder.
    environment = os.environ | {"DOCKER_HOST": engine.host, "DOCKER_BUILDKIT": "0"}
    run_program("make", f"--directory={ROOT}", target, f"BUILD={options}", environment=environment)


@contextmanager
def running(engine: Engine, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[str]:
    """Give the name of a container of the image, with the socket and its group.

    Args:
        engine: Where to run it.
        arguments: Of the exporter.
        options: Further ones of `docker run`.
    """
    name = f"exporter-{secrets.token_hex(4)}"
    engine.docker(
        *("run", "--detach", f"--name={name}", "--health-interval=1s", *LOCKED_DOWN),
        *("--group-add=4242", f"--volume={engine.socket}:{SOCKET}", *options, IMAGE, *arguments),
    )
    try:
        yield name
    finally:
        engine.docker("rm", "--force", name)


def health(engine: Engine, name: str) -> str:
    """Return what the engine says about the health of a container."""
    return str(engine.inspect(name)["State"]["Health"]["Status"])


def scrape(engine: Engine, name: str, port: int = 9417) -> str:
    """Return the metrics that a container serves, once it serves any."""
    where = engine.inspect(name)["NetworkSettings"]["IPAddress"]

    def answer() -> str | None:
        with contextlib.suppress(httpx.ConnectError):
            return httpx.get(
                f"http://{where}:{port}/metrics", timeout=TIMEOUT_SECONDS, trust_env=False
            ).text
        return None

    return wait_until(answer, TIMEOUT_SECONDS, "it serves") or ""


# -- what it says of itself ---------------------------------------------------------------------


def test_image_says_what_it_is(engine: Engine) -> None:
    """User, port, signal, health check and labels are what orchestrators look for."""
    config = engine.get(f"/images/{IMAGE}/json")["Config"]
    assert config["User"] == "65534:65534"
    assert list(config["ExposedPorts"]) == ["9417/tcp"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "docker-exporter", "healthcheck"]
    label = "org.opencontainers.image"
    assert config["Labels"][f"{label}.version"] == __version__
    assert config["Labels"][f"{label}.base.name"] == BASE
    assert config["Labels"][f"{label}.licenses"] == "Apache-2.0"


def test_image_is_as_small_as_the_documentation_says(engine: Engine) -> None:
    """What is added to the base stays within the figure, by the command that it names."""
    [command, *_] = PAGE.shell("What is in the image")
    [stated] = re.findall(r"adds less than (\d+) MB", PAGE.text)
    [*layers, base] = engine.docker(*shlex.split(command)[1:]).splitlines()
    assert int(base) > 0
    assert 0 < sum(map(int, layers)) < int(stated) * 1_000_000


def test_image_holds_what_was_tested(engine: Engine) -> None:
    """Each package in it has the version of constraints.txt."""
    listing = (
        "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
    )
    python = "/opt/docker-exporter/bin/python"
    listed = engine.docker("run", "--rm", f"--entrypoint={python}", IMAGE, "-Ic", listing)
    found = dict(line.split() for line in listed.splitlines() if "docker-exporter" not in line)
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {"docker", "uvicorn"} <= set(found)
    assert "pip" not in found
    assert found.items() <= pinned.items()


# -- running ------------------------------------------------------------------------------------


def test_command_of_the_documentation_gives_metrics(engine: Engine) -> None:
    """Locked down, with the group of the socket, it serves; it turns healthy, and ends in order."""
    command = re.sub(f"(?<!:){SOCKET}", str(engine.socket), INSTALL[1])
    command = command.replace("--detach", "--detach --health-interval 1s")
    command = command.replace("9417:9417", "127.0.0.1::9417")
    run_program("sh", "-euc", command, environment=os.environ | {"DOCKER_HOST": engine.host})
    try:
        where = engine.docker("port", IMAGE, "9417")
        wait_until(lambda: health(engine, IMAGE) == "healthy", TIMEOUT_SECONDS, "it is healthy")
        metrics = httpx.get(f"http://{where}/metrics", timeout=TIMEOUT_SECONDS, trust_env=False)
        assert f'container_up{{image="{IMAGE}",name="{IMAGE}"}} 1.0' in metrics.text
        host = engine.inspect(IMAGE)["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
        engine.docker("stop", IMAGE)
        assert engine.inspect(IMAGE)["State"]["ExitCode"] == 0
    finally:
        engine.docker("rm", "--force", IMAGE)


def test_health_check_needs_to_know_no_port(engine: Engine) -> None:
    """It finds the exporter wherever that listens."""
    with running(engine, "--web.listen-address=127.0.0.1:9500") as name:
        wait_until(lambda: health(engine, name) == "healthy", TIMEOUT_SECONDS, "it is healthy")


def test_usage_comes_from_the_mounted_kernel_files(engine: Engine) -> None:
    """With the mounts and flags of the documentation it reads them, locked down as it is."""
    said = " ".join(PAGE.shell("Usage from the kernel's files")).split()
    mounts = [word for word in said if word.endswith(":ro")]
    flags = [word for word in said if word.startswith("--path.")]
    assert (len(mounts), len(flags)) == (2, 2)
    options = tuple(f"--volume={mount}" for mount in mounts)
    with running(engine, *flags, "--collector.stats-source=cgroup", options=options) as name:
        metrics = scrape(engine, name)
    assert f'container_memory_usage_bytes{{image="{IMAGE}",name="{name}"}}' in metrics
    assert (
        f'container_cpu_usage_seconds_total{{cpu="total",image="{IMAGE}",name="{name}"' in metrics
    )


def test_volume_for_the_audit_file_can_be_written(engine: Engine) -> None:
    """A new volume belongs to who runs the exporter."""
    options = ("--volume=audit:/var/lib/docker-exporter",)
    with running(engine, options=options) as name:
        engine.docker("exec", name, "touch", "/var/lib/docker-exporter/audit.jsonl")


def test_refused_socket_says_which_option_is_missing(engine: Engine) -> None:
    """The error names what to add to the command, as the documentation has it."""
    with pytest.raises(subprocess.CalledProcessError) as refused:
        engine.docker(
            *("run", "--rm", *LOCKED_DOWN, f"--volume={engine.socket}:{SOCKET}", IMAGE, "check")
        )
    [said] = refused.value.__notes__
    option = '--group-add "$(stat -c %g /var/run/docker.sock)"'
    assert option in said
    assert option in INSTALL[1]


# -- the docker command -------------------------------------------------------------------------


def test_image_has_no_docker_command(engine: Engine) -> None:
    """It is not there, where it was not asked for."""
    looking = ("run", "--rm", "--entrypoint=sh")
    assert engine.docker(*looking, IMAGE, "-c", "command -v docker || echo none") == "none"
    assert engine.docker(*looking, WITH_CLI, "-c", "command -v docker") == "/usr/bin/docker"


def test_docker_command_works_locked_down(engine: Engine, tmp_path: Path) -> None:
    """Where the SDK finds nobody, the image that has the command falls back to it."""
    command = tmp_path / "docker"
    command.write_text(f'#!/bin/sh\nDOCKER_HOST=unix://{SOCKET} exec /usr/bin/docker "$@"\n')
    command.chmod(0o755)
    said = engine.docker(
        *("run", "--rm", *LOCKED_DOWN, "--group-add=4242", f"--volume={engine.socket}:{SOCKET}"),
        *(f"--volume={command}:/opt/docker-exporter/bin/docker", f"--env=DOCKER_HOST={NOWHERE}"),
        *(WITH_CLI, "check"),
    )
    assert said.startswith("mode: cli\n")
