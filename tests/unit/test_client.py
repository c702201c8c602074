"""How the client finds its engine, and gives it up."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.errors import (
    EngineError,
    EngineResponseError,
    EngineTimeoutError,
    EngineUnavailableError,
)
from exporter.model import Mode
from tests.support.fake_engine import FakeEngine, Handler
from tests.support.misbehaviour import silence, trickle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOON = 0.5
LATE = 30.0
GONE = EngineUnavailableError("gone")


def test_late_complaint_does_not_cost_the_connection_that_was_found_since() -> None:
    """A thread that still held the lost engine must not drop the one that another has found."""
    with FakeEngine(web="running") as fake:
        client = DockerClient(fake.host)
        stale = client.connect()
        client.lost(stale, GONE)
        assert client.mode is None
        client.connect()
        versions = fake.asked("/version")
        client.lost(stale, GONE)
        client.connect()
        assert client.mode is Mode.SDK
        assert fake.asked("/version") == versions
        client.close()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """Give an engine that can be reached by the SDK only."""
    monkeypatch.setenv("PATH", "")
    with FakeEngine(web="running") as engine:
        yield engine


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("stall", [trickle, silence])
def test_first_connection_meets_its_deadline(
    fake: FakeEngine, stall: Callable[[Handler], None], *, tcp: bool
) -> None:
    """An engine that says which it is a byte at a time keeps nobody."""
    fake.overrides["/version"] = stall
    client = DockerClient(fake.on_tcp() if tcp else fake.host)
    with pytest.raises(EngineTimeoutError):
        client.connect(Deadline(SOON))
    fake.overrides.clear()
    assert client.connect(Deadline(LATE)).mode is Mode.SDK
    client.close()


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ({"ApiVersion": "1.51", "MinAPIVersion": "1.24"}, "/v1.44/"),
        ({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "/v1.41/"),
        ({"ApiVersion": "1.60", "MinAPIVersion": "1.48"}, "/v1.60/"),
    ],
)
def test_both_speak_the_same_version_of_the_api(
    fake: FakeEngine, said: dict[str, str], spoken: str
) -> None:
    """The collector's requests and the SDK's own, in one that the engine has."""
    asked: list[str] = []

    def note(handler: Handler, answer: bytes) -> None:
        asked.append(handler.path)
        handler.send(200, answer)

    fake.overrides["/version"] = lambda handler: handler.send(200, json.dumps(said).encode())
    fake.overrides["/containers/json"] = lambda handler: note(handler, b"[]")
    fake.overrides["/_ping"] = lambda handler: note(handler, b"OK")
    client = DockerClient(fake.host)
    client.connect().list_containers(Deadline(LATE))
    assert client.is_available()
    assert len(asked) == 2
    assert all(path.startswith(spoken) for path in asked)
    client.close()


@pytest.mark.parametrize(
    "version", [b"{}", b'{"ApiVersion": "1.44 HTTP/1.1\\r\\nX: y"}', b"<html>"]
)
def test_engine_that_does_not_say_which_it_is_is_none(fake: FakeEngine, version: bytes) -> None:
    """What it says becomes part of every request, so it must be a version."""
    fake.overrides["/version"] = lambda handler: handler.send(200, version)
    with pytest.raises(EngineResponseError):
        DockerClient(fake.host).connect(Deadline(LATE))


def test_engine_behind_a_proxy_is_reached(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy that the environment names is asked, and finds the engine."""
    monkeypatch.setenv("http_proxy", fake.on_tcp().replace("tcp", "http"))
    client = DockerClient("tcp://engine.example:2375")
    (row,) = client.connect().list_containers(Deadline(LATE))
    assert row.name == "web"
    client.close()


def event(name: str) -> bytes:
    """Return an event as the engine sends it, in a chunk of its own."""
    line = json.dumps({"Action": "start", "Actor": {"ID": name}, "timeNano": 1}).encode() + b"\n"
    return f"{len(line):x}\r\n".encode() + line + b"\r\n"


@pytest.mark.parametrize(
    ("headers", "first"),
    [
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n", b"7fffffff\r\n", id="one chunk"),
        pytest.param(b"\r\n", b"", id="no chunks"),
    ],
)
def test_event_without_end_is_given_up(fake: FakeEngine, headers: bytes, first: bytes) -> None:
    """It does not fill the memory, though nobody minds how long a stream lasts."""

    def pour(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + headers + first)
        while True:
            handler.wfile.write(b" " * 100_000)

    fake.overrides["/events"] = pour
    client = DockerClient(fake.host)
    with pytest.raises(EngineResponseError, match="no end"):
        list(client.events("1.000000000"))
    client.close()


def test_events_come_whole_however_they_are_cut(fake: FakeEngine) -> None:
    """Each as soon as it is there; the end of the stream is the end of the iteration."""

    def tell(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        handler.wfile.write(event("a"))
        told.wait(LATE)
        for byte in event("b"):
            handler.wfile.write(bytes([byte]))
        handler.close_connection = True

    told = threading.Event()
    fake.overrides["/events"] = tell
    client = DockerClient(fake.host)
    events = iter(client.events(None))
    assert next(events).container_id == "a"
    told.set()
    assert [one.container_id for one in events] == ["b"]
    client.close()


def test_event_stream_over_tcp_notices_when_its_host_is_gone(fake: FakeEngine) -> None:
    """The kernel asks from time to time whether the other side is there (proc(5): timer 02)."""
    host = fake.on_tcp()
    client = DockerClient(host)
    stream = client.events(None)
    remote = f"0100007F:{int(host.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    timers = {row[5].partition(":")[0] for row in rows if row[2] == remote and row[3] == "01"}
    assert "02" in timers
    stream.close()
    client.close()


def test_many_who_look_for_a_lost_engine_share_the_attempts(fake: FakeEngine) -> None:
    """Who waited for one that has failed since does not try again."""
    go, arrived = threading.Event(), threading.Semaphore(0)

    def fail(handler: Handler) -> None:
        go.wait(LATE)
        handler.send(500, b"{}")

    def look() -> None:
        arrived.release()
        assert client.is_available() is False

    fake.overrides["/version"] = fail
    client = DockerClient(fake.host, timeout=LATE)
    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert arrived.acquire(timeout=LATE)
    go.set()
    for thread in threads:
        thread.join(LATE)
    assert 0 < fake.asked("/version") < len(threads)


def test_engine_that_returns_is_found_by_the_next_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However often it was looked for in vain, also where it can be reached by the command only."""
    command = tmp_path / "docker"
    monkeypatch.setenv("PATH", str(tmp_path))
    client = DockerClient("unix:///nowhere")
    command.write_text("#!/bin/sh\nexit 1\n")
    command.chmod(0o755)
    for _ in range(5):
        with pytest.raises(EngineError):
            client.connect()
    command.write_text("#!/bin/sh\necho '{}'\n")
    assert client.connect().mode is Mode.CLI
