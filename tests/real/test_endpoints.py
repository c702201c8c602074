"""The places where an engine is found: the CLI's context, and TCP with TLS."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from exporter.docker_client import DockerClient
from exporter.engine.finding import address
from exporter.model import Mode
from tests.support.programs import run_program
from tests.support.tls import TlsProxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import PrivateEngine


def test_context_of_the_cli_is_followed(
    engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without DOCKER_HOST, the engine is that of the context in use, and messages name it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    run_program("docker", "context", "create", "lab", f"--docker=host={engine.host}")
    run_program("docker", "context", "use", "lab")
    client = DockerClient()
    assert client.is_available() is True
    assert address(None) == engine.host
    client.close()


def test_tls_variables_are_followed(
    engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine behind TLS is reached with the certificates that the variables name, or not."""
    # Where they are set, `requests` prefers these to the certificates that it is given.
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with TlsProxy(engine.socket, tmp_path) as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.host)
        monkeypatch.setenv("PATH", "")
        without = DockerClient()
        assert without.is_available() is False
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
        client = DockerClient()
        assert client.is_available() is True
        assert client.mode is Mode.SDK
        client.close()
        without.close()


def test_context_with_certificates_is_followed(
    engine: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that the command keeps with the context are used, without settings beside them."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with TlsProxy(engine.socket, tmp_path) as proxy:
        files = ",".join(f"{kind}={tmp_path / kind}.pem" for kind in ("ca", "cert", "key"))
        run_program("docker", "context", "create", "lab", f"--docker=host={proxy.host},{files}")
        monkeypatch.setenv("DOCKER_CONTEXT", "lab")
        monkeypatch.setenv("PATH", "")
        client = DockerClient()
        assert client.is_available() is True
        client.close()


def test_command_agrees_that_there_is_no_such_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one is missing, the command asks no engine either, and the client says which it is."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run_program("docker", "version")
    assert 'context "gone"' in str(refused.value.__notes__)
    result = DockerClient().start_container("web")
    assert result["success"] is False
    assert 'context "gone"' in result["message"]
