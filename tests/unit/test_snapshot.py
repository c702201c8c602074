"""Snapshots: shared, cached, cut at deadlines, and never false."""

from __future__ import annotations

import json
import logging
import re
import threading
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine import events
from exporter.engine.docker_sdk import NARROW, WIDE, SdkEngine
from exporter.engine.events import EventFollower
from exporter.errors import EngineUnavailableError
from exporter.metrics import reading
from exporter.metrics.filters import Filters
from exporter.metrics.snapshot import Snapshots
from exporter.model import ContainerState
from tests.support import fake_engine
from tests.support.fake_engine import FakeEngine, Handler, identity
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.engine.base import EventStream
    from exporter.model import Snapshot

SOON = 0.3
LATE = 30.0
ANY = Filters()


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    """Give an engine with three containers, one of them stopped."""
    with FakeEngine(web="running", db="running", job="exited") as engine:
        yield engine


def snapshots_of(engine: FakeEngine, ttl: float = LATE, filters: Filters = ANY) -> Snapshots:
    """Return snapshots of an engine, without events."""
    return Snapshots(DockerClient(engine.host), ttl=ttl, filters=filters)


def with_stats(snapshot: Snapshot) -> set[str]:
    """Return the names of the containers whose stats could be read."""
    return {reading.container.name for reading in snapshot.containers if reading.stats}


def names(snapshot: Snapshot) -> set[str]:
    """Return the names of the containers that are shown."""
    return {reading.container.name for reading in snapshot.containers}


def stats_path(name: str) -> str:
    """Return where the stats of a container are asked for."""
    return f"/containers/{identity(name)}/stats"


def inspect_path(name: str) -> str:
    """Return where a container is inspected."""
    return f"/containers/{identity(name)}/json"


def test_snapshot_shows_the_stopped_too_and_reads_stats_of_what_runs(fake: FakeEngine) -> None:
    """Every container is there; stats are asked for those that run, and for no other."""
    snapshot = snapshots_of(fake).get(Deadline(LATE))
    assert names(snapshot) == {"web", "db", "job"}
    assert with_stats(snapshot) == {"web", "db"}
    assert fake.asked(stats_path("job")) == 0
    assert snapshot.states is not None
    assert snapshot.states[ContainerState.RUNNING] == 2
    assert snapshot.states[ContainerState.DEAD] == 0
    assert snapshot.complete


def test_simultaneous_scrapes_share_one_pass(fake: FakeEngine) -> None:
    """Twenty who ask while a pass is under way get that pass: the engine lists once."""
    go = threading.Event()

    def wait_then_list(handler: Handler) -> None:
        go.wait(LATE)
        handler.engine.overrides.clear()
        handler.engine.requests.pop()
        handler.do_GET()

    fake.overrides["/containers/json"] = wait_then_list
    snapshots = snapshots_of(fake)
    joined = [snapshots.join(Deadline(LATE)) for _ in range(20)]
    go.set()
    results = [one.future.result(LATE) for one in joined]
    assert all(result is results[0] for result in results)
    assert fake.asked("/containers/json") == 1


def test_complete_snapshot_is_given_out_again_until_its_time_is_over(fake: FakeEngine) -> None:
    """Within the TTL nothing is asked again; with a TTL of 0 everything is."""
    cached, fresh = snapshots_of(fake), snapshots_of(fake, ttl=0)
    assert cached.get(Deadline(LATE)) is cached.get(Deadline(LATE))
    assert fake.asked("/containers/json") == 1
    assert fresh.get(Deadline(LATE)) is not fresh.get(Deadline(LATE))
    assert fake.asked("/containers/json") == 3


def test_cut_snapshot_is_not_given_out_again(fake: FakeEngine) -> None:
    """A scrape after one that was cut reads the engine again, and gets everything."""
    fake.overrides[stats_path("web")] = Handler.hang
    snapshots = snapshots_of(fake)
    cut = snapshots.get(Deadline(SOON))
    assert not cut.complete
    fake.overrides.clear()
    wait_until(lambda: snapshots.get(Deadline(LATE)).complete, LATE, "a complete snapshot")


def test_failed_snapshot_is_not_given_out_again(fake: FakeEngine) -> None:
    """The first scrape after an engine's return sees it, whatever the TTL."""
    fake.overrides["/containers/json"] = lambda handler: handler.send(500, b"{}")
    snapshots = snapshots_of(fake)
    failed = snapshots.get(Deadline(LATE))
    assert not failed.up
    assert failed.error is not None
    fake.overrides.clear()
    assert snapshots.get(Deadline(LATE)).up


