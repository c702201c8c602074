"""Many requests at once: the same promises over connections of our own and the SDK's session."""

from __future__ import annotations

import gc
import socket
import threading
from http.client import HTTPResponse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
from docker.transport import UnixHTTPAdapter

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.connections import MOST_IDLE, Connections, Endpoint
from exporter.engine.session import Session
from exporter.engine.threads import each
from exporter.engine.transport import Answer, Outcome, Request
from exporter.errors import (
    EngineResponseError,
    EngineTimeoutError,
    EngineUnavailableError,
)
from tests.support.fake_engine import FakeEngine, Handler
from tests.support.misbehaviour import half, hang_up, pour, rubbish, silence, trickle
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

    from exporter.engine.transport import Transport

SOON = 0.3
LATE = 30.0
WIDTH = 8
PATHS = [f"/{number}" for number in range(40)]
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    """Give an engine that answers each path with that path."""
    with FakeEngine() as engine:
        for path in PATHS:
            engine.overrides[path] = echo
        yield engine


@pytest.fixture(params=["unix", "tcp", "session"])
def transport(request: pytest.FixtureRequest, fake: FakeEngine) -> Iterator[Transport]:
    """Give each way to the engine in turn."""
    if request.param == "session":
        client = docker.DockerClient(base_url=fake.host, version="1.44")
        yield Session(client.api, fake.host)
        client.close()
        return
    connections = over_unix(fake) if request.param == "unix" else over_tcp(fake)
    yield connections
    connections.close()


@pytest.fixture
def connections(fake: FakeEngine) -> Iterator[Connections]:
    """Give connections of our own."""
    connections = over_unix(fake)
    yield connections
    connections.close()


@pytest.fixture
def session(fake: FakeEngine) -> Iterator[Session]:
    """Give the SDK's session."""
    client = docker.DockerClient(base_url=fake.host, version="1.44")
    yield Session(client.api, fake.host)
    client.close()


def over_unix(fake: FakeEngine) -> Connections:
    """Return connections of our own to an engine's socket."""
    path = fake.host.removeprefix("unix://")
    return Connections(Endpoint(socket.AF_UNIX, path, fake.host))


def over_tcp(fake: FakeEngine) -> Connections:
    """Return connections of our own to an engine's port."""
    where = fake.on_tcp()
    host, port = where.removeprefix("tcp://").split(":")
    return Connections(Endpoint(socket.AF_INET, (host, int(port)), where, f"{host}:{port}"))


def echo(handler: Handler) -> None:
    """Answer with what was asked."""
    handler.send(200, handler.path.encode())


def fetch(
    transport: Transport, *paths: str, seconds: float = LATE, width: int = WIDTH
) -> dict[str, Outcome]:
    """Return the outcome of a request for each path."""
    requests = [Request(path, limit=1000) for path in paths]
    outcomes = list(transport.fetch(requests, width=width, deadline=Deadline(seconds)))
    assert sorted(outcome.request.target for outcome in outcomes) == sorted(paths)
    return {outcome.request.target: outcome for outcome in outcomes}


def assert_echoed(outcomes: dict[str, Outcome]) -> None:
    """Make sure that each request has its own answer."""
    for path, outcome in outcomes.items():
        assert outcome.result == Answer(200, path.encode())
        assert outcome.seconds is not None


def test_each_request_gets_its_own_answer(transport: Transport, fake: FakeEngine) -> None:
    """Each is sent once, however many there are."""
    assert_echoed(fetch(transport, *PATHS))
    assert sorted(fake.requests) == sorted(PATHS)


def test_as_many_at_a_time_as_allowed(transport: Transport, fake: FakeEngine) -> None:
    """Neither fewer, nor more."""
    lock, reached = threading.Lock(), threading.Event()
    counts = {"now": 0, "most": 0}

    def meet(handler: Handler) -> None:
        with lock:
            counts["now"] += 1
            counts["most"] = max(counts["most"], counts["now"])
            if counts["most"] >= WIDTH:
                reached.set()
        assert reached.wait(LATE)
        with lock:
            counts["now"] -= 1
        echo(handler)

    fake.overrides = dict.fromkeys(PATHS, meet)
    assert_echoed(fetch(transport, *PATHS))
    assert counts == {"now": 0, "most": WIDTH}


