"""`start`, `stop`, `restart`, `ensure-running`, and what the command line has for all."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.processes import ROOT, run
from tests.support.containers import ENDS_ON_SIGTERM, container

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine


def test_containers_are_stopped_restarted_and_started(
    engine: PrivateEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command does what it says and tells it; an id will do for a name."""
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    with container(engine, *ENDS_ON_SIGTERM) as name:
        stopped = run("stop", name, "--timeout=5")
        assert engine.inspect(name)["State"]["Status"] == "exited"
        restarted = run("restart", engine.inspect(name)["Id"][:12])
        assert engine.inspect(name)["State"]["Status"] == "running"
        started = run("start", name, "--output=json")
    assert (stopped.returncode, stopped.stdout) == (0, f"Container '{name}' stopped.\n")
    assert (restarted.returncode, restarted.stdout) == (0, f"Container '{name}' restarted.\n")
    assert started.returncode == 0
    message = f"Container '{name}' is already running."
    assert json.loads(started.stdout) == [{"name": name, "success": True, "message": message}]


def test_one_unknown_container_does_not_keep_the_others(engine: PrivateEngine) -> None:
    """The one that exists is started; the other is complained of, and fails it."""
    with container(engine, *ENDS_ON_SIGTERM, verb=("create",)) as name:
        done = run("start", f"{name}-", name, DOCKER_HOST=engine.host)
        assert engine.inspect(name)["State"]["Running"]
    assert done.returncode == 1
    assert done.stdout == f"Container '{name}' started.\n"
    assert done.stderr == f"No container '{name}-'. Did you mean '{name}'?\n"


def test_ensure_running_tells_how_it_ended(engine: PrivateEngine) -> None:
    """A container that runs is fine; one that ends at once is not."""
    with container(engine, *ENDS_ON_SIGTERM) as runs, container(engine, "false") as ends:
        well = run("ensure-running", runs, DOCKER_HOST=engine.host)
        ill = run("ensure-running", ends, "--max-retries=1", DOCKER_HOST=engine.host)
    assert (well.returncode, well.stdout) == (0, f"Container '{runs}' runs.\n")
    assert (ill.returncode, ill.stdout) == (1, "")
    assert ill.stderr == (
        f"Container '{ends}' does not run: it is exited (exit code 1). Tries: 1. "
        f"See what it says: docker logs {ends}\n"
    )


@pytest.mark.parametrize(
    "command",
    ["stop ../web", "stop web --timeout=-1", "top --sort=colour"],
)
def test_bad_usage_ends_with_2(command: str) -> None:
    """What makes no sense is refused in one line before anything is asked."""
    done = run(*command.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_shell_completes_the_names_of_containers(engine: PrivateEngine) -> None:
    """What bash asks for at a press of Tab is the names that begin so."""
    with container(engine, *ENDS_ON_SIGTERM, verb=("create",)) as name:
        begun = f"docker-exporter --docker.host {engine.host} stop {name[:-1]}"
        done = run(_DOCKER_EXPORTER_COMPLETE="bash_complete", COMP_WORDS=begun, COMP_CWORD="4")
    assert done.stdout == f"plain,{name}\n"


@pytest.mark.parametrize(
    ("module", "spared"),
    [("exporter.commands.top", "rich"), ("exporter.serve", "rich"), ("exporter.serve", "yaml")],
)
def test_what_few_need_is_loaded_by_those_who_do(module: str, spared: str) -> None:
    """Tables by who prints them, YAML by who gives a file of it: both take time and memory."""
    code = f"import {module}, sys; assert '{spared}' not in sys.modules; import {spared}"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