def test_container_that_hangs_costs_its_own_stats_only(fake: FakeEngine) -> None:
    """The others are complete at the deadline, and the one is counted as late."""
    fake.overrides[stats_path("web")] = Handler.hang
    snapshot = snapshots_of(fake).get(Deadline(SOON))
    assert names(snapshot) == {"web", "db", "job"}
    assert with_stats(snapshot) == {"db"}
    assert snapshot.without_stats["timeout"] == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(lambda handler: handler.send(200, b""), "not_found", id="empty body"),
        pytest.param(lambda handler: handler.send(404, b"{}"), "not_found", id="removed"),
        pytest.param(lambda handler: handler.send(200, b"<html>"), "bad_response", id="rubbish"),
        pytest.param(lambda handler: handler.send(200, b"[1]"), "bad_response", id="wrong shape"),
        pytest.param(lambda handler: handler.send(500, b"oh"), "bad_response", id="failure"),
        pytest.param(
            lambda handler: handler.send(403, b"<h1>403 Forbidden", "text/html"),
            "permission_denied",
            id="proxy refuses",
        ),
        pytest.param(
            lambda handler: handler.send(
                200, b'{"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {}}}'
            ),
            "not_running",
            id="stopped meanwhile",
        ),
    ],
)
def test_odd_answer_costs_one_container_and_is_counted(
    fake: FakeEngine, answer: Callable[[Handler], None], reason: str
) -> None:
    """Whatever the engine says of one container, the others are read, and no value is made up."""
    fake.overrides[stats_path("web")] = answer
    snapshot = snapshots_of(fake).get(Deadline(LATE))
    assert with_stats(snapshot) == {"db"}
    assert {key: n for key, n in snapshot.without_stats.items() if n} == {reason: 1}


def test_container_that_cannot_be_inspected_counts_but_has_no_series(fake: FakeEngine) -> None:
    """A container that vanishes after the list is in the count of states, and nowhere else."""
    fake.overrides[inspect_path("web")] = lambda handler: handler.send(404, b"{}")
    snapshot = snapshots_of(fake).get(Deadline(LATE))
    assert names(snapshot) == {"db", "job"}
    assert snapshot.states is not None
    assert snapshot.states[ContainerState.RUNNING] == 2
    assert snapshot.without_stats["not_found"] == 1


def test_state_outside_the_seven_is_counted_and_belongs_to_none(fake: FakeEngine) -> None:
    """Podman has more states than Docker: such a container is shown in none of the seven."""
    fake.containers[identity("web")] = "stopping"
    snapshot = snapshots_of(fake).get(Deadline(LATE))
    state = {r.container.name: r.container.state for r in snapshot.containers}
    assert state["web"] is None
    assert snapshot.without_stats["unknown_state"] == 1


def test_each_waiter_leaves_at_its_own_deadline_with_what_is_there(fake: FakeEngine) -> None:
    """The impatient one gets a part; the pass goes on for the patient one and is complete."""
    go = threading.Event()

    def wait_then_answer(handler: Handler) -> None:
        go.wait(LATE)
        del handler.engine.overrides[stats_path("web")]
        handler.do_GET()

    fake.overrides[stats_path("web")] = wait_then_answer
    snapshots = snapshots_of(fake)
    patient = snapshots.join(Deadline(LATE))
    impatient = snapshots.get(Deadline(SOON))
    assert with_stats(impatient) == {"db"}
    assert not impatient.complete
    go.set()
    assert with_stats(patient.future.result(LATE)) == {"web", "db"}
    assert patient.future.result().complete


def test_late_comer_extends_the_pass_for_what_is_under_way(fake: FakeEngine) -> None:
    """A pass that began with a short deadline serves one who joins with a long one in full."""
    asked, go = threading.Event(), threading.Event()

    def wait_then_answer(handler: Handler) -> None:
        del handler.engine.overrides[stats_path("web")]
        asked.set()
        go.wait(LATE)
        handler.do_GET()

    fake.overrides[stats_path("web")] = wait_then_answer
    snapshots = snapshots_of(fake)
    at_first = Deadline(2 * SOON)
    short = snapshots.join(at_first)
    assert asked.wait(LATE)
    long = snapshots.join(Deadline(LATE))
    assert long is short
    wait_until(lambda: at_first.expired, LATE, "the first deadline has passed")
    go.set()
    assert with_stats(long.future.result(LATE)) == {"web", "db"}
    assert fake.asked(stats_path("web")) == 2


