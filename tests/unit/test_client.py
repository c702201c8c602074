"""How the client finds its engine, and gives it up."""

from __future__ import annotations

import json
import socket
import threading
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.errors import (
    EngineAccessDeniedError,
    EngineError,
    EngineResponseError,
    EngineTimeoutError,
    EngineUnavailableError,
)
from exporter.model import Mode
from tests.support.fake_engine import VERSION, FakeEngine, Handler
from tests.support.leftovers import nothing_left_open
from tests.support.misbehaviour import silence, trickle
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.engine.base import Engine

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


def test_engine_that_was_replaced_is_spoken_to_in_its_own_version(fake: FakeEngine) -> None:
    """An engine that is upgraded may refuse the version of the API that it spoke before."""
    spoken: str

    def version(handler: Handler) -> None:
        own = {"Version": "1", "ApiVersion": spoken, "MinAPIVersion": spoken, "Components": []}
        handler.send(200, json.dumps(own).encode())

    def list_containers(handler: Handler) -> None:
        asked = handler.path.split("/")[1].removeprefix("v")
        refused = {"message": f"client version {asked} is too old. Minimum supported API"}
        good = asked == spoken
        answer = fake.answer("/containers/json") if good else refused
        handler.send(200 if good else 400, json.dumps(answer).encode())

    fake.overrides |= {"/version": version, "/containers/json": list_containers}
    client = DockerClient(fake.host)
    for spoken in ("1.41", "1.53", "1.41"):  # noqa: B007 -- used by the two above
        [row] = client.call(lambda engine: engine.list_containers(Deadline(LATE)))
        assert row.name == "web"
    client.close()


@pytest.mark.parametrize(
    ("error", "times"),
    [(EngineTimeoutError("late"), 1), (EngineAccessDeniedError("refused"), 1), (GONE, 2)],
    ids=["late", "refused", "gone"],
)
def test_engine_that_is_gone_is_asked_once_more_and_no_other(
    fake: FakeEngine, error: EngineError, times: int
) -> None:
    """Who is late has cost the time that there was, and who refuses is there."""
    asked: list[Engine] = []

    def ask(engine: Engine) -> None:
        asked.append(engine)
        raise error

    client = DockerClient(fake.host)
    with pytest.raises(type(error)):
        client.call(ask)
    assert len(asked) == times
    assert fake.asked("/version") == times
    client.close()


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
    with nothing_left_open():
        client = DockerClient(fake.host)
        client.connect().list_containers(Deadline(LATE))
        assert client.is_available()
        client.close()
    assert len(asked) == 2
    assert all(path.startswith(spoken) for path in asked)


@pytest.mark.parametrize(
    "version", [b"{}", b'{"ApiVersion": "1.44 HTTP/1.1\\r\\nX: y"}', b"<html>"]
)
def test_engine_that_does_not_say_which_it_is_is_none(fake: FakeEngine, version: bytes) -> None:
    """What it says becomes part of every request, so it must be a version."""
    fake.overrides["/version"] = lambda handler: handler.send(200, version)
    with nothing_left_open(), pytest.raises(EngineResponseError):
        DockerClient(fake.host).connect(Deadline(LATE))


