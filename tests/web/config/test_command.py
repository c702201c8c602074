"""The web configuration of the whole program, which a real Prometheus scrapes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import exporter
from exporter.web import healthcheck
from tests.support.exporter import serving
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_until
from tests.web.config.files import HASH, tls
from tests.web.config.serving import REST, trusting

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from tests.support.certificates import Authority, Certificate
    from tests.support.engine import PrivateEngine
    from tests.support.exporter import RunningExporter

ROOT = Path(exporter.__file__).parents[1]
TIMEOUT_SECONDS = 60
NOWHERE = "--docker.host=unix:///nowhere/docker.sock"
TOKEN = "the-token-of-the-tests-0123456789abcdef"  # noqa: S105 -- a test's own
ALICE = httpx.BasicAuth("alice", "secret")
FULL = (
    tls("client_ca_file: authority.pem, client_auth_type: RequireAndVerifyClientCert")
    + f"\nhttp_server_config: {{http2: true}}\nbasic_auth_users: {{alice: {HASH}}}\n"
)


@pytest.fixture(scope="module")
def client(authority: Authority) -> Certificate:
    """Give a client's certificate."""
    return authority.issue("client")


@pytest.fixture(scope="module")
def context(authority: Authority, client: Certificate) -> ssl.SSLContext:
    """Give what such a client speaks."""
    return trusting(authority.certificate, client)


@pytest.fixture(scope="module")
def config(authority: Authority) -> Path:
    """Give a configuration with certificates and a user, beside the certificates."""
    file = authority.certificate.cert.with_name("web.yml")
    file.write_text(FULL)
    return file


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with a token for the admin API."""
    file = tmp_path_factory.mktemp("tokens") / "token"
    file.touch(0o600)
    file.write_text(TOKEN)
    return file


@pytest.fixture(scope="module")
def running(
    config: Path, token: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningExporter]:
    """Give the program with that configuration, and with the admin API."""
    with serving(
        tmp_path_factory.mktemp("logs") / "log",
        NOWHERE,
        f"--web.config.file={config}",
        f"--admin.token-file=ops={token}",
    ) as running:
        yield running


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "exporter", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ,
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
    )


def status(context: ssl.SSLContext, url: str, who: str) -> int:
    """Return the status of an answer to nobody, to the user, or to who has the token."""
    auth = {"user": ALICE}.get(who)
    headers = {"Authorization": f"Bearer {TOKEN}"} if who == "token" else {}
    with httpx.Client(verify=context, trust_env=False, timeout=TIMEOUT_SECONDS) as client:
        return client.get(url, auth=auth, headers=headers).status_code


def test_health_check_needs_neither_certificate_nor_user(running: RunningExporter) -> None:
    """It has a way of its own, to this process among all that serve on this machine."""
    assert healthcheck.ask()[running.process.pid] is True


def test_prometheus_scrapes_with_certificate_and_user(
    authority: Authority, client: Certificate, config: Path, running: RunningExporter
) -> None:
    """With both it sees that the file is well; with less it sees nothing."""
    trust = {"ca_file": str(authority.certificate.cert)}
    own = {"cert_file": str(client.cert), "key_file": str(client.key)}
    clients = {
        "good": ("secret", {**trust, **own}),
        "wrong": ("Secret", {**trust, **own}),
        "naked": ("secret", trust),
    }
    jobs = [
        {
            "job_name": name,
            "scrape_interval": "1s",
            "scheme": "https",
            "basic_auth": {"username": "alice", "password": password},
            "tls_config": files,
            "static_configs": [{"targets": [running.address]}],
        }
        for name, (password, files) in clients.items()
    ]
    with Prometheus({"scrape_configs": jobs}) as prometheus:

        def healths() -> dict[str, str]:
            targets = prometheus.get("targets")["activeTargets"]
            return {one["labels"]["job"]: one["health"] for one in targets}

        wanted = {"good": "up", "wrong": "down", "naked": "down"}
        wait_until(healths, 30, "all have been scraped", lambda seen: seen == wanted)
        [(labels, value)] = prometheus.query("docker_exporter_config_last_reload_successful")
        [(_, at)] = prometheus.query(
            "time() - docker_exporter_config_last_reload_success_timestamp_seconds"
        )
    assert (labels["job"], labels["file"], value) == ("good", str(config), 1)
    assert 0 <= at < 600


def test_log_says_what_is_in_force(config: Path, running: RunningExporter) -> None:
    """And what has no effect; but no secret."""
    said = running.log
    assert re.search(f'message="web configuration read" file={config} tls=true users=1\n', said)
    assert "key=http_server_config.http2\n" in said
    assert "$2b$" not in said


def test_users_and_tokens_stand_beside_each_other(
    context: ssl.SSLContext, running: RunningExporter
) -> None:
    """A password is no good for the admin API, and a token none for all the rest."""
    wanted = {
        "/metrics": "user",
        "/": "user",
        "/-/healthy": "user",
        "/-/ready": "user",
        f"{REST}/actions": "token",
    }
    good = {
        (path, who)
        for path in wanted
        for who in ("nobody", "user", "token")
        if status(context, f"https://{running.address}{path}", who) == 200
    }
    assert good == set(wanted.items())


def test_every_listener_is_protected(
    authority: Authority, context: ssl.SSLContext, config: Path, token: Path, tmp_path: Path
) -> None:
    """Also the admin API's own: it takes a certificate, then its tokens, else a user."""
    with serving(
        tmp_path / "log",
        NOWHERE,
        f"--web.config.file={config}",
        f"--admin.token-file=ops={token}",
        "--admin.listen-address=127.0.0.1:0",
    ) as running:
        addresses = wait_until(
            lambda: re.findall(r"message=listening address=(\S+)", running.log),
            TIMEOUT_SECONDS,
            "both listen",
            lambda found: len(found) == 2,
        )
        url = f"https://{addresses[1]}"
        answers = [
            status(context, f"{url}{path}", who)
            for path in (f"{REST}/actions", "/")
            for who in ("nobody", "user", "token")
        ]
        assert answers == [401, 401, 200, 401, 200, 401]
        with pytest.raises(httpx.TransportError):
            status(trusting(authority.certificate), f"{url}{REST}/actions", "token")


def test_without_a_file_there_is_no_metric(tmp_path: Path) -> None:
    """What does not exist is neither well nor ill."""
    with serving(tmp_path / "log", NOWHERE) as running:
        text = httpx.get(f"{running.url}/metrics", trust_env=False, timeout=TIMEOUT_SECONDS).text
    assert "docker_exporter_build_info{" in text
    assert "config_last_reload" not in text


# -- docker-exporter check --------------------------------------------------------------------


def test_check_says_what_is_asked_for(config: Path, engine: PrivateEngine) -> None:
    """Before it looks for the engine."""
    done = run("check", f"--web.config.file={config}", f"--docker.host={engine.host}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["web configuration: TLS, users: 1", "mode: sdk"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("basic_auth_user: {}", 'unknown key "basic_auth_user" (line 1)'),
        ("tls_server_config: {cert_file: none.pem, key_file: none.key}", "failed to read cert_fi"),
    ],
)
@pytest.mark.parametrize("command", [[], ["check"]])
def test_bad_file_is_one_line(
    tmp_path: Path, command: list[str], text: str, complaint: str
) -> None:
    """Serving and checking refuse it alike, with status 2."""
    file = tmp_path / "web.yml"
    file.write_text(text)
    done = run(*command, f"--web.config.file={file}", "--web.listen-address=127.0.0.1:0", NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("docker-exporter: --web.config.file: ")
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