def test_engine_that_does_not_answer_costs_the_deadline_and_shows_nothing(fake: FakeEngine) -> None:
    """Nothing is known: no container, no state, an error that says why."""
    fake.overrides["/containers/json"] = Handler.hang
    snapshot = snapshots_of(fake).get(Deadline(SOON))
    assert not snapshot.up
    assert snapshot.containers == ()
    assert "time" in (snapshot.error or "")


def test_container_that_hangs_when_inspected_leaves_time_for_the_stats_of_others(
    fake: FakeEngine,
) -> None:
    """Inspects come first, and do not take all of it."""
    fake.overrides[inspect_path("web")] = Handler.hang
    snapshot = snapshots_of(fake).get(Deadline(2 * SOON))
    assert with_stats(snapshot) == {"db"}
    assert snapshot.without_stats["timeout"] == 1


def test_container_that_is_renamed_meanwhile_has_the_name_in_the_list(fake: FakeEngine) -> None:
    """No two have the same name there."""

    def rename(handler: Handler) -> None:
        renamed = handler.engine.inspected(identity("web")) | {"Name": "/db"}
        handler.send(200, json.dumps(renamed).encode())

    fake.overrides[inspect_path("web")] = rename
    shown = [one.container.name for one in snapshots_of(fake).get(Deadline(LATE)).containers]
    assert sorted(shown) == ["db", "job", "web"]


