"""The commands of `docs/commands.md`, run as they stand there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.commands.processes import ROOT, TIMEOUT_SECONDS
from tests.docs.pages import Page
from tests.support.containers import ENDS_ON_SIGTERM
from tests.support.engine import IMAGE
from tests.support.programs import check_alive, end_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.engine import PrivateEngine

LINES = [
    line for line in Page("docs/commands.md").command_lines if line.startswith("docker-exporter")
]
# These show something again and again, until they are interrupted.
GOING_ON = ("docker-exporter top", "docker-exporter watch")


@pytest.fixture(scope="module")
def environment(
    engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Give the environment of somebody who has the program, and the containers of the page."""
    directory = tmp_path_factory.mktemp("path")
    command = directory / "docker-exporter"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m exporter "$@"\n')
    command.chmod(0o755)
    with ExitStack() as cleanup:
        for name in ("web", "db"):
            engine.docker("run", "--detach", f"--name={name}", IMAGE, *ENDS_ON_SIGTERM)
            cleanup.callback(engine.docker, "rm", "--force", name)
        path = f"{directory}{os.pathsep}{os.environ['PATH']}"
        yield {**os.environ, "PATH": path, "DOCKER_HOST": engine.host}


@pytest.mark.parametrize("line", LINES)
def test_command_of_the_page_works(
    line: str, environment: dict[str, str], engine: PrivateEngine, tmp_path: Path
) -> None:
    """It ends well: by itself or, where it goes on, when it is interrupted."""
    engine.docker("start", "web", "db")
    if line.startswith(GOING_ON):
        log = tmp_path / "log"
        process = start_program("bash", "-c", f"exec {line}", log=log, environment=environment)

        def shows() -> bool:
            check_alive(process, log)
            return "web" in log.read_text()

        try:
            wait_until(shows, TIMEOUT_SECONDS, "it shows something")
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_SECONDS) == 0, log.read_text()
        finally:
            end_program(process)
    else:
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", line],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, done.stderr
