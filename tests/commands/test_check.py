"""`check`: what would be found, on a real engine and on one that refuses a part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from exporter.metrics.catalogue.engine import OF_INFO
from tests.commands.processes import run
from tests.support.containers import SLEEP, container
from tests.support.modes import environment_for
from tests.support.socket_proxy import SocketProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.engine import PrivateEngine

NOWHERE = "--docker.host=unix:///nowhere/docker.sock"


@pytest.fixture(scope="module")
def running(engine: PrivateEngine) -> Iterator[str]:
    """Give the name of a container that runs and has a label."""
    with container(engine, *SLEEP, options=("--label=pick=yes",)) as name:
        yield name


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """Give a file with a token."""
    path = tmp_path / "token"
    path.write_text("0123456789abcdef" * 2)
    path.chmod(0o600)
    return path


def told(*arguments: str) -> dict[str, str]:
    """Run it, which must succeed without a complaint; return what it says of each subject."""
    done = run("check", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    subjects = (line.partition(": ") for line in done.stdout.splitlines())
    return {subject: said for subject, _, said in subjects}


# -- the engine -------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.usefixtures("running")
def test_it_says_what_would_be_found(engine: PrivateEngine, *, before: bool) -> None:
    """Mode, address, engine, permission and containers; flags may stand before or after."""
    version = engine.get("/version")
    flag = f"--docker.host={engine.host}"
    done = run(flag, "check") if before else run("check", flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:4] == [
        "mode: sdk",
        f"address: {engine.host}",
        f"engine: docker {version['Version']} (API {version['ApiVersion']})",
        "permission: granted",
    ]
    assert re.fullmatch(r"containers: \d+ \(.*\d+ running.*\)", done.stdout.splitlines()[4])


def test_it_fails_without_an_engine() -> None:
    """The cause and what to do are one line, and the status is 1."""
    done = run("check", NOWHERE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("docker-exporter: ")
    assert "/nowhere/docker.sock" in done.stderr
    assert "Is the engine running" in done.stderr
    assert done.stderr.count("\n") == 1


def test_filters_are_applied(engine: PrivateEngine, running: str) -> None:
    """Those by name, and those by label; what they hide is still counted."""
    flag = f"--docker.host={engine.host}"
    by_name = told(flag, f"--collector.include={running}")
    by_label = told(flag, f"--collector.include={running}", "--collector.include-label=pick=no")
    total = by_name["containers"].partition(" ")[0]
    assert (by_name["shown"], by_label["shown"]) == (f"1 of {total}", f"0 of {total}")
    assert by_label["stats"] == "no container runs that is shown"


def test_stats_are_looked_for_where_serving_would(engine: PrivateEngine, running: str) -> None:
    """In the kernel's files, by the engine, or by the engine for what is not in the files."""
    flags = (f"--docker.host={engine.host}", f"--collector.include={running}")
    assert told(*flags)["stats"] == "from the kernel's files, 1 of 1 running"
    assert told(*flags, "--collector.stats-source=api")["stats"] == "from the engine"
    assert told(*flags, "--path.procfs=/nowhere")["stats"] == (
        "from the kernel's files, 0 of 1 running, and from the engine for the rest. /nowhere cannot"
        " be opened (No such file or directory): --path.procfs and --path.cgroup must name the"
        " places where the machine's own are mounted."
    )


def test_it_fails_where_all_stats_would_be_missing(engine: PrivateEngine, running: str) -> None:
    """The kernel's files alone were asked for, and are not there: status 1, and why."""
    flags = (f"--docker.host={engine.host}", f"--collector.include={running}")
    assert told(*flags, "--collector.stats-source=cgroup")["stats"] == (
        "from the kernel's files, 1 of 1 running"
    )
    done = run("check", *flags, "--collector.stats-source=cgroup", "--path.procfs=/nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "docker-exporter: --collector.stats-source=cgroup: no stats, 0 of 1 running. /nowhere "
    )
    assert "permission: granted" in done.stdout