def test_engine_of_another_version_is_asked_in_its_own_way(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was upgraded meanwhile is given as few calls at once as one that was always new."""
    monkeypatch.setattr(reading, "INFO_SECONDS", 0)
    old = fake_engine.VERSION | {"Version": "20.10.24", "ApiVersion": "1.41"}
    fake.overrides["/version"] = lambda handler: handler.send(200, json.dumps(old).encode())
    client = DockerClient(fake.host)
    snapshots = Snapshots(client, ttl=0)

    def width() -> int:
        assert snapshots.get(Deadline(LATE)).complete
        engine = client.connect()
        assert isinstance(engine, SdkEngine)
        return engine.width

    assert width() == WIDE
    fake.overrides.clear()
    assert width() == NARROW
    asked = fake.asked("/version")
    # Once by the pass itself: nobody is looked for any more.
    assert width() == NARROW
    assert fake.asked("/version") == asked + 1


def test_engine_tells_of_itself_once_in_a_while_and_after_it_was_lost(fake: FakeEngine) -> None:
    """It may be another one that is back."""
    snapshots = snapshots_of(fake, ttl=0)
    for _ in range(3):
        assert snapshots.get(Deadline(LATE)).info is not None
    assert fake.asked("/info") == 1
    fake.overrides["/containers/json"] = lambda handler: handler.send(500, b"{}")
    assert not snapshots.get(Deadline(LATE)).up
    fake.overrides.clear()
    assert snapshots.get(Deadline(LATE)).info is not None
    assert fake.asked("/info") == 2


def test_request_that_was_never_sent_is_not_observed() -> None:
    """There is no time that it took."""
    observed: list[str] = []
    with FakeEngine(**{f"job-{number}": "exited" for number in range(2 * NARROW)}) as fake:
        fake.overrides = {f"/containers/{one}/json": Handler.hang for one in fake.containers}
        client = DockerClient(fake.host, observe=lambda operation, *_: observed.append(operation))
        snapshot = Snapshots(client).get(Deadline(2 * SOON))
        assert snapshot.without_stats["timeout"] == 2 * NARROW
        wait_until(lambda: observed.count("inspect"), LATE, "the inspects were cut")
        assert observed.count("inspect") == NARROW
        client.close()


def test_engine_that_answers_is_told_to_who_follows_its_events(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is down is taken up without waiting any longer."""
    opened: list[str] = []

    def refuse(since: str) -> EventStream:
        opened.append(since)
        raise EngineUnavailableError("down")

    for wait in ("FIRST_WAIT", "LONGEST_WAIT"):
        monkeypatch.setattr(events, wait, 10 * LATE)
    follower = EventFollower(refuse)
    follower.start()
    wait_until(lambda: opened, LATE, "tried")
    assert Snapshots(DockerClient(fake.host), follower=follower).get(Deadline(LATE)).up
    wait_until(lambda: len(opened) > 1, LATE, "tried again")
    follower.close()


def test_pass_goes_on_when_the_one_who_began_it_leaves(fake: FakeEngine) -> None:
    """Others may have joined it meanwhile."""
    go = threading.Event()

    def wait_then_list(handler: Handler) -> None:
        go.wait(LATE)
        handler.send(200, b"[]")

    fake.overrides["/containers/json"] = wait_then_list
    first = Deadline(LATE)
    joined = snapshots_of(fake).join(first)
    wait_until(lambda: fake.asked("/containers/json"), LATE, "asked")
    first.cut()
    go.set()
    assert joined.future.result(LATE).up


def test_engine_info_that_is_refused_costs_the_info_only(fake: FakeEngine) -> None:
    """A socket proxy that forbids /info leaves the containers as they are."""
    fake.overrides["/info"] = lambda handler: handler.send(403, b"<html>", "text/html")
    snapshot = snapshots_of(fake).get(Deadline(LATE))
    assert snapshot.info is None
    assert with_stats(snapshot) == {"web", "db"}
    assert snapshot.complete


def test_engine_info_that_is_refused_is_warned_of_once(
    fake: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning has what is missing and why, and comes again only after it has worked."""
    snapshots = snapshots_of(fake, ttl=0)

    def warnings_after(answer: Callable[[Handler], None] | None, *, up: bool = True) -> int:
        fake.overrides.clear()
        if answer is not None:
            fake.overrides["/info" if up else "/containers/json"] = answer
        assert snapshots.get(Deadline(LATE)).up is up
        return [one.msg for one in caplog.records if one.levelno == logging.WARNING].count(
            "engine info cannot be read"
        )

    def refuse(handler: Handler) -> None:
        handler.send(403, b"<html>", "text/html")

    assert [warnings_after(refuse), warnings_after(refuse)] == [1, 1]
    said = next(vars(one) for one in caplog.records if one.levelno == logging.WARNING)
    assert said["missing"] == (
        "docker_engine_info docker_images machine_cpu_cores machine_memory_bytes"
    )
    assert "Permission denied" in said["error"]
    # What was read stays for a minute, but not when the engine is lost.
    assert [warnings_after(None), warnings_after(refuse, up=False), warnings_after(refuse)] == [
        *(1, 1),
        2,
    ]


def test_engine_that_is_slow_to_tell_of_itself_delays_no_container(fake: FakeEngine) -> None:
    """The containers are read first."""
    fake.overrides["/info"] = Handler.hang
    snapshot = snapshots_of(fake).get(Deadline(2 * SOON))
    assert snapshot.info is None
    assert with_stats(snapshot) == {"web", "db"}


def test_cpu_ratio_needs_a_snapshot_before_it_and_goes_with_its_container(fake: FakeEngine) -> None:
    """There is none in the first snapshot, nor for a container that came back after it was gone."""
    usage = {"now": 10**9}

    def moving(handler: Handler) -> None:
        answer = fake_engine.stats(identity("web"))
        answer["cpu_stats"]["cpu_usage"]["total_usage"] = usage["now"]
        answer["cpu_stats"]["system_cpu_usage"] = 10 * usage["now"]
        usage["now"] += 10**9
        handler.send(200, json.dumps(answer).encode())

    def ratio() -> float | None:
        snapshot = snapshots.get(Deadline(LATE))
        return {r.container.name: r.cpu_ratio for r in snapshot.containers}.get("web")

    fake.overrides[stats_path("web")] = moving
    snapshots = snapshots_of(fake, ttl=0)
    assert ratio() is None
    assert ratio() == pytest.approx(0.4)
    del fake.containers[identity("web")]
    assert ratio() is None
    fake.containers[identity("web")] = "running"
    assert ratio() is None


def test_filters_hide_containers_and_spare_the_engine(fake: FakeEngine) -> None:
    """A container that is filtered out by name is not even inspected, and still counted."""
    filters = Filters(exclude=re.compile("w.*"))
    snapshot = snapshots_of(fake, filters=filters).get(Deadline(LATE))
    assert names(snapshot) == {"db", "job"}
    assert fake.asked(inspect_path("web")) == 0
    assert snapshot.states is not None
    assert snapshot.states[ContainerState.RUNNING] == 2


def test_without_a_thread_there_is_an_answer_all_the_same(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives no more threads, the snapshot says so, and the next one is whole."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    snapshots = snapshots_of(fake)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        snapshot = snapshots.get(Deadline(LATE))
    assert not snapshot.up
    assert snapshot.error == "The snapshot cannot begin: can't start new thread."
    assert snapshots.get(Deadline(LATE)).complete


def test_mistake_of_ours_leaves_nobody_without_an_answer(
    fake: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Where our own code fails, those who wait get a snapshot that says so, and the log tells."""

    class Broken(DockerClient):
        def call(self, *_: object, **__: object) -> None:  # type: ignore[override]  # it takes anything
            raise ZeroDivisionError

    snapshot = Snapshots(Broken(fake.host)).get(Deadline(LATE))
    assert not snapshot.up
    assert "ZeroDivisionError" in (snapshot.error or "")
    assert "snapshot failed" in caplog.text
