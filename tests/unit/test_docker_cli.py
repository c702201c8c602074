"""The engine behind the `docker` command: what that is given, and what is made of its end."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.engine.docker_cli import CliEngine
from exporter.engine.payload import VersionPayload
from exporter.errors import (
    ContainerConflictError,
    ContainerNotFoundError,
    EngineAccessDeniedError,
    EngineError,
    EngineResponseError,
    EngineTimeoutError,
    EngineUnavailableError,
)
from exporter.model import Container, ContainerStats
from tests.support.leftovers import children, nothing_left_open
from tests.support.programs import processes_with
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOON = 0.3
LATE = 30.0
WHERE = "unix:///nowhere"
ONE, OTHER = "a" * 64, "b" * 64
NOT_FOUND = "Error response from daemon: No such container: web"
BROKEN = "Error response from daemon: the disk is full"


class Command:
    """A `docker` command that is a script, and what it was given.

    Attributes:
        directory: Where it runs; what it leaves there can be looked at.
        observed: What the engine has told of each command: which, and how it failed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.observed: list[tuple[str, type[EngineError] | None]] = []

    def engine(
        self, script: str, *, host: str | None = None, timeout: float = LATE, podman: bool = False
    ) -> CliEngine:
        """Return the engine behind a script."""
        path = self.directory / "docker"
        keep = "printf '%s\\n' \"$@\" >arguments"
        path.write_text(f"#!/bin/sh\ncd {self.directory}\n{keep}\n{script}\n")
        path.chmod(0o755)
        return CliEngine(str(path), host, WHERE, self._observe, timeout, podman)

    @property
    def arguments(self) -> list[str]:
        """What the last command was given."""
        return (self.directory / "arguments").read_text().splitlines()

    def has(self, name: str) -> bool:
        """Return whether the command has left a file."""
        return (self.directory / name).exists()

    def _observe(self, operation: str, _seconds: float, error: EngineError | None) -> None:
        self.observed.append((operation, None if error is None else type(error)))


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Give a command to be written."""
    return Command(tmp_path)


def complain(said: str, code: int = 1) -> str:
    """Return a script that says something to standard error, and ends."""
    return f"printf '%b\\n' '{said}' >&2; exit {code}"


def stats_row(one: str, **columns: str) -> str:
    """Return a script that prints a line of `docker stats`."""
    printed = {"ID": one, "CPUPerc": "50.00%", "MemUsage": "1KiB / 2KiB", "PIDs": "2"}
    return f"echo '{json.dumps(printed | columns)}'"


# What hangs: it has started another process, which has it in its command line who has.
HANG = "sh -c 'sleep 60; :' \"$PWD/child\" >/dev/null 2>&1 &\n: >begun; wait"


def assert_all_are_gone(command: Command) -> None:
    """Make sure that nothing runs any more of what a command has started."""
    wait_until(
        lambda: processes_with(str(command.directory)),
        LATE,
        "all are gone",
        accept=lambda found: not found,
    )


# -- what the command is given ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "given"),
    [
        (
            lambda engine: list(engine.inspect_many(["-a", "-b"], Deadline(LATE))),
            ["inspect", "--type", "container", "--", "-a", "-b"],
        ),
        (
            lambda engine: engine.inspect("-a"),
            ["inspect", "--type", "container", "--", "-a"],
        ),
        (
            lambda engine: engine.read_stats("-a", pair=True),
            ["stats", "--no-stream", "--no-trunc", "--format", "{{json .}}", "--", "-a"],
        ),
        # Named ones would fail together.
        (
            lambda engine: list(engine.read_stats_of(["-a"], Deadline(LATE))),
            ["stats", "--no-stream", "--no-trunc", "--format", "{{json .}}", "--"],
        ),
        (lambda engine: engine.start("-a"), ["start", "--", "-a"]),
        (lambda engine: engine.stop("-a", 7), ["stop", "-t", "7", "--", "-a"]),
        (lambda engine: engine.restart("-a", 7), ["restart", "-t", "7", "--", "-a"]),
    ],
)
def test_name_is_never_an_option(
    command: Command, act: Callable[[CliEngine], object], given: list[str]
) -> None:
    """Whatever an engine calls a container, what follows the two dashes is a name."""
    engine = command.engine(complain(NOT_FOUND))
    with contextlib.suppress(EngineError):
        act(engine)
    assert command.arguments == given


def test_address_is_in_the_environment_and_not_in_the_arguments(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody can see those, and there may be a password; the rest of the environment stays."""
    monkeypatch.setenv("DOCKER_CONFIG", "/settings")
    host = "tcp://user:secret@docker-1:2375"
    engine = command.engine('echo "$DOCKER_HOST $DOCKER_CONFIG" >environment', host=host)
    engine.start("web")
    assert (command.directory / "environment").read_text() == f"{host} /settings\n"
    assert command.arguments == ["start", "--", "web"]


