"""How actions are carried out: once, in both modes, by the least of rights, and on record."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest

from exporter.actions.audit import Outcome
from exporter.actions.executor import Executor, Order
from exporter.actions.guard import Action, Policy, Trigger
from exporter.actions.ledger import Ledger
from exporter.docker_client import DockerClient
from tests.admin.conftest import OPTED_IN, starts
from tests.admin.exporting import TIMEOUT_SECONDS, TOKEN, Exporter
from tests.admin.values import container
from tests.support.exporter import serving
from tests.support.modes import MODES, environment_for
from tests.support.socket_proxy import ACT, READ, SocketProxy
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from exporter.deadline import Deadline
    from exporter.engine.base import Engine
    from tests.support.engine import PrivateEngine

T = TypeVar("T")

# Takes a second to end after it was asked to.
SLOW = "trap 'touch /asked; sleep 1; exit 0' TERM; sleep 1d & wait"
# Does not end when it is asked to.
STUBBORN = "trap 'touch /asked' TERM; while :; do sleep 1d & wait; done"


def record_of(exporter: Exporter, name: str) -> dict[str, Any]:
    """Return the only record about a container, once there is one."""
    [record] = wait_until(
        lambda: [one for one in exporter.audit() if one["container"] == name], 30, "a record"
    )
    return record


@pytest.mark.parametrize("mode", MODES)
def test_actions_in_both_modes(
    engine: PrivateEngine, run: Callable[..., str], tmp_path: Path, mode: str
) -> None:
    """By the SDK and by the command the same is done, and said."""
    name = run(OPTED_IN)
    environment = environment_for(mode, engine, tmp_path)
    with (
        Exporter(None, "--admin.cooldown=0s", **environment) as exporter,
        exporter.client() as client,
    ):
        records = [
            client.post(f"/containers/{name}/{action}").raise_for_status().json()
            for action in ("restart", "stop", "start")
        ]
        missing = client.post("/containers/none/restart")
        assert f"mode={mode}" in exporter.log
    assert [one["outcome"] for one in records] == ["done"] * 3
    assert [one["state_after"] for one in records] == ["running", "exited", "running"]
    assert starts(engine, name) == 3
    assert (missing.status_code, missing.json()["reason"]) == (404, "not_found")


def was_asked(engine: PrivateEngine, name: str) -> bool:
    """Return whether a slow container has been asked to end."""
    return "asked" in engine.docker("exec", name, "ls", "/").split()


@contextmanager
def calling(exporter: Exporter, path: str) -> Iterator[None]:
    """Post to the admin API, and hang up when the context ends, whatever has come by then."""
    host, _, port = exporter.addresses[0].rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as link:
        head = f"POST /api/v1{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}"
        link.sendall(f"{head}\r\n\r\n".encode())
        yield


def test_action_outlives_its_caller(engine: PrivateEngine, run: Callable[..., str]) -> None:
    """Whoever hangs up, it is carried out once and put on record."""
    name = run(OPTED_IN, command=SLOW)
    with Exporter(engine.host) as exporter:
        with calling(exporter, f"/containers/{name}/restart"):
            wait_until(lambda: was_asked(engine, name), 30, "it is under way")
        assert record_of(exporter, name)["outcome"] == "done"
    assert starts(engine, name) == 2


def test_action_under_way_is_on_record_when_the_exporter_stops(
    engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Its end is not known to us; the exporter stops in time all the same."""
    name = run(OPTED_IN, command=STUBBORN)
    with Exporter(engine.host) as exporter:
        with calling(exporter, f"/containers/{name}/stop"):
            wait_until(lambda: was_asked(engine, name), 30, "it is under way")
            exporter.process.send_signal(signal.SIGTERM)
            exporter.process.wait(TIMEOUT_SECONDS)
        record = record_of(exporter, name)
    assert (record["outcome"], record["reason"]) == ("failed", "interrupted")


# -- dependents -------------------------------------------------------------------------------


def test_dependents_are_told_of(engine: PrivateEngine, run: Callable[..., str]) -> None:
    """They share the network of what was restarted, and are left alone."""
    lender = run(OPTED_IN)
    dependent = run(OPTED_IN, f"--network=container:{lender}")
    run(OPTED_IN)
    with Exporter(engine.host) as exporter, exporter.client() as client:
        record = client.post(f"/containers/{lender}/restart").raise_for_status().json()
        assert record["dependents"] == [dependent]
        assert exporter.audit() == [record]
    assert starts(engine, dependent) == 1


