"""`docs/healing.md`, followed word by word: a sick container heals, once."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import exporter
from tests.admin.conftest import starts
from tests.support.programs import (
    check_alive,
    end_program,
    free_port,
    run_program,
    start_program,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.support.engine import PrivateEngine

ROOT = Path(exporter.__file__).parents[1]
PAGE = ROOT / "docs" / "healing.md"
BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVERS = ("docker-exporter", "prometheus", "prometheus-alertmanager")

# What a reader has time for and a test has not. A container that was started a moment ago would
# also be in its cool-down when the alert comes.
FASTER = {
    "for: 2m": "for: 1s",
    "_interval: 15s": "_interval: 1s",
    "group_interval: 1m": "group_interval: 1s",
    "repeat_interval: 1h": "repeat_interval: 1s",
    "--health-interval 5s": "--health-interval 1s",
    "--admin.token-file": "--admin.cooldown=1s --admin.token-file",
}
TIMEOUT_SECONDS = 60


class Reader:
    """Somebody who follows a page in an empty directory, with one engine."""

    def __init__(self, directory: Path, engine: PrivateEngine, cleanup: ExitStack) -> None:
        self._directory = directory
        self._cleanup = cleanup
        self._environment = {
            **os.environ,
            "DOCKER_HOST": engine.host,
            "DOCKER_CONFIG": str(directory),
            "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}",
        }
        self._changes = FASTER | {
            f"localhost:{p}": f"localhost:{free_port()}" for p in (9417, 9090, 9093)
        }
        command = directory / "docker-exporter"
        command.write_text(
            f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m exporter "$@"\n'
        )
        command.chmod(0o755)

    def adapt(self, text: str) -> str:
        """Return what the page says with other ports and shorter times."""
        for old, new in self._changes.items():
            text = text.replace(old, new)
        return text

    def follow(self, language: str, text: str) -> str:
        """Do what a block says: write the file, leave a server running, or run a command."""
        text = self.adapt(text)
        if language == "yaml":
            name = text.partition("\n")[0].removeprefix("# ")
            (self._directory / name).write_text(text)
            return ""
        script = f"cd {self._directory}\n{text}"
        if not text.startswith(SERVERS):
            return run_program("bash", "-e", "-c", script, environment=self._environment)
        log = self._directory / f"{text.split()[0]}.log"
        server = start_program(
            "bash",
            "-c",
            script.replace("\n" + text, "\nexec " + text),
            log=log,
            environment=self._environment,
        )
        self._cleanup.callback(end_program, server)
        self._wait_for(server, log, text)
        return ""

    def _wait_for(self, server: subprocess.Popen[bytes], log: Path, text: str) -> None:
        [port] = re.findall(r"localhost:(\d+)", text)

        def answers() -> bool:
            check_alive(server, log)
            with socket.socket() as link:
                return link.connect_ex(("localhost", int(port))) == 0

        wait_until(answers, TIMEOUT_SECONDS, f"{log.stem} serves")


@pytest.fixture
def reader(engine: PrivateEngine, tmp_path: Path) -> Iterator[Reader]:
    """Give a reader who has the rules of the project, and the image that the page names."""
    engine.import_image("busybox:latest")
    with ExitStack() as cleanup:
        cleanup.callback(engine.docker, "rm", "--force", "web")
        reader = Reader(tmp_path, engine, cleanup)
        for name in ("rules.yml", "alerts.yml"):
            shutil.copy(ROOT / "prometheus" / name, tmp_path)
            (tmp_path / name).write_text(reader.adapt((tmp_path / name).read_text()))
        yield reader


def test_page_followed_word_by_word(reader: Reader, engine: PrivateEngine) -> None:
    """Through Prometheus and Alertmanager the container is restarted once, and is healthy."""
    steps, rest = PAGE.read_text().split("## What is carried out")
    *steps_before, look, ask = BLOCK.findall(steps)
    for language, text in steps_before:
        reader.follow(language, text)

    def record() -> list[str]:
        actions = json.loads(reader.follow(*ask))["actions"]
        # Other containers of the shared engine may be unhealthy as well.
        mine = [one for one in actions if one["container"] == "web"]
        return [one["outcome"] for one in mine if one["outcome"] != "ignored"]

    wait_until(record, TIMEOUT_SECONDS, "it is restarted")
    wait_until(
        lambda: reader.follow(*look),
        TIMEOUT_SECONDS,
        "healthy",
        lambda said: "healthy" in said.split(),
    )
    # However often Alertmanager has sent it by then, or the alert has begun anew.
    assert record().count("done") == 1
    assert starts(engine, "web") == 2
    _, by_hand = BLOCK.findall(rest)
    assert json.loads(reader.follow(*by_hand))["container"] == "web"
