"""What the errors say to do, for each kind of address and of refusal."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.base import not_connected
from exporter.errors import EngineError, EngineResponseError, EngineUnavailableError
from exporter.settings.parsers import engine_address
from tests.support.fake_engine import FakeEngine, identity
from tests.support.misbehaviour import forbid, rubbish
from tests.support.socket_proxy import SocketProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.fake_engine import Handler

LATE = 30.0
SOCKET_ADVICE = ("usermod", "--group-add", "mounted")
OVER_SSH = "ssh://ops@docker-1.invalid"
# What the command writes, in one line.
SSH_SAID = (
    'error during connect: Get "http://docker.example.com/v1.50/version": command [ssh -o '
    "ConnectTimeout=30 -T -l ops -- docker-1.invalid docker system dial-stdio] has exited with "
    "exit status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the "
    "remote host: stderr=ssh: Could not resolve hostname docker-1.invalid"
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """Give an engine that can be reached by the SDK only."""
    monkeypatch.setenv("PATH", "")
    with FakeEngine(web="running") as engine:
        yield engine


def failure(where: str) -> str:
    """Return why there is no engine at an address."""
    with pytest.raises(EngineError) as caught:
        DockerClient(where).connect(Deadline(LATE))
    return str(caught.value)


def write_command(directory: Path, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a docker command in place that fails with what it says."""
    command = directory / "docker"
    command.write_text(f"#!/bin/sh\nprintf '%s\\n' '{said}' >&2\nexit 1\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory))


def test_port_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no socket to mount."""
    monkeypatch.setenv("PATH", "")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        message = failure(f"tcp://127.0.0.1:{bound.getsockname()[1]}")
    assert "Docker engine not reachable" in message
    assert "listening there" in message
    assert "firewall" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)


def test_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is what is to be looked at."""
    monkeypatch.setenv("PATH", "")
    message = failure("tcp://docker-1.invalid:2375")
    assert "does the name resolve" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)


def test_connection_that_a_firewall_forbids() -> None:
    """No group helps against that, which is for sockets with a path."""
    message = str(not_connected(PermissionError(1, "Operation not permitted"), "tcp://d:2375"))
    assert "Permission denied at tcp://d:2375" in message
    assert "firewall" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)


def test_socket_that_is_refused() -> None:
    """There the group is what helps."""
    message = str(not_connected(PermissionError(13, "Permission denied"), "unix:///run/d.sock"))
    assert "usermod -aG docker" in message
    assert '--group-add "$(stat -c %g /run/d.sock)"' in message
    assert "proxy" not in message


def test_ssh_without_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, and there is no socket to ask for."""
    monkeypatch.setitem(sys.modules, "paramiko", None)
    monkeypatch.setenv("PATH", "")
    message = failure(OVER_SSH)
    assert "paramiko is not installed" in message
    assert "pip install '.[ssh]'" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)


def test_ssh_by_the_command_that_fails_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ssh says is the reason, and not which long command has failed."""
    monkeypatch.setitem(sys.modules, "paramiko", None)
    write_command(tmp_path, SSH_SAID, monkeypatch)
    message = failure(OVER_SSH)
    assert f"{OVER_SSH}: ssh: Could not resolve hostname docker-1.invalid." in message
    assert "pip install '.[ssh]'" in message
    assert "dial-stdio" not in message