def test_name_that_nobody_resolves_keeps_nobody(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may take as long as it likes to find an address."""
    go = threading.Event()

    def resolve(*_: object, **__: object) -> None:
        go.wait(LATE)
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(EngineTimeoutError):
        DockerClient(fake.on_tcp().replace("127.0.0.1", "engine.example")).connect(Deadline(SOON))
    go.set()


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


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", EngineAccessDeniedError),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /version\r\nContent-Length: 0\r\n\r\n",
            EngineResponseError,
        ),
    ],
    ids=["refused", "redirected"],
)
def test_events_that_are_not_given(
    fake: FakeEngine, answer: bytes, error: type[EngineError]
) -> None:
    """The refusal is told at once, and no other place is asked."""
    fake.overrides["/events"] = lambda handler: handler.send_raw(answer)
    client = DockerClient(fake.host)
    client.connect()
    with nothing_left_open(), pytest.raises(error):
        client.events(None)
    assert fake.asked("/version") == 1
    client.close()


def test_events_may_be_silent_for_longer_than_an_answer_may_take(fake: FakeEngine) -> None:
    """Nothing need happen on a machine for days."""

    def tell_later(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        silent.wait(LATE)
        handler.wfile.write(event("a"))
        handler.closing.wait()

    silent = threading.Event()
    fake.overrides["/events"] = tell_later
    client = DockerClient(fake.host, timeout=SOON)
    told: list[str] = []

    def follow() -> None:
        told.extend(one.container_id for one in islice(stream, 1))

    stream = client.events(None)
    follower = threading.Thread(target=follow)
    follower.start()
    patience = Deadline(2 * SOON)
    wait_until(lambda: patience.expired, LATE, "an answer would be late")
    silent.set()
    follower.join(LATE)
    assert told == ["a"]
    stream.close()
    client.close()


def test_id_of_a_container_leads_nowhere_else(fake: FakeEngine) -> None:
    """Whatever an engine calls one: it is a single word of the path."""
    client = DockerClient(fake.host)
    one = "../info?a#b"
    ((about, _),) = client.connect().inspect_many([one], Deadline(LATE))
    assert about == one
    assert fake.requests[-1] == "/containers/..%2Finfo%3Fa%23b/json"
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


def test_event_of_a_stream_without_chunks_comes_at_once(fake: FakeEngine) -> None:
    """As from a proxy that speaks HTTP/1.0."""

    def tell(handler: Handler) -> None:
        _, line, _ = event("a").split(b"\r\n")
        handler.send_raw(b"HTTP/1.0 200 OK\r\n\r\n", line)
        in_time.append(told.wait(LATE))

    told, in_time = threading.Event(), list[bool]()
    fake.overrides["/events"] = tell
    client = DockerClient(fake.host)
    events = iter(client.events(None))
    assert next(events).container_id == "a"
    told.set()
    assert list(events) == []
    assert in_time == [True]
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


def test_who_waits_for_anothers_attempt_leaves_at_their_own_deadline(fake: FakeEngine) -> None:
    """The attempt goes on, and is the only one, for those who have more time."""
    go = threading.Event()

    def wait_then_say(handler: Handler) -> None:
        go.wait(LATE)
        handler.send(200, json.dumps(VERSION).encode())

    fake.overrides["/version"] = wait_then_say
    client = DockerClient(fake.host, timeout=LATE)
    patient = [threading.Thread(target=client.connect) for _ in range(3)]
    for thread in patient:
        thread.start()
    wait_until(lambda: fake.asked("/version"), LATE, "asked")
    with pytest.raises(EngineTimeoutError, match="Another request"):
        client.connect(Deadline(SOON))
    go.set()
    for thread in patient:
        thread.join(LATE)
    assert client.mode is Mode.SDK
    assert fake.asked("/version") == 1
    client.close()


def commanded(directory: Path, script: str) -> str:
    """Return a path on which the `docker` command is a script."""
    command = directory / "docker"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return str(directory)


def test_engine_that_hangs_leaves_time_for_the_command(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which may find another way, as by a context of its own."""
    monkeypatch.setenv("PATH", commanded(tmp_path, "echo '{}'"))
    fake.overrides["/version"] = silence
    assert DockerClient(fake.host).connect(Deadline(10 * SOON)).mode is Mode.CLI


def test_refusal_tells_more_than_a_place_where_nobody_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command may come further than the SDK."""
    refuse = "echo 'permission denied while trying to connect' >&2; exit 1"
    monkeypatch.setenv("PATH", commanded(tmp_path, refuse))
    with pytest.raises(EngineAccessDeniedError):
        DockerClient("unix:///nowhere").connect()


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