def test_answers_are_given_as_they_are(transport: Transport, fake: FakeEngine) -> None:
    """Refusals and redirections too: nothing is followed."""
    fake.overrides["/1"] = lambda handler: handler.send(403, b"<h1>no", "text/html")
    fake.overrides["/2"] = lambda handler: handler.send_raw(
        b"HTTP/1.1 302 Found\r\nLocation: /3\r\nContent-Length: 0\r\n\r\n"
    )
    outcomes = fetch(transport, "/1", "/2")
    assert outcomes["/1"].result == Answer(403, b"<h1>no")
    assert outcomes["/2"].result == Answer(302, b"")
    assert fake.asked("/3") == 0


@pytest.mark.parametrize(
    "stall",
    [
        pytest.param(silence, id="silence"),
        pytest.param(lambda handler: handler.hang_after(b"[" * 10), id="half an answer"),
        pytest.param(trickle, id="a byte at a time"),
    ],
)
def test_one_that_does_not_come_in_time_costs_itself_only(
    transport: Transport, fake: FakeEngine, stall: Callable[[Handler], None]
) -> None:
    """Whatever it does, everything else is there at the deadline, and so is its error."""
    fake.overrides["/1"] = stall
    outcomes = fetch(transport, "/1", "/2", "/3", seconds=SOON)
    late = outcomes.pop("/1")
    assert isinstance(late.result, EngineTimeoutError)
    assert late.seconds is not None
    assert fake.host in str(late.result) or "tcp://" in str(late.result)
    assert_echoed(outcomes)


def test_nothing_is_begun_after_the_deadline(transport: Transport, fake: FakeEngine) -> None:
    """What had to wait for the one that hangs was never sent, and is not counted as if it was."""
    fake.overrides["/1"] = silence
    outcomes = fetch(transport, "/1", "/2", seconds=SOON, width=1)
    assert isinstance(outcomes["/2"].result, EngineTimeoutError)
    assert outcomes["/2"].seconds is None
    assert fake.asked("/2") == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(pour, id="endless"),
        pytest.param(lambda handler: handler.send(200, b" " * 1001), id="too long"),
        pytest.param(half, id="half"),
        pytest.param(
            lambda handler: handler.send_raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\n1"),
            id="half a chunk",
        ),
        pytest.param(rubbish, id="rubbish"),
    ],
)
def test_what_is_no_answer_costs_itself_only(
    transport: Transport, fake: FakeEngine, answer: Callable[[Handler], None]
) -> None:
    """It is told from an engine that is not there."""
    fake.overrides["/1"] = answer
    outcomes = fetch(transport, "/1", "/2", "/3")
    assert isinstance(outcomes.pop("/1").result, EngineResponseError)
    assert_echoed(outcomes)


def test_answer_may_be_as_long_as_allowed(transport: Transport, fake: FakeEngine) -> None:
    """To the last byte."""
    fake.overrides["/1"] = lambda handler: handler.send(200, b" " * 1000)
    assert fetch(transport, "/1")["/1"].result == Answer(200, b" " * 1000)


def test_engine_that_hangs_up_is_unavailable(transport: Transport, fake: FakeEngine) -> None:
    """It was there, and goes without a word."""
    fake.overrides["/1"] = hang_up
    result = fetch(transport, "/1")["/1"].result
    assert type(result) is EngineUnavailableError
    assert fake.asked("/1") == 1


def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    """The message names the address, and what to do."""
    for path in (tmp_path / "nobody", tmp_path / ("long" * 50)):
        where = f"unix://{path}"
        transport = Connections(Endpoint(socket.AF_UNIX, str(path), where))
        for outcome in fetch(transport, *PATHS).values():
            assert type(outcome.result) is EngineUnavailableError
            assert where in str(outcome.result)
            assert "mounted" in str(outcome.result)


