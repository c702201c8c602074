"""No secret comes out: every setting has one, and everything that can be seen is searched."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import httpx
import pytest

import exporter
from tests.support.exporter import RunningExporter, serving
from tests.support.programs import program
from tests.support.tls import make_certificate
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(exporter.__file__).parents[1]
TIMEOUT_SECONDS = 30

# Notes its arguments, as everyone can see them while it runs, and does what the real one does.
DOCKER = """\
#!/bin/sh
tr '\\0' ' ' </proc/$$/cmdline >>{seen}
exec {docker} "$@"
"""


@dataclass
class Secrets:
    """What must not come out, and everything that has."""

    url_password: str = field(default_factory=lambda: f"p@ss:{secrets.token_hex(8)}")
    acting_password: str = field(default_factory=lambda: secrets.token_hex(8))
    user_password: str = field(default_factory=lambda: secrets.token_hex(8))
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    wrong_token: str = field(default_factory=lambda: secrets.token_hex(32))
    key: str = ""

    @property
    def hash(self) -> str:
        """The hash of the user's password."""
        return self._hash

    def __post_init__(self) -> None:
        """Hash it."""
        self._hash = bcrypt.hashpw(self.user_password.encode(), bcrypt.gensalt(4)).decode()

    def found_in(self, text: str) -> list[str]:
        """Return which of them a text has, as they are or as a header carries them."""
        header = base64.b64encode(f"prometheus:{self.user_password}".encode()).decode()
        key = [line for line in self.key.splitlines() if "-----" not in line]
        known = [
            *(self.url_password, self.url_password.rpartition("@")[2], self.acting_password),
            *(self.user_password, self.hash, header, self.token, self.wrong_token, *key),
        ]
        return [secret for secret in known if secret in text]


@dataclass
class Scene:
    """A program with every secret there is.

    Attributes:
        running: The program.
        hidden: The secrets.
        directory: Where its files are.
        environment: Its settings.
    """

    running: RunningExporter
    hidden: Secrets
    directory: Path
    environment: dict[str, str]

    @property
    def seen(self) -> str:
        """Everything that it left for others to see."""
        process = Path(f"/proc/{self.running.process.pid}/cmdline").read_text()
        files = [self.directory / name for name in ("arguments", "audit")]
        return "\n".join([self.running.log, process, *(file.read_text() for file in files)])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Give such a program. Its engine does not answer, in either mode, so that it complains."""
    directory, hidden = tmp_path_factory.mktemp("secrets"), Secrets()
    cert, key = make_certificate(directory)
    hidden.key = key.read_text()
    lines = hidden.key.replace("\n", "\n    ")
    (directory / "web.yml").write_text(
        f"tls_server_config:\n  cert_file: {cert}\n  key: |\n    {lines}\n"
        f"basic_auth_users:\n  prometheus: {hidden.hash}\n"
    )
    (directory / "token").write_text(hidden.token)
    (directory / "arguments").touch()
    docker = directory / "docker"
    docker.write_text(DOCKER.format(seen=directory / "arguments", docker=program("docker")))
    docker.chmod(0o700)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{nobody.getsockname()[1]}"
        environment = {
            "PATH": f"{directory}:{os.environ['PATH']}",
            "DOCKER_EXPORTER_DOCKER_HOST": f"tcp://user:{hidden.url_password}@{where}",
            "DOCKER_EXPORTER_ADMIN_DOCKER_HOST": f"tcp://user:{hidden.acting_password}@{where}",
            "DOCKER_EXPORTER_ADMIN_TOKEN_FILE": f"ops:read,act={directory / 'token'}",
            "DOCKER_EXPORTER_ADMIN_AUDIT_FILE": str(directory / "audit"),
            "DOCKER_EXPORTER_ADMIN_ALLOW": ".*",
            "DOCKER_EXPORTER_WEB_CONFIG_FILE": str(directory / "web.yml"),
            "DOCKER_EXPORTER_LOG_LEVEL": "debug",
        }
        with serving(directory / "log", **environment) as running:
            yield Scene(running, hidden, directory, environment)


def ask(scene: Scene, method: str, path: str, **headers: str) -> str:
    """Return everything of an answer."""
    context = ssl.create_default_context(cafile=scene.directory / "cert.pem")
    answer = httpx.request(
        method,
        f"https://{scene.running.address}{path}",
        headers=headers,
        verify=context,
        trust_env=False,
        timeout=TIMEOUT_SECONDS,
    )
    return f"{answer.status_code} {answer.headers} {answer.text}"


def test_answers_and_log_have_no_secret(scene: Scene) -> None:
    """Whoever asks what, with the right credentials or wrong ones."""
    hidden = scene.hidden
    known = base64.b64encode(f"prometheus:{hidden.user_password}".encode()).decode()
    wrong = base64.b64encode(f"prometheus:{hidden.user_password}x".encode()).decode()
    answers = [
        ask(scene, method, path, Authorization=credentials)
        for credentials in (
            *(f"Basic {known}", f"Basic {wrong}"),
            *(f"Bearer {hidden.token}", f"Bearer {hidden.wrong_token}", ""),
        )
        for method, path in (
            ("GET", "/metrics"),
            ("GET", "/"),
            ("GET", "/api/v1/containers"),
            ("POST", "/api/v1/containers/web/restart"),
            ("GET", "/nothing"),
        )
    ]
    together = "\n".join(answers)
    assert "docker_up 0" in together
    assert "503 " in together
    assert hidden.found_in(together) == []
    assert hidden.found_in(scene.seen) == []
    # It did complain of both addresses, and asked the command as well.
    assert together.count("tcp://user:***@127.0.0.1:") > 1
    assert "tcp://user:***@127.0.0.1:" in scene.running.log
    assert "version" in (scene.directory / "arguments").read_text()


def test_files_that_go_bad_are_complained_of_without_what_is_in_them(scene: Scene) -> None:
    """The last good state is kept, and the log says why."""
    config, token = scene.directory / "web.yml", scene.directory / "token"
    good = config.read_text()
    config.write_text(good.replace("basic_auth_users:", "basic_auth_users: ["))
    token.write_text(scene.hidden.token[:20])

    def complained() -> bool:
        ask(scene, "GET", "/api/v1/containers", Authorization=f"Bearer {scene.hidden.token}")
        return scene.running.log.count("level=error") > 1

    wait_until(complained, TIMEOUT_SECONDS, "it notices both")
    config.write_text(good)
    token.write_text(scene.hidden.token)
    assert scene.hidden.found_in(scene.seen) == []
    assert scene.hidden.token[:20] not in scene.seen


@pytest.mark.parametrize("command", [("check",), ("ps",), ("stats", "web"), ("restart", "web")])
def test_commands_have_no_secret(scene: Scene, command: tuple[str, ...]) -> None:
    """What they complain of names the engine, but not the password."""
    done = run(*command, **scene.environment)
    assert done.returncode == 1
    assert "tcp://user:***@127.0.0.1:" in done.stderr
    assert scene.hidden.found_in(done.stdout + done.stderr) == []


def test_bad_address_is_complained_of_without_its_password() -> None:
    """Where it was given, and what of it is wrong, are still told."""
    done = run(DOCKER_EXPORTER_DOCKER_HOST="tpc://user:pa/ss@host:2375")
    assert done.returncode == 2
    assert "(from DOCKER_EXPORTER_DOCKER_HOST)" in done.stderr
    assert '"tpc://user:***@host:2375" is not the address of an engine' in done.stderr


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
    )
