"""`ps`, `top`, `stats`, `health` and `limits`."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.processes import TIMEOUT_SECONDS, in_terminal, run, streaming
from tests.support.containers import SLEEP, container
from tests.support.modes import NOWHERE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.engine import PrivateEngine

# A control sequence that colours or moves; and any control character but the end of a line.
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_TITLES = [
    *("NAME", "STATE", "HEALTH", "CPU", "MEMORY", "UPTIME", "EXIT", "RESTARTS"),
    *("MEM%", "PIDS", "IMAGE", "ID"),
]
_UNREACHABLE = "Docker engine not reachable"


@pytest.fixture(scope="module")
def running(engine: PrivateEngine) -> Iterator[str]:
    """Give the name of a container that runs, with a health check that fails."""
    options = ("--health-cmd=false", "--health-interval=1s", "--health-retries=1")
    with container(engine, *SLEEP, options=(*options, "--memory=64m")) as name:
        wait_until(
            lambda: engine.inspect(name)["State"]["Health"]["FailingStreak"],
            TIMEOUT_SECONDS,
            "a failed health check",
        )
        yield name


@pytest.fixture(scope="module")
def ended(engine: PrivateEngine) -> Iterator[str]:
    """Give the name of a container that has ended with code 3."""
    with container(engine, "sh", "-c", "exit 3") as name:
        engine.docker("wait", name)
        yield name


@pytest.mark.usefixtures("client")
def test_ps_lists_what_runs_and_what_does_not(
    engine: PrivateEngine, running: str, ended: str
) -> None:
    """For programs there is one document, in both modes, with what is known of each container."""
    done = run("ps", "--output=json")
    assert done.returncode == 0
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows[running]["id"] == engine.inspect(running)["Id"]
    assert rows[running]["state"] == "running"
    assert rows[running]["health"] == "unhealthy"
    assert rows[running]["exit_code"] is None
    assert rows[running]["cpu_percent"] is not None
    assert 0 < rows[running]["memory_usage"] < rows[running]["memory_limit"] == 64 * 1024 * 1024
    assert rows[running]["uptime_seconds"] > 0
    assert rows[ended]["state"] == "exited"
    assert rows[ended]["exit_code"] == 3
    absent = ("health", "cpu_percent", "memory_usage", "uptime_seconds", "pids")
    assert {rows[ended][field] for field in absent} == {None}


def test_piped_table_is_plain(engine: PrivateEngine, running: str, ended: str) -> None:
    """For people in a pipe there are all columns, and neither colours nor control characters."""
    done = run("ps", DOCKER_HOST=engine.host)
    assert done.returncode == 0
    assert not _CONTROL.search(done.stdout)
    head, *lines = done.stdout.splitlines()
    assert head.split() == _TITLES
    rows = {line.split()[0]: line.split() for line in lines}
    assert rows[running][1:3] == ["running", "unhealthy"]
    assert rows[ended][1:8] == ["exited", "-", "-", "-", "-", "3", "0"]


def test_narrow_terminal_gets_whole_columns(engine: PrivateEngine, running: str) -> None:
    """What has no room is left out from the right; what is shown is not cut."""
    with in_terminal(60, 24, "ps", f"--docker.host={engine.host}") as terminal:
        assert terminal.wait() == 0
    assert "\x1b[" in terminal.screen
    lines = _SEQUENCE.sub("", terminal.screen).splitlines()
    titles = lines[0].split()
    assert titles == _TITLES[: len(titles)]
    assert 0 < len(titles) < len(_TITLES)
    assert running in {line.split()[0] for line in lines}
    assert max(len(line.rstrip()) for line in lines) <= 60


def test_top_shows_and_sorts_until_q_is_pressed(
    engine: PrivateEngine, running: str, ended: str
) -> None:
    """The live view shows the containers, obeys keys, and gives the terminal back."""
    # High enough for all that other tests may have on the shared engine.
    with in_terminal(120, 100, "top", f"--docker.host={engine.host}") as terminal:
        terminal.wait_for("by cpu")
        terminal.press("m")
        terminal.wait_for("by memory")
        terminal.press("q")
        assert terminal.wait() == 0
    assert running in terminal.screen
    assert ended in terminal.screen
    assert "\x1b[?1049l" in terminal.screen


def test_top_goes_on_until_it_is_interrupted(
    engine: PrivateEngine, tmp_path: Path, running: str
) -> None:
    """For programs each reading is a line, and Ctrl-C is a good end."""
    arguments = ("top", "--interval=0.1", f"--docker.host={engine.host}")
    with streaming(tmp_path / "top", *arguments) as stream:
        stream.wait_for(lambda _: len(stream.objects) > 1, "two readings")
        assert stream.end(signal.SIGINT) == 0
    names = [row["name"] for row in stream.objects[-1]["containers"]]
    assert running in names


def test_top_prints_so_many_tables_in_order(
    engine: PrivateEngine, running: str, ended: str
) -> None:
    """With a number it ends by itself, and what has no figure comes last."""
    done = run("top", "-n1", "--sort=memory", f"--docker.host={engine.host}")
    assert done.returncode == 0
    names = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert names.index(running) < names.index(ended)


def test_stats_shows_what_runs_and_complains_of_the_rest(
    engine: PrivateEngine, running: str, ended: str
) -> None:
    """The one that runs is shown; the others are named, with what is wrong, and fail it."""
    done = run("stats", running, ended, f"{running}x", "--output=json", DOCKER_HOST=engine.host)
    assert done.returncode == 1
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows[running]["memory_usage"] > 0
    assert rows[ended]["memory_usage"] is None
    assert done.stderr.splitlines() == [
        f"No container '{running}x'. Did you mean '{running}'?",
        f"Container '{ended}' does not run: it is exited.",
    ]


def test_health_says_what_is_wrong(engine: PrivateEngine, running: str, ended: str) -> None:
    """Each check has its result and its reason, and one failure fails it."""
    environment = {"DOCKER_HOST": engine.host}
    with container(engine, *SLEEP) as well:
        assert run("health", well, **environment).returncode == 0
        done = run("health", well, running, ended, "--output=json", **environment)
    assert done.returncode == 1
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert [found[name]["healthy"] for name in (well, running, ended)] == [True, False, False]
    assert found[running]["checks"][1]["reason"].startswith("unhealthy (")
    assert found[ended]["checks"] == [
        {"subject": "state", "ok": False, "reason": "exited (exit code 3)"}
    ]


def test_health_of_an_unknown_container_suggests_the_nearest(
    engine: PrivateEngine, ended: str
) -> None:
    """A name that is nearly right is put right."""
    done = run("health", ended[:-1], DOCKER_HOST=engine.host)
    assert done.returncode == 1
    assert f"Did you mean '{ended}'?" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 0, "OK"),
        (("--max-memory-mb=0.001",), 1, "MB exceeds limit 0.001 MB"),
    ],
)
def test_limits_has_an_exit_code(
    engine: PrivateEngine, running: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """0 within the limits, 1 beyond them."""
    done = run("limits", running, *arguments, "--output=json", DOCKER_HOST=engine.host)
    assert done.returncode == code
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["ok"] == (code == 0)
    assert message in answer["message"]


def test_limits_of_what_does_not_run_says_so(engine: PrivateEngine, ended: str) -> None:
    """There is no usage, and the reason is told."""
    done = run("limits", ended, DOCKER_HOST=engine.host)
    assert done.returncode == 1
    assert done.stderr == f"Container '{ended}' does not run: it is exited (exit code 3).\n"


@pytest.mark.parametrize("command", ["ps", "top", "stop web"])
def test_unreachable_engine_is_a_failure_in_one_line(command: str) -> None:
    """The cause and what to do stand on standard error; there is nothing on standard output."""
    done = run(*command.split(), f"--docker.host={NOWHERE}", PATH="")
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert _UNREACHABLE in line