def test_without_an_address_the_command_finds_its_own(command: Command) -> None:
    """It may know one by a context."""
    engine = command.engine('echo "${DOCKER_HOST-none}" >environment')
    engine.start("web")
    assert (command.directory / "environment").read_text() == "none\n"


def test_command_cannot_read_what_is_typed(command: Command) -> None:
    """It would take it from whoever uses the terminal, or wait for it."""
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    try:
        command.engine("readlink /proc/self/fd/0 >input").start("web")
    finally:
        os.dup2(kept, 0)
        for number in (reading, writing, kept):
            os.close(number)
    assert (command.directory / "input").read_text() == "/dev/null\n"


def test_events_are_asked_for_from_a_moment_on(command: Command) -> None:
    """Only those that are counted, and only of containers."""
    engine = command.engine("echo '{}'")
    list(engine.events("1.5"))
    given = command.arguments
    assert given[:5] == ["events", "--format", "{{json .}}", "--since", "1.5"]
    assert given.count("--filter") == len(given[5:]) / 2
    assert {"type=container", "event=die", "event=health_status"} <= set(given)
    list(engine.events(None))
    assert "--since" not in command.arguments


# -- its end ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (NOT_FOUND, ContainerNotFoundError),
        ("Error: No such object: web", ContainerNotFoundError),
        (
            "permission denied while trying to connect to the docker API at unix:///nowhere",
            EngineAccessDeniedError,
        ),
        (
            "error during connect: dial unix /nowhere: connect: permission denied",
            EngineAccessDeniedError,
        ),
        ("request returned 403 Forbidden for API route", EngineAccessDeniedError),
        ("request returned 401 Unauthorized for API route", EngineAccessDeniedError),
        (
            "Error response from daemon: authorization denied by plugin opa",
            EngineAccessDeniedError,
        ),
        ("Cannot connect to the Docker daemon at unix:///nowhere.", EngineUnavailableError),
        ("failed to connect to the docker API at unix:///nowhere", EngineUnavailableError),
        ("error during connect: EOF", EngineUnavailableError),
        ('Unable to resolve docker endpoint: context "lab"', EngineUnavailableError),
        ("Failed to initialize: unable to read certificates", EngineUnavailableError),
        ("Error response from daemon: Conflict. Is in use", ContainerConflictError),
        ("Error response from daemon: container web is not running", ContainerConflictError),
        ("removal of container web is already in progress", ContainerConflictError),
        ("container is marked for removal and cannot be started", ContainerConflictError),
        ("Error: cannot open /data: permission denied", EngineResponseError),
        (BROKEN, EngineResponseError),
    ],
)
def test_each_complaint_has_its_own_error(
    command: Command, said: str, error: type[EngineError]
) -> None:
    """Whatever was done to the container, and whatever the case of the letters."""
    engine = command.engine(complain(said))
    acts: list[Callable[[], object]] = [
        lambda: engine.start("web"),
        lambda: engine.stop("web", 0),
        lambda: engine.restart("web", 0),
        lambda: engine.read_stats("web", pair=True),
    ]
    for act in acts:
        with pytest.raises(error) as caught:
            act()
        assert type(caught.value) is error
        assert "web" in str(caught.value) or error not in (
            ContainerConflictError,
            ContainerNotFoundError,
        )
    names = ("start", "stop", "restart", "stats")
    assert command.observed == [(name, error) for name in names]


