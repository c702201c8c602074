"""Installing by pip, as the documentation says, from a checkout; with the extra for SSH as well."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from exporter import __version__
from tests.docs.pages import ROOT, Page
from tests.support.containers import SLEEP, container
from tests.support.engine import IMAGE
from tests.support.exporter import RunningExporter
from tests.support.programs import end_program, program, run_program, start_program
from tests.support.ssh_server import SshServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import PrivateEngine

# Whatever is to be installed may have to be fetched.
pytestmark = pytest.mark.timeout(300)

PLACE = "/opt/docker-exporter"
INSTALL = Page("docs/install.md").shell("pip and pipx")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the directory into which the commands have installed the program."""
    [commands] = [block for block in INSTALL if PLACE in block]
    place = tmp_path_factory.mktemp("pip") / "place"
    subprocess.run(
        [program("sh"), "-euc", commands.replace(PLACE, str(place))], check=True, cwd=ROOT
    )
    return place


def test_place_of_its_own(place: Path) -> None:
    """The commands leave a program that runs, with the versions that were tested."""
    said = run_program(str(place / "bin/docker-exporter"), "--version")
    assert said == f"docker-exporter {__version__}"
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    installed = run_program(str(place / "bin/pip"), "freeze").splitlines()
    assert [line for line in installed if "==" in line and line not in pinned] == []


def test_extra_reaches_an_engine_by_ssh(place: Path, engine: PrivateEngine, tmp_path: Path) -> None:
    """By the SDK, without the command; when the SSH server has been away, the next scrape sees."""
    pip = (str(place / "bin/pip"), "install", "--quiet", f"--constraint={ROOT}/constraints.txt")
    run_program(*pip, f"{ROOT}[ssh]")
    log = tmp_path / "log"
    with container(engine, *SLEEP) as name, SshServer(engine.host, tmp_path) as server:
        process = start_program(
            str(place / "bin/docker-exporter"),
            *("--web.listen-address=127.0.0.1:0", f"--docker.host={server.host}"),
            "--collector.cache-ttl=0s",
            log=log,
            environment=os.environ | {"HOME": str(server.home), "PATH": ""},
        )
        try:
            running = RunningExporter(process, log)

            def scraped() -> str:
                answer = httpx.get(f"{running.url}/metrics", trust_env=False, timeout=60)
                return answer.text[answer.text.index("\ndocker_up ") :]

            here = scraped()
            assert here.startswith("\ndocker_up 1.0\n")
            assert f'container_memory_usage_bytes{{image="{IMAGE}",name="{name}"}} ' in here
            assert "mode=sdk" in running.log
            server.kill()
            assert scraped().startswith("\ndocker_up 0.0\n")
            server.start()
            assert scraped().startswith("\ndocker_up 1.0\n")
        finally:
            end_program(process)
