"""The context of the docker command: whose engine is meant, and what where that is not clear."""

from __future__ import annotations

import hashlib
import json
import pwd
from typing import TYPE_CHECKING

import pytest

from exporter.docker_client import DockerClient
from exporter.engine.finding import address
from exporter.errors import EngineUnavailableError
from exporter.model import Mode
from tests.support.fake_engine import FakeEngine

if TYPE_CHECKING:
    from pathlib import Path

USUAL = "unix:///var/run/docker.sock"
ELSEWHERE = "tcp://docker-1.example:2375"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the directory of the command's settings, beside a command that finds an engine."""
    command = tmp_path / "docker"
    command.write_text("#!/bin/sh\necho '{}'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def write_context(directory: Path, name: str, meta: str) -> Path:
    """Write down a context, and return in which file."""
    file = directory / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    file.parent.mkdir(parents=True)
    file.write_text(meta)
    return file


def write_lab(directory: Path) -> None:
    """Write down a context `lab`, whose engine is elsewhere."""
    endpoints = {"docker": {"Host": ELSEWHERE, "SkipTLSVerify": False}}
    meta = {"Name": "lab", "Metadata": {}, "Endpoints": endpoints}
    write_context(directory, "lab", json.dumps(meta))


def refused() -> str:
    """Return why no engine is found."""
    client = DockerClient()
    with pytest.raises(EngineUnavailableError) as caught:
        client.connect()
    assert client.mode is None
    return str(caught.value)


def test_context_of_the_variable_that_does_not_exist(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says who names it and what to do; nobody else is asked, by the command neither."""
    write_lab(directory)
    monkeypatch.setenv("DOCKER_CONTEXT", "nope")
    message = refused()
    assert 'context "nope", named by DOCKER_CONTEXT' in message
    assert "docker context ls" in message
    with pytest.raises(EngineUnavailableError, match="nope"):
        address(None)


def test_context_of_the_settings_that_does_not_exist(directory: Path) -> None:
    """The error names the file that names it."""
    file = directory / "config.json"
    file.write_text('{"currentContext": "gone"}')
    assert f'context "gone", named by currentContext in {file}' in refused()


def test_context_with_a_name_that_no_file_has(directory: Path) -> None:
    """It stands in the error in a form that harms nobody who takes that for a path."""
    (directory / "config.json").write_text(r'{"currentContext": "a\u0000"}')
    assert r'context "a\u0000", named by' in refused()
    assert "\0" not in refused()


@pytest.mark.parametrize("meta", ["{", "[]", '{"Name": "lab", "Endpoints": {}}'])
def test_context_that_makes_no_sense(
    directory: Path, monkeypatch: pytest.MonkeyPatch, meta: str
) -> None:
    """The error names the file to repair."""
    file = write_context(directory, "lab", meta)
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    message = refused()
    assert 'context "lab"' in message
    assert str(file) in message


def test_context_needs_no_settings_beside_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command makes none where it makes a context."""
    write_lab(directory)
    monkeypatch.setenv("DOCKER_CONTEXT", "lab")
    assert address(None) == ELSEWHERE


def test_empty_variables_are_none(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the command, which follows its settings then."""
    write_lab(directory)
    (directory / "config.json").write_text('{"currentContext": "lab"}')
    for variable in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.setenv(variable, "")
    assert address(None) == ELSEWHERE


def test_address_goes_before_the_context(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A context that is gone matters to nobody who names the engine itself."""
    (directory / "config.json").write_text('{"currentContext": "gone"}')
    with FakeEngine(web="running") as fake:
        monkeypatch.setenv("DOCKER_HOST", fake.host)
        client = DockerClient()
        assert client.connect().mode is Mode.SDK
        client.close()


@pytest.mark.parametrize("text", ["", "{}", '{"currentContext": ""}', '{"auths": {}}'])
def test_settings_without_a_context(
    directory: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """The usual socket is meant, and there is nothing to warn of."""
    (directory / "config.json").write_text(text)
    assert address(None) == USUAL
    assert caplog.records == []


@pytest.mark.usefixtures("directory")
def test_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, with any number for a user: the usual socket is meant."""

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for variable in ("DOCKER_CONFIG", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert address(None) == USUAL


@pytest.mark.parametrize("text", ["{currentContext", "[]", '{"currentContext": 5}', '"\udcff"'])
def test_settings_that_make_no_sense_are_told_of_once(
    directory: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """The usual socket is meant, as for the command, which complains as well."""
    file = directory / "config.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    for _ in range(3):
        assert address(None) == USUAL
    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert vars(warning)["file"] == str(file)


def test_settings_that_the_sdk_chokes_on(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads them for proxies too, whatever names the engine; the error names the file."""
    file = directory / "config.json"
    file.write_text("[]")
    (directory / "docker").unlink()
    with FakeEngine() as fake:
        monkeypatch.setenv("DOCKER_HOST", fake.host)
        assert str(file) in refused()