@pytest.mark.parametrize("session", [False, True])
def test_deadline_that_is_moved_is_the_one_that_counts(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch, *, session: bool
) -> None:
    """An answer that comes after the first deadline is taken.

    The session has cut it by then, and asks again.
    """
    go = threading.Event()

    def wait_then_list(handler: Handler) -> None:
        go.wait(LATE)
        handler.send(200, b"[]")

    fake.overrides["/containers/json"] = wait_then_list
    if session:
        # Whatever is behind a proxy goes through the SDK's own session.
        monkeypatch.setenv("http_proxy", fake.on_tcp().replace("tcp", "http"))
    client = DockerClient("tcp://engine.example:2375" if session else fake.host)
    engine = client.connect()
    deadline, at_first = Deadline(SOON), Deadline(SOON)
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(engine.list_containers(deadline)))
    thread.start()
    wait_until(lambda: fake.asked("/containers/json"), LATE, "asked")
    deadline.extend_to(Deadline(LATE))
    wait_until(lambda: at_first.expired, LATE, "the first deadline has passed")
    go.set()
    thread.join(LATE)
    assert results == [()]
    client.close()


def test_connections_are_kept_and_used_again(connections: Connections, fake: FakeEngine) -> None:
    """Scrape after scrape, there are no more than were needed at once; closing closes them."""
    for _ in range(5):
        assert_echoed(fetch(connections, *PATHS))
    assert fake.connections <= WIDTH
    assert fake.connected == fake.connections
    connections.close()
    wait_until(lambda: fake.connected == 0, LATE, "all are closed")


def test_wide_burst_leaves_a_few_connections(connections: Connections, fake: FakeEngine) -> None:
    """What is not needed every time is given back."""
    count = MOST_IDLE + 20
    barrier = threading.Barrier(count)

    def meet(handler: Handler) -> None:
        barrier.wait(LATE)
        echo(handler)

    paths = [f"/{number}" for number in range(count)]
    fake.overrides = dict.fromkeys(paths, meet)
    assert_echoed(fetch(connections, *paths, width=256))
    assert fake.connections == count
    wait_until(lambda: fake.connected == MOST_IDLE, LATE, "the rest is closed")


def test_connection_under_way_is_not_kept_after_closing(
    connections: Connections, fake: FakeEngine
) -> None:
    """Who closes does not disturb who reads; when they are done, it is closed."""

    def close_then_answer(handler: Handler) -> None:
        connections.close()
        echo(handler)

    fake.overrides["/1"] = close_then_answer
    assert_echoed(fetch(connections, "/1"))
    wait_until(lambda: fake.connected == 0, LATE, "closed")


def test_kept_connections_that_were_closed_meanwhile_are_replaced(
    connections: Connections, fake: FakeEngine
) -> None:
    """As after a restart of the engine, or by a proxy: nothing is lost, or asked twice."""

    def answer_and_close(handler: Handler) -> None:
        echo(handler)
        handler.close_connection = True

    fake.overrides = dict.fromkeys(PATHS, answer_and_close)
    assert_echoed(fetch(connections, *PATHS))
    assert_echoed(fetch(connections, *PATHS))
    assert len(fake.requests) == 2 * len(PATHS)


def test_kept_connection_that_breaks_is_replaced_once(
    connections: Connections, fake: FakeEngine
) -> None:
    """A request may be lost to the end of an old connection, but not for ever."""
    assert_echoed(fetch(connections, "/1"))
    fake.overrides["/1"] = hang_up
    result = fetch(connections, "/1")["/1"].result
    assert type(result) is EngineUnavailableError
    assert fake.asked("/1") == 3