@pytest.mark.parametrize("said", [NOT_FOUND, "Error response from daemon: Conflict."])
def test_error_about_no_container_is_the_engines(command: Command, said: str) -> None:
    """Nobody has asked for one."""
    with pytest.raises(EngineResponseError, match="The docker command failed: Error"):
        command.engine(complain(said)).version(Deadline(LATE))


def test_complaint_is_one_short_line(command: Command) -> None:
    """Whatever is in it, and however long it is; letters that are none cost nothing else."""
    engine = command.engine(complain(f"first \\0377\\n\\t second {'x' * 1000}"))
    with pytest.raises(EngineResponseError) as caught:
        engine.version(Deadline(LATE))
    _, _, said = str(caught.value).partition("failed: ")
    assert said.startswith("first \N{REPLACEMENT CHARACTER} second xx")
    assert len(said) == 300


def test_failure_without_a_complaint_is_one(command: Command) -> None:
    """Also where something was printed."""
    with pytest.raises(EngineResponseError, match="failed: without a word"):
        command.engine("echo '{}'; exit 1").version(Deadline(LATE))


def test_command_that_cannot_be_started(command: Command) -> None:
    """The reason names it, and whoever observes is told."""
    engine = command.engine("")
    (command.directory / "docker").unlink()
    with pytest.raises(EngineUnavailableError, match="docker: No such file"):
        engine.version(Deadline(LATE))
    assert command.observed == [("version", EngineUnavailableError)]


def test_good_command_is_observed_as_such(command: Command) -> None:
    """Whatever it warns of."""
    engine = command.engine("echo 'Error, or a warning' >&2; echo '{\"Version\": \"28\"}'")
    assert engine.version(Deadline(LATE)) == VersionPayload(version="28")
    assert command.observed == [("version", None)]


def test_info_that_prints_its_failure_has_failed(command: Command) -> None:
    """The command ends as if nothing were wrong, and prints facts about itself."""
    said = "Error response from daemon: 403 Forbidden"
    engine = command.engine(f"echo '{{}}'; {complain(said, 0)}")
    with pytest.raises(EngineAccessDeniedError):
        engine.info(Deadline(LATE))


def test_info_with_warnings_is_good(command: Command) -> None:
    """It is told of a kernel that lacks something."""
    engine = command.engine(f"echo '{{}}'; {complain('WARNING: No swap limit support', 0)}")
    assert engine.info(Deadline(LATE)).engine == "docker"


# -- its deadline -----------------------------------------------------------------------------