def test_dependents_are_restarted_where_the_lender_says_so(
    engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Those that run, each through the guard and on record."""
    lender = run(OPTED_IN, "--label=docker-exporter.restart-dependents=true")
    willing, unwilling, stopped = (
        run(*options, f"--network=container:{lender}", command=command)
        for options, command in (([OPTED_IN], SLOW), ([], SLOW), ([OPTED_IN], "true"))
    )
    wait_until(lambda: engine.inspect(stopped)["State"]["Status"] == "exited", 20, "it has ended")
    with Exporter(engine.host) as exporter, exporter.client() as client:
        record = client.post(f"/containers/{lender}/restart").raise_for_status().json()
        assert record["dependents"] == sorted([willing, unwilling, stopped])
        outcomes = wait_until(
            lambda: {one["container"]: one["outcome"] for one in exporter.audit()},
            30,
            "all are on record",
            lambda found: len(found) == 3,
        )
        assert record_of(exporter, willing)["parameters"] == {"because_of": lender}
    assert outcomes == {lender: "done", willing: "done", unwilling: "denied"}
    assert starts(engine, willing) == 2


def test_dependents_that_the_engine_does_not_tell_are_not_none(
    engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """What is not known is null; the action is done all the same."""
    lender = run(OPTED_IN)
    no_list = ACT | {"GET": r"(/v1\.[0-9]+)?/(_ping|version|containers/[a-z0-9-]+/json)"}
    with (
        SocketProxy(engine.socket, no_list) as proxy,
        Exporter(proxy.host) as exporter,
        exporter.client() as client,
    ):
        record = client.post(f"/containers/{lender}/restart").raise_for_status().json()
        assert "dependents not known" in exporter.log
    assert (record["outcome"], record["dependents"]) == ("done", None)


# -- least rights -----------------------------------------------------------------------------


def test_two_socket_proxies_are_enough(engine: PrivateEngine, run: Callable[..., str]) -> None:
    """One allows to read and nothing else, the other the three actions and nothing else."""
    name = run(OPTED_IN)
    with (
        SocketProxy(engine.socket, READ) as reading,
        SocketProxy(engine.socket, ACT) as acting,
        Exporter(
            reading.host, f"--admin.docker-host={acting.host}", "--admin.cooldown=0s"
        ) as exporter,
        exporter.client() as client,
    ):
        for action in ("restart", "stop", "start"):
            client.post(f"/containers/{name}/{action}").raise_for_status()
        refused = [*reading.refused, *acting.refused]
    assert refused == []
    assert starts(engine, name) == 3


def test_proxy_that_forbids_actions_is_told_of(
    engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """503, with what to do; it does not count as an action."""
    name = run(OPTED_IN)
    with (
        SocketProxy(engine.socket, READ) as reading,
        Exporter(reading.host) as exporter,
        exporter.client() as client,
    ):
        answers = [client.post(f"/containers/{name}/restart") for _ in range(7)]
    assert {(one.status_code, one.json()["reason"]) for one in answers} == {
        (503, "permission_denied")
    }
    assert "socket proxy" in answers[0].json()["detail"]


class BrokenClient(DockerClient):
    """A client with a bug."""

    def call(self, ask: Callable[[Engine], T], deadline: Deadline | None = None) -> T:  # noqa: ARG002 -- the real one's
        """Fail as no client should."""
        raise ZeroDivisionError


def test_bug_costs_the_one_action(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and on record, and the container is not taken for busy ever after."""
    client = BrokenClient()
    ledger = Ledger(Policy(cooldown_seconds=0))
    executor = Executor(client, client, ledger, lambda record: record)
    order = Order(action=Action.RESTART, trigger=Trigger.API, address=None, token_name="x")  # noqa: S106 -- a name
    for _ in range(2):
        record = executor.submit(order, container()).result(TIMEOUT_SECONDS)
        assert (record.outcome, record.reason) == (Outcome.FAILED, "error")
    assert [one.msg for one in caplog.records] == ["action failed"] * 2


# -- where it is served -----------------------------------------------------------------------


def get(url: str) -> httpx.Response:
    """Ask for a page without a token."""
    return httpx.get(url, trust_env=False, timeout=TIMEOUT_SECONDS)


def test_admin_api_may_have_a_listener_of_its_own(engine: PrivateEngine) -> None:
    """There it is and nothing else; where the metrics are it is not."""
    with Exporter(engine.host, "--admin.listen-address=127.0.0.2:0") as exporter:
        metrics, admin = (f"http://{address}" for address in exporter.addresses)
        assert admin.startswith("http://127.0.0.2:")
        assert get(f"{metrics}/metrics").status_code == 200
        assert get(f"{metrics}/api/v1/containers").status_code == 404
        assert get(f"{admin}/metrics").status_code == 404
        assert get(f"{admin}/-/healthy").status_code == 200
        with exporter.client() as client:
            assert client.get("/containers").status_code == 200


@pytest.fixture(scope="module")
def disabled(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of an exporter without a token file."""
    log = tmp_path_factory.mktemp("disabled") / "log"
    with serving(log, f"--docker.host={engine.host}") as exporter:
        yield exporter.url


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "containers"), ("POST", "containers/web/restart"), ("POST", "alerts"), ("GET", "x")],
)
def test_without_a_token_file_there_is_no_admin_api(disabled: str, method: str, path: str) -> None:
    """Every path answers 403 and says how to get it."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.request(method, f"{disabled}/api/v1/{path}", headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("The admin API is not enabled. ")
    assert "--admin.token-file" in answer.json()["detail"]


@pytest.mark.parametrize("text", [None, "", "short"])
def test_unusable_token_file_ends_the_start(tmp_path: Path, text: str | None) -> None:
    """Status 2, and one line that names the flag and the file."""
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "exporter", f"--admin.token-file=ops={path}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"docker-exporter: --admin.token-file: '{path}'")