def test_what_an_idle_connection_says_is_no_answer(
    connections: Connections, fake: FakeEngine
) -> None:
    """A proxy may send a complaint to a connection that it is about to close."""

    def answer_twice(handler: Handler) -> None:
        handler.send_raw(HEAD + b"Content-Length: 2\r\n\r\nok")
        sent.wait(LATE)
        handler.send_raw(b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n")
        complained.set()

    sent, complained = threading.Event(), threading.Event()
    fake.overrides["/1"] = answer_twice
    assert fetch(connections, "/1")["/1"].result == Answer(200, b"ok")
    sent.set()
    assert complained.wait(LATE)
    assert_echoed(fetch(connections, "/2"))


def test_unfinished_answer_ends_its_connection(connections: Connections, fake: FakeEngine) -> None:
    """Its rest would be taken for the answer to the next request."""
    fake.overrides["/1"] = trickle
    fetch(connections, "/1", seconds=SOON)
    wait_until(lambda: fake.connected == 0, LATE, "closed")
    assert_echoed(fetch(connections, "/2"))


def test_reader_who_leaves_early_leaves_nothing_open(
    connections: Connections, fake: FakeEngine
) -> None:
    """What is under way is dropped with the iteration."""
    fake.overrides["/1"] = silence
    requests = [Request("/1"), Request("/2")]
    outcomes = connections.fetch(requests, width=WIDTH, deadline=Deadline(LATE))
    (first,) = islice(outcomes, 1)
    assert first.result == Answer(200, b"/2")
    outcomes.close()  # type: ignore[attr-defined] # it is a generator
    connections.close()
    fake.closing.set()
    wait_until(lambda: fake.connected == 0, LATE, "closed")


def test_no_thread_is_needed(connections: Connections) -> None:
    """The caller's own serves all requests."""
    requests = [Request(path) for path in PATHS]
    # Those of other tests may be about to end.
    before = set(threading.enumerate())
    for _ in connections.fetch(requests, width=WIDTH, deadline=Deadline(LATE)):
        names = [thread.name for thread in set(threading.enumerate()) - before]
        assert not any("engine-request" in name for name in names)


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[socket.socket]:
    """Give a Unix socket with no room for those who wait to be accepted."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(tmp_path / "s"))
            yield listener


def test_full_backlog_is_waited_for(crowded: socket.socket) -> None:
    """An engine that has no time to accept is there all the same."""
    path = crowded.getsockname()
    connections = Connections(Endpoint(socket.AF_UNIX, path, f"unix://{path}"))
    late = fetch(connections, "/1", seconds=SOON)["/1"]
    assert isinstance(late.result, EngineTimeoutError)
    assert late.seconds is not None

    def accept() -> None:
        crowded.accept()[0].close()
        link, _ = crowded.accept()
        with link:
            link.recv(1000)
            link.sendall(HEAD + b"Content-Length: 2\r\n\r\n/1")

    thread = threading.Thread(target=accept)
    thread.start()
    assert_echoed(fetch(connections, "/1"))
    thread.join(LATE)
    connections.close()


def test_connections_that_stand_do_the_work_of_those_that_cannot_be_opened(
    connections: Connections, fake: FakeEngine
) -> None:
    """An engine whose socket was removed goes on answering those who are connected."""
    assert_echoed(fetch(connections, "/1"))
    Path(fake.host.removeprefix("unix://")).unlink()
    assert_echoed(fetch(connections, *PATHS))
    assert fake.connections == 1


@pytest.mark.parametrize("path", ["/1", "/endless"])
def test_nothing_is_left_to_the_garbage_collector(
    transport: Transport, fake: FakeEngine, path: str
) -> None:
    """It may come late, and each answer may have filled what it is allowed to."""
    fake.overrides["/endless"] = pour
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        fetch(transport, path)
        gc.collect()
        kinds = {type(one) for one in gc.garbage if type(one).__module__.startswith("exporter.")}
        held = max((len(one) for one in gc.garbage if isinstance(one, bytearray)), default=0)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert kinds == set()
    assert held == 0


def request_threads() -> list[threading.Thread]:
    """Return the threads of requests that are under way."""
    return [thread for thread in threading.enumerate() if thread.name == "engine-request"]


def wait_for_no_request() -> None:
    """Wait until those of other tests have ended."""
    wait_until(lambda: not request_threads(), LATE, "no request is under way")


@pytest.mark.parametrize("stall", [silence, trickle])
def test_request_that_was_given_up_ends(
    session: Session, fake: FakeEngine, stall: Callable[[Handler], None]
) -> None:
    """Soon after its deadline: its thread, and its connection."""
    fake.overrides["/1"] = stall
    fetch(session, "/1", seconds=SOON)
    wait_for_no_request()


def test_connection_of_an_answer_that_is_given_up_is_closed(fake: FakeEngine) -> None:
    """Whoever else still holds the answer."""
    fake.overrides["/1"] = pour
    held: list[requests.Response] = []
    client = docker.DockerClient(base_url=fake.host, version="1.44")
    client.api.hooks["response"].append(lambda response, *_, **__: held.append(response))
    outcomes = fetch(Session(client.api, fake.host), "/1")
    assert isinstance(outcomes["/1"].result, EngineResponseError)
    wait_until(lambda: fake.connected == 0, LATE, "closed")
    assert held
    client.close()


def test_engine_behind_ssh_is_read_as_paramiko_can(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whole pieces: its channels have no other way."""

    def read1(*_: object) -> bytes:
        raise AttributeError("'ChannelFile' object has no attribute 'read1'")

    monkeypatch.setattr(HTTPResponse, "read1", read1)
    client = docker.DockerClient(base_url=fake.host, version="1.44")
    client.api.base_url = "http+docker://ssh"
    client.api.mount(client.api.base_url, UnixHTTPAdapter(fake.host.removeprefix("unix://")))
    assert_echoed(fetch(Session(client.api, "ssh://engine.example"), *PATHS))
    client.close()


def test_work_is_not_begun_after_the_deadline() -> None:
    """Also by a thread that comes free only then."""
    go, deadline, begun = threading.Event(), Deadline(LATE), list[str]()

    def work(job: str) -> str:
        begun.append(job)
        deadline.cut()
        go.wait(LATE)
        return job

    wait_for_no_request()
    assert set(each(["a", "b"], work, width=1, deadline=deadline)) == {("a", None), ("b", None)}
    go.set()
    wait_for_no_request()
    assert begun == ["a"]


def test_work_may_take_longer_than_a_look_at_the_deadline() -> None:
    """Nobody gives up before it has passed."""
    looks: list[float] = []

    def clock() -> float:
        looks.append(0)
        return 0

    def work(job: str) -> str:
        wait_until(lambda: len(looks) > 10, LATE, "looked at often")
        return job

    deadline = Deadline(0.01, clock=clock)
    assert list(each(["a"], work, width=1, deadline=deadline)) == [("a", "a")]


def test_request_that_begins_at_the_last_moment_is_too_late(session: Session) -> None:
    """There are no timeouts of 0 seconds."""
    begun = threading.Event()

    def clock() -> float:
        if threading.current_thread().name != "engine-request":
            return 0
        moment = LATE if begun.is_set() else 0
        begun.set()
        return moment

    deadline = Deadline(LATE, clock=clock)
    (outcome,) = session.fetch([Request("/1")], width=1, deadline=deadline)
    assert isinstance(outcome.result, EngineTimeoutError)


def test_threads_of_requests_are_few_and_keep_no_process(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each request at most; a process that ends does not wait for them."""
    started: list[threading.Thread] = []
    really = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "engine-request":
            started.append(thread)
        really(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert_echoed(fetch(session, "/1", "/2", width=256))
    assert [thread.daemon for thread in started] == [True, True]


def test_deadline_that_is_cut_ends_the_wait(transport: Transport, fake: FakeEngine) -> None:
    """Nobody wants the answer any more, and who waits for it leaves."""
    fake.overrides["/1"] = silence
    deadline, results = Deadline(10 * LATE), list[Outcome]()

    def wait() -> None:
        results.extend(transport.fetch([Request("/1")], width=1, deadline=deadline))

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: fake.asked("/1"), LATE, "asked")
    deadline.cut()
    thread.join(LATE)
    (outcome,) = results
    assert isinstance(outcome.result, EngineTimeoutError)