@pytest.mark.parametrize("named", [True, False])
def test_tls_without_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    """The error names the variable, the directory that is meant, and what is missing from it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.delenv("DOCKER_CERT_PATH", raising=False)
    directory = tmp_path / "tls" if named else tmp_path / ".docker"
    if named:
        monkeypatch.setenv("DOCKER_CERT_PATH", str(directory))
    directory.mkdir()
    (directory / "ca.pem").touch()
    message = failure("tcp://docker-1.invalid:2376")
    assert f"{directory} has no cert.pem and no key.pem" in message
    assert "Let DOCKER_CERT_PATH name the directory with ca.pem, cert.pem and key.pem" in message
    assert ".." not in message
    assert not any(advice in message for advice in SOCKET_ADVICE)


@pytest.mark.parametrize("where", ["foo://x", "tcp://docker-1", "tcp://docker-1:99999"])
def test_address_that_is_none(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """The error says what is allowed, in the words of the setting."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="allowed") as setting:
        engine_address("foo")
    message = failure(where)
    assert f'"{where}" {setting.value}.' in message
    assert "DOCKER_HOST" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda handler: handler.send(404, b"Not Found", "text/plain"), id="404"),
        pytest.param(lambda handler: handler.send(200, b"<html>", "text/html"), id="a page"),
        pytest.param(lambda handler: handler.send(200, b"{}"), id="another API"),
        pytest.param(rubbish, id="rubbish"),
    ],
)
def test_what_is_no_engine(fake: FakeEngine, answer: Callable[[Handler], None]) -> None:
    """The address is what is to be looked at."""
    fake.overrides["/version"] = answer
    message = failure(fake.on_tcp())
    assert "does not seem to be a Docker engine's API" in message
    assert "DOCKER_HOST or --docker.host" in message


def test_engine_in_trouble_is_one(fake: FakeEngine) -> None:
    """A proxy answers so while the engine behind it is restarted."""
    fake.overrides["/version"] = lambda handler: handler.send(503, b"busy", "text/plain")
    with pytest.raises(EngineResponseError, match=r"answered 503: busy$"):
        DockerClient(fake.host).connect(Deadline(LATE))


def test_reading_that_a_proxy_refuses(fake: FakeEngine) -> None:
    """The error names the request that it must allow, and no group."""
    fake.overrides["/containers/json"] = forbid
    client = DockerClient(fake.on_tcp())
    engine = client.connect(Deadline(LATE))
    with pytest.raises(EngineUnavailableError) as caught:
        engine.list_containers(Deadline(LATE))
    message = str(caught.value)
    assert "Permission denied" in message
    assert "for GET /v1.44/containers/json:" in message
    assert "socket proxy" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)
    client.close()


def test_events_that_a_proxy_refuses(fake: FakeEngine) -> None:
    """As for every request; the filters in its query are left out."""
    fake.overrides["/events"] = forbid
    client = DockerClient(fake.host)
    with pytest.raises(EngineUnavailableError, match=r"for GET /v1\.44/events:"):
        client.events(None)
    client.close()


def test_action_that_a_proxy_refuses(fake: FakeEngine) -> None:
    """The library names it too, though the SDK has sent it."""
    with SocketProxy(Path(fake.host.removeprefix("unix://")), {"GET": ".*"}) as proxy:
        client = DockerClient(proxy.host)
        message = client.restart_container(identity("web"))["message"]
        client.close()
    assert "Permission denied" in message
    assert f"for POST /v1.44/containers/{identity('web')}/restart:" in message
    assert "socket proxy" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)


def test_version_that_a_proxy_refuses(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is named, though the command is tried too, and refused as well."""
    write_command(tmp_path, "Error response from daemon: 403 Forbidden", monkeypatch)
    fake.overrides["/version"] = forbid
    message = failure(fake.host)
    assert "for GET /version:" in message


def test_events_that_a_proxy_refuses_to_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream ends with what is to be allowed."""
    command = tmp_path / "docker"
    command.write_text(
        "#!/bin/sh\n[ $1 = version ] && echo '{}' && exit\n"
        "echo 'Error response from daemon: 403 Forbidden' >&2\nexit 1\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match=r"for 'docker events':.* socket proxy"):
        list(DockerClient("unix:///nowhere").events(None))


def test_command_that_a_proxy_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says which route, or we at least which command."""
    write_command(tmp_path, "Error response from daemon: 403 Forbidden", monkeypatch)
    message = failure("unix:///nowhere")
    assert "Permission denied at unix:///nowhere for 'docker version':" in message
    assert "socket proxy" in message
    assert not any(advice in message for advice in SOCKET_ADVICE)