def test_what_is_refused_is_named_with_what_it_costs(engine: PrivateEngine, running: str) -> None:
    """A proxy that refuses one request leaves the rest, as in serving; so the status is 0."""
    refusals = (
        *(r"/v[\d.]+/info", ".*/stats", f".*/containers/{'.' * 64}/json"),
        *(".*/events", ".*/system/df"),
    )
    flags = (
        *("--collector.stats-source=api", f"--collector.include={running}"),
        "--collector.disk-usage",
    )
    said = []
    for path in refusals:
        with SocketProxy(engine.socket, {"GET": f"(?!{path}$).*"}) as proxy:
            done = run("check", f"--docker.host={proxy.host}", *flags)
        assert (done.returncode, done.stderr) == (0, "")
        said.append(done.stdout)
    info, stats, inspect, events, disk = said
    assert f"\nengine: not told, so {', '.join(OF_INFO)} will be missing. Permission denied" in info
    assert "\nshown: 1 of" in info
    assert "\nstats: 1 not told, which will have no usage. Permission denied" in stats
    assert "\ninspect: 1 not told, which will have no series. Permission denied" in inspect
    assert "\nevents: not told, so container_oom_events_total, " in events
    assert " will be missing, and all is inspected at each scrape. Permission denied" in events
    assert "\ndisk usage: not told, so docker_disk_usage_bytes, " in disk
    assert " container_fs_usage_bytes will be missing. Permission denied" in disk
    for text in said:
        assert ("\nevents: followed" in text) is (text is not events)
        assert ("\ndisk usage: told" in text) is (text is not disk)


def test_events_are_not_claimed_where_they_cannot_be_tried(
    engine: PrivateEngine, tmp_path: Path
) -> None:
    """The command tells of a refusal only when it ends, and of success not at all."""
    done = run("check", **environment_for("cli", engine, tmp_path))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "mode: cli")
    assert "\nevents: not tried, as the docker command says nothing until " in done.stdout


def test_engine_of_the_actions_is_tried_too(engine: PrivateEngine, token: Path) -> None:
    """A proxy of its own for actions is named; where nobody is, the status is 1, and why."""
    flags = (f"--docker.host={engine.host}", f"--admin.token-file=a={token}")
    with SocketProxy(engine.socket, {"HEAD": "/_ping", "GET": "/version"}) as proxy:
        said = told(*flags, f"--admin.docker-host={proxy.host}")
    assert said["actions"] == f"sent to {proxy.host}, mode sdk"
    done = run("check", *flags, "--admin.docker-host=unix:///nowhere/docker.sock")
    assert done.returncode == 1
    assert "permission: granted" in done.stdout
    assert "/nowhere/docker.sock" in done.stderr


# -- the settings -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["check"]])
@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--admin.token-file=a=/nowhere"], "--admin.token-file: '/nowhere' is not readable"),
        (
            ["--admin.token-file=a={token}", "--admin.token-file=b={token}"],
            "--admin.token-file: 'a' and 'b' have the same token",
        ),
        (
            ["--admin.token-file=a={token}", "--admin.audit-file=/nowhere/audit"],
            (
                "--admin.audit-file: '/nowhere/audit' cannot be written and read (No such file or"
                " directory)"
            ),
        ),
        (
            ["--admin.token-file=a={token}", "--admin.audit-file=/"],
            "--admin.audit-file: '/' cannot be written and read (Is a directory)",
        ),
    ],
)
def test_bad_files_are_refused_as_at_the_start(
    token: Path, command: list[str], flags: list[str], complaint: str
) -> None:
    """In one line, which is the same, with status 2."""
    given = [flag.format(token=token) for flag in flags]
    done = run(*command, *given, "--web.listen-address=127.0.0.1:0", NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"docker-exporter: {complaint}")
    assert done.stderr.count("\n") == 1


def test_audit_file_is_left_as_it_is(token: Path, tmp_path: Path) -> None:
    """One that is not there is not made: it would belong to whoever looks."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("{}\n")
    for audit in (old, new):
        done = run("check", f"--admin.token-file=a={token}", f"--admin.audit-file={audit}", NOWHERE)
        assert done.stdout == f"admin API: tokens: 1, audit file: {audit}\n"
    assert (old.read_text(), new.exists()) == ("{}\n", False)


def test_admin_settings_without_a_token_are_named() -> None:
    """They have no effect; what is given as it is by default is no matter."""
    done = run("check", "--admin.allow=web", "--no-admin.dry-run", NOWHERE)
    assert done.stdout == (
        "admin API: off for want of --admin.token-file, so without effect: --admin.allow\n"
    )


def test_variable_that_is_no_setting_is_named() -> None:
    """With the one that may have been meant."""
    done = run("check", NOWHERE, DOCKER_EXPORTER_COLLECTOR_CACHE="5s")
    assert done.stdout == (
        "environment: unknown variable DOCKER_EXPORTER_COLLECTOR_CACHE; the nearest known one is"
        " DOCKER_EXPORTER_COLLECTOR_CACHE_TTL\n"
    )