def run(act: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Do something in a thread, and return that with the place for what comes of it."""
    results: list[object] = []

    def target() -> None:
        try:
            results.append(act())
        except EngineError as error:
            results.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    return thread, results


def test_command_that_hangs_is_ended_with_all_that_it_has_started(command: Command) -> None:
    """At a deadline that is cut meanwhile, and nothing is left to be waited for."""
    before, deadline = children(), Deadline(10 * LATE)
    engine = command.engine(HANG)
    with nothing_left_open():
        thread, results = run(lambda: engine.version(deadline))
        wait_until(lambda: command.has("begun"), LATE, "it hangs")
        deadline.cut()
        thread.join(LATE)
        assert [type(result) for result in results] == [EngineTimeoutError]
    assert_all_are_gone(command)
    assert children() == before
    assert command.observed == [("version", EngineTimeoutError)]


def test_command_ends_with_whoever_is_interrupted(command: Command) -> None:
    """As by Ctrl-C, which is not passed on to it; nothing is left of it."""
    before, moments = children(), list[float]()

    def clock() -> float:
        if moments:
            wait_until(lambda: command.has("begun"), LATE, "it hangs")
            raise KeyboardInterrupt
        moments.append(0)
        return 0

    engine, deadline = command.engine(HANG), Deadline(LATE, clock=clock)
    with nothing_left_open(), pytest.raises(KeyboardInterrupt):
        engine.version(deadline)
    assert_all_are_gone(command)
    assert children() == before


WAIT = ": >begun; while [ ! -e go ]; do sleep 0.05; done; echo '{}'"


def test_deadline_that_is_moved_is_the_one_that_counts(command: Command) -> None:
    """Whoever waits has looked at it often by then."""
    now, looks = [0.0], []

    def clock() -> float:
        looks.append(now[0])
        return now[0]

    first, deadline = 0.01, Deadline(0.01, clock=clock)
    engine = command.engine(WAIT)
    thread, results = run(lambda: engine.version(deadline))
    wait_until(lambda: command.has("begun") and len(looks) > 10, LATE, "it is waited for")
    deadline.extend_to(Deadline(LATE, clock=clock))
    now[0] = 2 * first
    looked = len(looks)
    wait_until(lambda: len(looks) > looked + 2, LATE, "the first deadline has passed")
    (command.directory / "go").touch()
    thread.join(LATE)
    assert results == [VersionPayload()]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda engine: engine.stop("web", int(LATE)), id="stop"),
        pytest.param(lambda engine: engine.restart("web", int(LATE)), id="restart"),
    ],
)
def test_container_may_take_its_time_to_stop(
    command: Command, act: Callable[[CliEngine], object]
) -> None:
    """What it was granted is added to what a command may take."""
    engine = command.engine(WAIT, timeout=SOON)
    thread, results = run(lambda: act(engine))
    wait_until(lambda: command.has("begun"), LATE, "it runs")
    usual = Deadline(2 * SOON)
    wait_until(lambda: usual.expired, LATE, "the usual time has passed")
    (command.directory / "go").touch()
    thread.join(LATE)
    assert results == [None]


# -- containers -------------------------------------------------------------------------------


def test_container_has_its_own_name_and_whole_id(command: Command) -> None:
    """Of several names, the others are those of links; sizes, which take long, are left out."""
    row = {"id": ONE, "names": "db/web,web", "state": "running", "status": "Up"}
    engine = command.engine(f"echo '{json.dumps(row)}'")
    (summary,) = engine.list_containers(Deadline(LATE))
    assert (summary.name, summary.id) == ("web", ONE)
    assert command.arguments[:4] == ["ps", "--all", "--no-trunc", "--format"]


def test_inspect_shows_those_that_are_there(command: Command) -> None:
    """The command prints them, though it fails for want of the others."""
    engine = command.engine(f"echo '{json.dumps([{'Id': ONE}])}'; {complain(NOT_FOUND)}")
    results = dict(engine.inspect_many([ONE, OTHER], Deadline(LATE)))
    assert isinstance(results[ONE], Container)
    assert isinstance(results[OTHER], ContainerNotFoundError)


def test_inspect_that_fails_otherwise_fails_for_all(command: Command) -> None:
    """What was printed by then is not all that is there."""
    engine = command.engine(f"echo '{json.dumps([{'Id': ONE}])}'; {complain(BROKEN)}")
    results = dict(engine.inspect_many([ONE, OTHER], Deadline(LATE)))
    assert {one: type(result) for one, result in results.items()} == {
        ONE: EngineResponseError,
        OTHER: EngineResponseError,
    }
    with pytest.raises(EngineResponseError, match="the disk is full"):
        engine.inspect(ONE)


def test_inspect_of_one_that_is_not_there(command: Command) -> None:
    """The command prints that there is none."""
    engine = command.engine(f"echo '[]'; {complain('Error: No such object: web')}")
    with pytest.raises(ContainerNotFoundError, match="'web'"):
        engine.inspect("web")


def test_stats_that_fail_fail_for_all(command: Command) -> None:
    """Nothing is raised."""
    results = dict(command.engine(complain(BROKEN)).read_stats_of([ONE, OTHER], Deadline(LATE)))
    assert {type(result) for result in results.values()} == {EngineResponseError}
    assert set(results) == {ONE, OTHER}


def test_stats_of_those_that_run(command: Command) -> None:
    """The others have none; what the command could not learn is an error and costs itself only."""
    dashes = {"CPUPerc": "--", "MemUsage": "-- / --", "MemPerc": "--", "PIDs": "--"}
    stopped = "c" * 64
    rows = f"{stats_row(ONE)}\n{stats_row(OTHER, **dashes)}\n{stats_row(stopped, PIDs='0')}"
    engine = command.engine(f"{rows}\necho 'Error: one has gone' >&2")
    results = dict(engine.read_stats_of([ONE, OTHER, stopped, "d" * 64], Deadline(LATE)))
    read = results.pop(ONE)
    assert isinstance(read, ContainerStats)
    assert read.cpu_ratio == 0.5
    assert isinstance(results.pop(OTHER), EngineResponseError)
    assert results == {stopped: None, "d" * 64: None}
    with pytest.raises(EngineResponseError, match="could not read"):
        command.engine(stats_row(OTHER, **dashes)).read_stats("web", pair=True)


def test_cpu_of_podman_is_not_known(command: Command) -> None:
    """The command makes a wrong number of it; all else is true."""
    rows = f"{stats_row(ONE)}\n{stats_row(OTHER, PIDs='0')}"
    engine = command.engine(rows, podman=True)
    results = dict(engine.read_stats_of([ONE, OTHER], Deadline(LATE)))
    read = results[ONE]
    assert isinstance(read, ContainerStats)
    assert (read.cpu_ratio, read.pids, read.memory.limit) == (None, 2, 2048)
    assert results[OTHER] is None


# -- disk usage -------------------------------------------------------------------------------


def disk_script(listed: list[str], inspect: str) -> str:
    """Return a script that lists containers, and does something when their sizes are asked for."""
    row = {"names": "web", "state": "running", "status": "Up"}
    lines = "\n".join(f"echo '{json.dumps(row | {'id': one})}'" for one in listed) or ":"
    keep = "printf '%s\\n' \"$@\" >sizes"
    return f"case $1 in ps) {lines};; inspect) {keep}; {inspect};; esac"


def test_size_that_was_not_measured_is_none(command: Command) -> None:
    """-1 stands for that, or nothing; one that has gone meanwhile costs itself only."""
    sizes = ((ONE, "5"), (OTHER, "-1"), ("-c", "null"))
    printed = "; ".join(f'echo \'{{"id": "{one}", "size": {size}}}\'' for one, size in sizes)
    listed = [one for one, _ in sizes]
    engine = command.engine(disk_script(listed, f"{printed}; {complain(NOT_FOUND)}"))
    assert engine.disk_usage(Deadline(LATE)).containers == {ONE: 5}
    asked = (command.directory / "sizes").read_text().splitlines()
    assert asked[-4:] == ["--", *listed]
    assert asked[:4] == ["inspect", "--type", "container", "--size"]


def test_sizes_that_cannot_be_read_are_an_error(command: Command) -> None:
    """None is taken for all."""
    printed = f'echo \'{{"id": "{ONE}", "size": 5}}\''
    engine = command.engine(disk_script([ONE, OTHER], f"{printed}; {complain(BROKEN)}"))
    with pytest.raises(EngineResponseError, match="the disk is full"):
        engine.disk_usage(Deadline(LATE))


def test_sizes_of_no_containers_are_not_asked_for(command: Command) -> None:
    """The command fails where it is given none."""
    engine = command.engine(disk_script([], complain("docker inspect requires an argument")))
    assert engine.disk_usage(Deadline(LATE)).containers == {}


# -- events -----------------------------------------------------------------------------------

EVENT = json.dumps({"Action": "start", "Actor": {"ID": ONE}, "timeNano": 1})


def stream_script(events: str) -> str:
    """Return a script that answers for its version, and does something for events."""
    return f"[ $1 = version ] && echo '{{}}' && exit\n{events}"


def test_events_of_an_engine_that_is_not_there(command: Command) -> None:
    """Whoever asks for them is told at once, and not by the first event that never comes."""
    engine = command.engine(complain("Cannot connect to the Docker daemon at unix:///nowhere."))
    with pytest.raises(EngineUnavailableError):
        engine.events(None)


def test_events_end_with_the_command(command: Command) -> None:
    """All that were told before are there, and nothing is left."""
    before = children()
    engine = command.engine(stream_script(f"echo '{EVENT}'"))
    with nothing_left_open():
        assert [one.container_id for one in engine.events(None)] == [ONE]
    assert children() == before


@pytest.mark.parametrize(
    ("said", "error", "text"),
    [
        ("error during connect: EOF", EngineUnavailableError, f"at {WHERE}: error during"),
        ("request returned 403 Forbidden", EngineAccessDeniedError, "for 'docker events'"),
        (f"{BROKEN} \\0377", EngineUnavailableError, f"at {WHERE}: {BROKEN}"),
    ],
)
def test_events_that_end_with_a_complaint(
    command: Command, said: str, error: type[EngineError], text: str
) -> None:
    """Whatever it is, the stream is down, and who follows it takes it up again."""
    engine = command.engine(stream_script(f"echo '{EVENT}'; {complain(said)}"))
    told = iter(engine.events(None))
    assert next(told).container_id == ONE
    with nothing_left_open(), pytest.raises(error) as caught:
        next(told)
    assert type(caught.value) is error
    assert text in str(caught.value)


def test_events_that_nobody_wants_any_more_end_the_command(command: Command) -> None:
    """As soon as the iteration is dropped."""
    before = children()
    told = iter(command.engine(stream_script(f"echo '{EVENT}'; {HANG}")).events(None))
    assert next(told).container_id == ONE
    told.close()  # type: ignore[attr-defined] # it is a generator
    assert children() == before
    assert_all_are_gone(command)


def test_closing_ends_the_events_in_another_thread(command: Command) -> None:
    """Together with the command and all that it has started."""
    before = children()
    stream = command.engine(stream_script(HANG)).events(None)
    thread, results = run(partial(list, stream))
    wait_until(lambda: command.has("begun"), LATE, "it hangs")
    stream.close()
    thread.join(LATE)
    assert results == [[]]
    assert children() == before
    assert_all_are_gone(command)


def test_closing_waits_for_the_end_of_the_command(command: Command) -> None:
    """Also where nobody has begun to read; who begins then is told nothing."""
    before = children()
    stream = command.engine(stream_script(HANG)).events(None)
    stream.close()
    assert children() == before
    assert list(stream) == []


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the groups that are killed as if each had just ended by itself."""
    groups: list[int] = []
    really = os.killpg

    def kill(group: int, number: int) -> None:
        groups.append(group)
        really(group, number)
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", kill)
    return groups


def test_command_that_ends_at_that_very_moment_is_closed(
    command: Command, killed: list[int]
) -> None:
    """Nobody need be told that there was nothing to end."""
    stream = command.engine(stream_script(HANG)).events(None)
    thread, results = run(partial(list, stream))
    wait_until(lambda: command.has("begun"), LATE, "it hangs")
    stream.close()
    thread.join(LATE)
    assert results == [[]]
    assert killed


def test_what_has_ended_is_not_killed(command: Command, killed: list[int]) -> None:
    """By now the number may be that of another's processes."""
    stream = command.engine(stream_script(":")).events(None)
    assert list(stream) == []
    killed.clear()
    stream.close()
    assert killed == []
