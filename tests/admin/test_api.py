"""The admin API on a real engine: what it shows, what it does, and what it denies."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.admin.conftest import OPTED_IN
from tests.admin.exporting import TOKEN, Exporter
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.support.engine import PrivateEngine


@pytest.fixture(scope="module")
def exporter(engine: PrivateEngine) -> Iterator[Exporter]:
    """Give an exporter that all tests here share."""
    with Exporter(engine.host) as exporter:
        yield exporter


@pytest.fixture
def client(exporter: Exporter) -> Iterator[httpx.Client]:
    """Give a client that may do everything."""
    with exporter.client() as client:
        yield client


def started_at(engine: PrivateEngine, name: str) -> str:
    """Return when a container was last started."""
    return str(engine.inspect(name)["State"]["StartedAt"])


# -- reading ----------------------------------------------------------------------------------


def test_containers_are_listed_with_what_may_be_done(
    engine: PrivateEngine, client: httpx.Client, run: Callable[..., str]
) -> None:
    """Stopped ones too, each with its state and the reason of each denial."""
    open_one = run("--label=docker-exporter.actions=start")
    closed = run(command="exit 3")
    wait_until(lambda: engine.inspect(closed)["State"]["Status"] == "exited", 20, "it has ended")
    answer = client.get("/containers").raise_for_status().json()
    rows = {row["name"]: row for row in answer["containers"]}
    assert answer["unreadable"] == []
    assert (rows[closed]["state"], rows[closed]["exit_code"]) == ("exited", 3)
    assert (rows[open_one]["state"], rows[open_one]["health"]) == ("running", None)
    assert rows[open_one]["exit_code"] is None
    assert rows[open_one]["actions"]["start"] == {
        "allowed": True,
        "reason": None,
        "detail": "",
        "retry_after_seconds": None,
    }
    assert {row["reason"] for row in rows[closed]["actions"].values()} == {"not-opted-in"}


def test_container_is_shown_with_what_it_uses(
    engine: PrivateEngine, client: httpx.Client, run: Callable[..., str]
) -> None:
    """By name or by id; a ratio of 1 is one processor."""
    name = run("--memory=64m", command="while :; do :; done")
    shown = client.get(f"/containers/{name}").raise_for_status().json()
    assert shown["id"] == engine.inspect(name)["Id"]
    assert shown["usage"]["memory_limit_bytes"] == 64 * 1024 * 1024
    assert 0 < shown["usage"]["memory_usage_ratio"] < 1
    assert 0 < shown["usage"]["cpu_ratio"] < 1.5
    assert shown["usage"]["threads"] == 1
    assert client.get(f"/containers/{shown['id']}").json()["name"] == name


def test_stopped_container_uses_nothing_that_is_known(
    engine: PrivateEngine, client: httpx.Client, run: Callable[..., str]
) -> None:
    """Null, and not zero."""
    name = run(command="true")
    wait_until(lambda: engine.inspect(name)["State"]["Status"] == "exited", 20, "it has ended")
    assert client.get(f"/containers/{name}").json()["usage"] is None


def test_unknown_container_is_404(client: httpx.Client) -> None:
    """The problem names it."""
    answer = client.get("/containers/none")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "'none' not found" in answer.json()["detail"]


# -- acting -----------------------------------------------------------------------------------


def test_restart_says_what_was_done_and_by_whom(
    engine: PrivateEngine, client: httpx.Client, run: Callable[..., str]
) -> None:
    """The answer, the list of attempts and the engine agree."""
    name = run(OPTED_IN)
    before = started_at(engine, name)
    answer = client.post(f"/containers/{name}/restart", json={"timeout": 2.5, "reason": "why"})
    assert answer.status_code == 200, answer.text
    record = answer.json()
    assert started_at(engine, name) > before
    assert (
        record
        | {
            "action": "restart",
            "trigger": "api",
            "outcome": "done",
            "token_name": "ops",
            "address": "127.0.0.1",
            "container": name,
            "container_id": engine.inspect(name)["Id"],
            "parameters": {"timeout": 3, "reason": "why", "dry_run": False},
            "state_after": "running",
            "dependents": [],
        }
        == record
    )
    assert 0 < record["duration_seconds"] < 30
    assert datetime.fromisoformat(record["time"]).tzinfo is not None
    assert answer.headers["x-request-id"] == record["request_id"]
    assert client.get("/actions").json()["actions"][0] == record


def test_container_is_stopped_and_started(engine: PrivateEngine, run: Callable[..., str]) -> None:
    """The state after is that of the engine."""
    name = run(OPTED_IN)
    with Exporter(engine.host, "--admin.cooldown=0s") as exporter, exporter.client() as client:
        stopped = client.post(f"/containers/{name}/stop").json()
        assert stopped["state_after"] == engine.inspect(name)["State"]["Status"] == "exited"
        started = client.post(f"/containers/{name}/start").json()
        assert started["state_after"] == engine.inspect(name)["State"]["Status"] == "running"


def test_dry_run_changes_nothing(
    engine: PrivateEngine, client: httpx.Client, run: Callable[..., str]
) -> None:
    """It says what would be, as often as it is asked."""
    name = run(OPTED_IN)
    before = started_at(engine, name)
    for _ in range(7):
        answer = client.post(f"/containers/{name}/restart", json={"dry_run": True})
        assert (answer.status_code, answer.json()["outcome"]) == (200, "dry_run")
    assert started_at(engine, name) == before


def test_denials_name_their_rule(client: httpx.Client, run: Callable[..., str]) -> None:
    """Too soon is 429, with when to ask again; not opted in is 403."""
    name = run("--label=docker-exporter.actions=restart")
    assert client.post(f"/containers/{name}/restart").status_code == 200
    early = client.post(f"/containers/{name}/restart")
    assert (early.status_code, early.json()["reason"]) == (429, "cool-down")
    assert 50 < int(early.headers["retry-after"]) <= 60
    forbidden = client.post(f"/containers/{name}/stop")
    assert (forbidden.status_code, forbidden.json()["reason"]) == (403, "not-opted-in")
    assert forbidden.json()["record"]["outcome"] == "denied"


def test_container_that_cannot_be_started_is_the_engines_failure(
    engine: PrivateEngine, client: httpx.Client
) -> None:
    """502, and the engine's own words."""
    engine.docker("create", "--name=broken", OPTED_IN, "busybox:test", "/no/such/program")
    try:
        answer = client.post("/containers/broken/start")
    finally:
        engine.docker("rm", "--force", "broken")
    assert (answer.status_code, answer.json()["record"]["outcome"]) == (502, "failed")
    assert "/no/such/program" in answer.json()["detail"]


