"""The command as its users run it: a process of its own, on a real engine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import exporter
from exporter import __version__
from tests.support.engine import IMAGE
from tests.support.exporter import serving, serving_through
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine

ROOT = Path(exporter.__file__).parents[1]
COMMAND = (sys.executable, "-m", "exporter")
TIMEOUT_SECONDS = 30
NOWHERE = "--docker.host=unix:///nowhere/docker.sock"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give the path of a log."""
    return tmp_path / "log"


# -- serving ----------------------------------------------------------------------------------


def test_alone_it_serves_every_container(engine: PrivateEngine, log: Path) -> None:
    """Without a command it serves, and says where."""
    engine.docker("run", "--detach", "--name=served", IMAGE, "sleep", "1d")
    try:
        with serving(log, f"--docker.host={engine.host}") as running:
            text = httpx.get(f"{running.url}/metrics", trust_env=False, timeout=20).text
    finally:
        engine.docker("rm", "--force", "served")
    assert "docker_up 1.0" in text
    assert f'container_up{{image="{IMAGE}",name="served"}} 1.0' in text
    assert 'docker_exporter_build_info{pythonversion="' in text


def test_settings_reach_what_they_are_for(engine: PrivateEngine, log: Path) -> None:
    """Filters, labels, the path, the log and the exporter's own metrics are as was asked for."""
    picked = {"kept": "yes", "kept-not": "yes", "other": "no"}
    for name, pick in picked.items():
        options = (f"--name={name}", "--label=a.b=1", f"--label=pick={pick}")
        engine.docker("create", *options, IMAGE, "x")
    try:
        with serving(
            log,
            "--web.telemetry-path=/m",
            "--web.disable-exporter-metrics",
            "--collector.exclude=kept-.*",
            "--collector.include-label=pick=yes",
            "--collector.labels=compose_project",
            "--collector.container-labels=a.*",
            "--collector.container-labels-everywhere",
            "--log.level=debug",
            DOCKER_EXPORTER_DOCKER_HOST=engine.host,
        ) as running:
            text = httpx.get(f"{running.url}/m", trust_env=False, timeout=20).text
            said = running.log
    finally:
        engine.docker("rm", *picked)
    labels = f'compose_project="",container_label_a_b="1",image="{IMAGE}",name="kept"'
    assert re.findall("^container_up{(.*)}", text, re.MULTILINE) == [labels]
    assert not re.search("^(process_|python_|docker_exporter_)", text, re.MULTILINE)
    assert "level=debug" in said


def test_log_can_be_json(log: Path) -> None:
    """Every line is an object then."""
    with serving(log, "--log.format=json", NOWHERE) as running:
        assert all(line.startswith("{") for line in running.log.splitlines())


def test_without_an_engine_it_serves_all_the_same(log: Path) -> None:
    """A scrape tells that the engine is down, with the exporter's own metrics."""
    with serving(log, NOWHERE) as running:
        answer = httpx.get(f"{running.url}/metrics", trust_env=False, timeout=20)
    assert answer.status_code == 200
    assert "\ndocker_up 0.0\n" in answer.text
    assert "docker_exporter_build_info{" in answer.text
    assert "container_up{" not in answer.text


def test_admin_settings_without_a_token_are_warned_of_once(log: Path) -> None:
    """The flags that have no effect are named, wherever they were given."""
    with serving(
        log,
        "--admin.listen-address=127.0.0.1:0",
        NOWHERE,
        DOCKER_EXPORTER_ADMIN_AUDIT_FILE="/nowhere/audit",
    ) as running:
        warnings = [line for line in running.log.splitlines() if "for want of a token" in line]
    [line] = warnings
    assert "level=warning" in line
    assert 'without_effect="--admin.listen-address --admin.audit-file"' in line


def test_variable_that_is_no_setting_is_warned_of(log: Path) -> None:
    """With the one that may have been meant; nothing is said of those that are settings."""
    with serving(
        log, NOWHERE, DOCKER_EXPORTER_LOG_LEVEL="info", DOCKER_EXPORTER_LOGFORMAT="json"
    ) as running:
        [line] = [line for line in running.log.splitlines() if "environment variable" in line]
    assert "level=warning" in line
    assert "variable=DOCKER_EXPORTER_LOGFORMAT" in line
    assert "DOCKER_EXPORTER_LOG_FORMAT" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_in_order(log: Path, number: int) -> None:
    """It says that it stops, and exits with status 0."""
    with serving(log, NOWHERE) as running:
        assert running.url
        running.process.send_signal(number)
        assert running.process.wait(TIMEOUT_SECONDS) == 0
        assert "message=stopping\n" in running.log
        assert "Traceback" not in running.log


def test_hangup_does_no_harm(log: Path) -> None:
    """Who knows Prometheus sends it to reload: it is told why there is nothing to do."""
    with serving(log, NOWHERE) as running:
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: 'message="nothing to reload"' in running.log, 30, "it says so")
        assert httpx.get(f"{running.url}/-/ready", trust_env=False).status_code == 200
        running.process.terminate()
        assert running.process.wait(TIMEOUT_SECONDS) == 0


def test_hangup_that_is_ignored_stays_so(log: Path) -> None:
    """As under nohup: nothing is told of it."""
    with serving_through(("nohup",), log, NOWHERE) as running:
        running.process.send_signal(signal.SIGHUP)
        running.process.terminate()
        assert running.process.wait(TIMEOUT_SECONDS) == 0
        assert "reload" not in running.log


def test_engine_that_hangs_cannot_hold_the_end(private_engine: PrivateEngine, log: Path) -> None:
    """A scrape with much time left is answered with what there is, and the process ends."""
    host = f"--docker.host={private_engine.host}"
    with serving(log, host, "--collector.cache-ttl=0") as running:
        assert "\ndocker_up 1.0\n" in httpx.get(f"{running.url}/metrics", trust_env=False).text
        private_engine.pause()
        scrape = HTTPConnection(running.url.removeprefix("http://"), timeout=TIMEOUT_SECONDS)
        scrape.request("GET", "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "100"})
        # Connections are taken in order: once this is answered, the scrape is under way.
        assert httpx.get(f"{running.url}/-/healthy", trust_env=False).status_code == 200
        running.process.terminate()
        answer = scrape.getresponse()
        assert (answer.status, b"\ndocker_up 0.0\n" in answer.read()) == (200, True)
        scrape.close()
        assert running.process.wait(TIMEOUT_SECONDS) == 0
        assert "Traceback" not in running.log


def test_address_in_use_is_one_line() -> None:
    """The address is named, and the status is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(f"--web.listen-address=127.0.0.1:{port}", NOWHERE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"docker-exporter: Cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Stop what is listening there, or choose another place with --web.listen-address.\n"
    )


# -- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        (
            ["--web.max-requests=abc"],
            {},
            '--web.max-requests: "abc" is not a whole number; allowed: 0 to 999999999',
        ),
        (
            [],
            {"DOCKER_EXPORTER_LOG_LEVEL": "loud"},
            (
                '--log.level (from DOCKER_EXPORTER_LOG_LEVEL): "loud" is not one of the choices; '
                "allowed: debug, info, warn, warning, error"
            ),
        ),
        (
            ["--config.file={config}"],
            {},
            '--log.format (from {config}): "xml" is not one of the choices; allowed: logfmt, json',
        ),
        (
            ["check", "--config.file={config}"],
            {},
            '--log.format (from {config}): "xml" is not one of the choices; allowed: logfmt, json',
        ),
        (
            ["--config.file=/nowhere.yml"],
            {},
            (
                '--config.file: "/nowhere.yml" is not readable (No such file or directory); '
                "allowed: a YAML file"
            ),
        ),
        (
            ["--collector.cache-ttl=a\nb"],
            {},
            (
                '--collector.cache-ttl: "a\\nb" is not a duration; '
                "allowed: such as 3s, 500ms or 1m30s, or a number of seconds"
            ),
        ),
        (
            ["--web.listen-address="],
            {},
            "--web.listen-address: nothing is given; allowed: one ADDRESS or more",
        ),
        (["--collector.include=[[a]"], {}, "is not a regular expression (Possible nested set"),
        (["--web.listen=:1"], {}, "No such option '--web.listen'."),
        (["--web.disable-exporter-metrics=x"], {}, "does not take a value"),
        (["chek"], {}, "No such command 'chek'. Did you mean 'check'?"),
        (["check", "one\nmore"], {}, "Got unexpected extra argument (one more)"),
    ],
)
def test_bad_settings_are_one_line(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], complaint: str
) -> None:
    """Wherever it was given, what is wrong is named, and the status is 2."""
    config = tmp_path / "settings.yml"
    config.write_text("log: {format: xml}")
    done = run(*(argument.format(config=config) for argument in arguments), **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("docker-exporter: ")
    assert complaint.format(config=config) in done.stderr
    assert done.stderr.count("\n") == 1


def test_version() -> None:
    """`--version` prints it."""
    assert run("--version").stdout == f"docker-exporter {__version__}\n"


def test_help_has_every_setting() -> None:
    """`--help` and `-h` show the flags and the commands."""
    done = run("--help")
    assert done.returncode == 0
    assert {"--web.listen-address", "--collector.cache-ttl", "check"} <= set(done.stdout.split())
    assert run("-h").stdout == done.stdout