def test_paused_container_cannot_be_started(
    engine: PrivateEngine, client: httpx.Client, run: Callable[..., str]
) -> None:
    """409: its state forbids it."""
    name = run(OPTED_IN)
    engine.docker("pause", name)
    try:
        answer = client.post(f"/containers/{name}/start")
    finally:
        engine.docker("unpause", name)
    assert (answer.status_code, answer.json()["reason"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"timeout": "x"}', "$.timeout"),
        ('{"timeout": -1}', "$.timeout"),
        ('{"timeout": 601}', "$.timeout"),
        ('{"reason": 1}', "$.reason"),
        (json.dumps({"reason": "x" * 501}), "$.reason"),
        ('{"force": true}', "`force`"),
        ("[]", "object"),
        ("{", "truncated"),
        ("[" * 100_000, ""),
        ("", "truncated"),
    ],
)
def test_body_that_makes_no_sense_is_422(client: httpx.Client, body: str, said: str) -> None:
    """The detail names the field."""
    headers = {"Content-Type": "application/json"}
    answer = client.post("/containers/none/restart", content=body, headers=headers)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_admin_metrics_begin_at_zero_and_count(
    engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Each series is there before its first event."""
    name = run(OPTED_IN)
    labels = {"action": "restart", "trigger": "api", "outcome": "done"}
    with Exporter(engine.host) as exporter, exporter.client() as client:
        assert exporter.metric("docker_exporter_actions_total", **labels) == 0
        assert exporter.metric("docker_exporter_auth_failures_total") == 0
        client.post(f"/containers/{name}/restart")
        client.post(f"/containers/{name}/restart")
        with exporter.client(token=None) as nobody:
            nobody.get("/containers")
        assert exporter.metric("docker_exporter_actions_total", **labels) == 1
        labels["outcome"] = "denied"
        assert exporter.metric("docker_exporter_actions_total", **labels) == 1
        assert exporter.metric("docker_exporter_auth_failures_total") == 1


# -- tokens while it runs ---------------------------------------------------------------------


def test_rotated_token_needs_no_restart(engine: PrivateEngine) -> None:
    """The new one is good at once, the old one no longer."""
    with Exporter(engine.host) as exporter:
        exporter.write_token("ops", new := "a-new-token-for-the-same-holder-0123")
        statuses = []
        for token in (TOKEN, new):
            with exporter.client(token) as client:
                statuses.append(client.get("/actions").status_code)
    assert statuses == [401, 200]


def secrets_in(text: str) -> list[str]:
    """Return the tokens that stand in a text."""
    return [token for token in (TOKEN,) if token in text]


def test_no_token_is_ever_shown(
    exporter: Exporter, client: httpx.Client, run: Callable[..., str]
) -> None:
    """Neither in the log, nor on record, nor in an answer."""
    answer: Any = client.post(f"/containers/{run(OPTED_IN)}/restart")
    shown = [answer.text, str(answer.headers), client.get("/actions").text, exporter.log]
    shown.append((exporter.directory / "audit").read_text())
    assert secrets_in("".join(shown)) == []
