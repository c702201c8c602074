"""What Alertmanager sends, on a real engine: each firing once, and only what is meant for us."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from exporter.actions.executor import Executor
from exporter.actions.guard import Policy
from exporter.actions.healer import Healer
from exporter.actions.ledger import Ledger
from exporter.docker_client import DockerClient
from exporter.metrics.snapshot import Snapshots
from exporter.settings.admin import ACT, READ, TokenFile
from exporter.web.admin import AdminApi
from exporter.web.app import create_admin_app
from exporter.web.auth import Tokens
from exporter.web.endpoint import admin_routes
from exporter.web.gate import Gate
from exporter.web.lifecycle import Lifecycle
from exporter.web.pages.page import Page
from tests.admin.conftest import OPTED_IN, starts
from tests.admin.exporting import ACT_TOKEN, TIMEOUT_SECONDS, TOKEN, Exporter
from tests.support.engine import IMAGE
from tests.support.waiting import wait_until
from tests.web.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.engine import PrivateEngine

# Alerts wait for what others have started; what tests have started should not be waited for.
NO_COOLDOWN = "--admin.cooldown=0s"
MATCH = "--admin.alert-match=instance=here:9417"


@pytest.fixture(scope="module")
def exporter(engine: PrivateEngine) -> Iterator[Exporter]:
    """Give an exporter that all tests here share."""
    with Exporter(engine.host, NO_COOLDOWN, MATCH) as exporter:
        yield exporter


def alert(engine: PrivateEngine | None, name: str, **labels: str) -> dict[str, Any]:
    """Return an alert about a container, with the id that it has on an engine."""
    identity = {} if engine is None else {"id": f"/docker/{engine.inspect(name)['Id']}"}
    return {
        "status": "firing",
        "labels": {
            "alertname": "Sick",
            "name": name,
            "docker_exporter_action": "restart",
            **identity,
            **labels,
        },
        "annotations": {"summary": "It is sick."},
        "startsAt": "2026-01-02T03:04:05.678Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"{name}{labels}",
    }


def notification(*alerts: dict[str, Any]) -> dict[str, Any]:
    """Return what Alertmanager sends about some alerts."""
    return {
        "receiver": "docker-exporter",
        "status": "firing",
        "alerts": alerts,
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="Sick"}',
        "truncatedAlerts": 0,
    }


def send(exporter: Exporter, *alerts: dict[str, Any], token: str = TOKEN) -> tuple[int, Any]:
    """Send alerts as Alertmanager does, and return the status and the body of the answer."""
    with exporter.client(token) as client:
        answer = client.post("/alerts", json=notification(*alerts))
    return answer.status_code, answer.json()


def said(exporter: Exporter, *alerts: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Send alerts, and return what becomes of each of them."""
    status, body = send(exporter, *alerts)
    assert status == 202, body
    return [(one["outcome"], one["reason"]) for one in body["alerts"]]


def last_record(exporter: Exporter, name: str) -> dict[str, Any]:
    """Return the last record about a container, once there is one."""
    return wait_until(
        lambda: [one for one in exporter.audit() if one["container"] == name], 30, "a record"
    )[-1]


def test_firing_is_carried_out_once_however_often_it_comes(
    exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """The answer comes at once, the record when it is done; a replay is ignored."""
    name = run(OPTED_IN)
    firing = alert(engine, name)
    assert said(exporter, firing) == [("accepted", None)]
    record = last_record(exporter, name)
    assert (
        record
        | {
            "trigger": "alertmanager",
            "action": "restart",
            "outcome": "done",
            "token_name": "ops",
            "parameters": {
                "alert": "Sick",
                "firing": f"{firing['fingerprint']}@2026-01-02T03:04:05.678000+00:00",
                "group_key": '{}:{alertname="Sick"}',
            },
        }
        == record
    )
    assert said(exporter, firing, firing) == [("ignored", "duplicate")] * 2
    assert said(exporter, firing | {"startsAt": "2026-01-02T05:00:00Z"}) == [("accepted", None)]
    wait_until(lambda: last_record(exporter, name)["outcome"] == "done", 30, "done again")
    assert starts(engine, name) == 3


def test_alert_may_be_sent_with_a_token_that_cannot_read(exporter: Exporter) -> None:
    """For Alertmanager the scope `act` is enough."""
    assert send(exporter, token=ACT_TOKEN)[0] == 202


def test_alerts_that_ask_for_nothing_are_left_out(
    exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """They are neither answered nor recorded."""
    recorded = len(exporter.audit())
    assert said(exporter, alert(engine, run(OPTED_IN), docker_exporter_action="")) == []
    assert len(exporter.audit()) == recorded


def test_what_is_not_carried_out_is_on_record(
    exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Ignored with a reason, or denied by a rule."""
    name, closed = run(OPTED_IN), run()
    recorded = len(exporter.audit())
    assert said(
        exporter,
        alert(engine, name) | {"status": "resolved"},
        alert(None, name),
        alert(None, name, id=f"/docker/{'f' * 64}"),
        alert(engine, name, docker_exporter_action="stop"),
        alert(engine, closed),
        alert(engine, name, status="unhealthy"),
    ) == [
        ("ignored", "resolved"),
        ("ignored", "no-identity"),
        ("ignored", "not-here"),
        ("ignored", "unknown-action"),
        ("denied", "not-opted-in"),
        ("denied", "not-unhealthy"),
    ]
    records = exporter.audit()[recorded:]
    assert [one["outcome"] for one in records].count("ignored") == 4
    assert {one["action"] for one in records} == {"restart", "unknown"}
    assert starts(engine, name) == 1


def test_name_is_enough_where_the_alert_is_ours(
    exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """By `--admin.alert-match`; the beginning of an id is no name."""
    name = run(OPTED_IN)
    short = engine.inspect(name)["Id"][:12]
    assert said(
        exporter,
        alert(None, name, instance="here:9417"),
        alert(None, name, instance="there:9417"),
        alert(None, short, instance="here:9417"),
    ) == [("accepted", None), ("ignored", "no-identity"), ("ignored", "not-here")]
    wait_until(lambda: starts(engine, name) == 2, 30, "it was restarted")


@pytest.mark.parametrize("state", ["paused", "exited"])
def test_container_that_somebody_put_to_rest_is_left_alone(
    exporter: Exporter, engine: PrivateEngine, run: Callable[..., str], state: str
) -> None:
    """Its health reads unhealthy by then, which is none."""
    name = run(OPTED_IN, "--health-cmd=true", "--health-interval=1s")
    engine.docker("pause" if state == "paused" else "stop", name)
    try:
        assert engine.inspect(name)["State"]["Status"] == state
        assert said(exporter, alert(engine, name, status="unhealthy")) == [("denied", "state")]
    finally:
        if state == "paused":
            engine.docker("unpause", name)


def test_denied_firing_is_carried_out_when_it_comes_again_in_time(
    engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Only what was carried out counts as such: Alertmanager repeats what still fires."""
    name = run(OPTED_IN)
    with Exporter(engine.host, "--admin.cooldown=3s") as exporter:
        firing = alert(engine, name)
        engine.docker("restart", name)
        assert said(exporter, firing) == [("denied", "cool-down")]
        wait_until(
            lambda: said(exporter, firing),
            30,
            "it is carried out",
            lambda answer: answer != [("denied", "cool-down")],
        )
        wait_until(lambda: last_record(exporter, name)["outcome"] == "done", 30, "it is done")
    assert starts(engine, name) == 3


def test_healing_that_does_not_help_is_given_up(
    engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """A metric says so until the alert is resolved, which sets it free."""
    name = run(OPTED_IN)
    metric = "docker_exporter_healing_exhausted"
    with Exporter(engine.host, NO_COOLDOWN, "--admin.budget=2") as exporter:

        def fire(minute: int) -> tuple[str, str | None]:
            before = len(exporter.audit()) if (exporter.directory / "audit").exists() else 0
            firing = alert(engine, name) | {"startsAt": f"2026-01-02T03:{minute:02}:00Z"}
            [answer] = said(exporter, firing)
            wait_until(lambda: len(exporter.audit()) > before, 30, "it is on record")
            return answer

        assert [fire(n) for n in range(4)] == [
            ("accepted", None),
            ("accepted", None),
            ("denied", "budget"),
            ("denied", "exhausted"),
        ]
        assert exporter.metric(metric, name=name) == 1
        assert f'message="healing given up" container={name}' in exporter.log
        said(exporter, alert(engine, name) | {"status": "resolved"})
        assert exporter.metric(metric, name=name) is None
        # The budget is as it was, also in the next process.
        assert fire(5) == ("denied", "budget")
        exporter.stop()
        exporter.start()
        assert fire(6) == ("denied", "budget")
        assert fire(0) == ("ignored", "duplicate")


def run_web(engine: PrivateEngine) -> None:
    """Run a container that can be restarted at once."""
    options = ("--detach", "--name=web", "--stop-signal=KILL", OPTED_IN)
    engine.docker("run", *options, IMAGE, "sleep", "1d")


def test_unreachable_engine_is_503_and_the_firing_is_not_lost(
    private_engine: PrivateEngine,
) -> None:
    """Alertmanager sends it again, and then it is carried out."""
    engine = private_engine
    run_web(engine)
    firing = alert(engine, "web", docker_exporter_action="restart")
    with Exporter(engine.host, NO_COOLDOWN) as exporter:
        engine.kill()
        status, problem = send(exporter, firing)
        assert (status, problem["reason"]) == (503, "unavailable")
        assert not exporter.audit()
        engine.restart()
        assert said(exporter, firing) == [("accepted", None)]
        assert last_record(exporter, "web")["outcome"] == "done"


@contextmanager
def impatient(engine: PrivateEngine, directory: Path) -> Iterator[str]:
    """Serve an admin API that waits a second for its engine, and give its URL."""
    token = directory / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    gate = Gate(Tokens([TokenFile("ops", token, frozenset({READ, ACT}))]), (), lambda: None)
    lifecycle, ledger = Lifecycle(), Ledger(Policy())
    with closing(DockerClient(engine.host, timeout=1)) as client:
        executor = Executor(client, client, ledger, lambda record: record)
        healer = Healer(executor, ledger, lambda record: record)
        api = AdminApi(client, executor, healer, list, lifecycle)
        routes = admin_routes(api.operations(), gate, lambda record: record)
        page = Page(Snapshots(client), lifecycle, telemetry_path=None)
        app = create_admin_app(page, lifecycle, routes)
        with serving(app, lifecycle, ["127.0.0.1:0"]) as served:
            yield f"{served.url}/api/v1"


def test_hanging_engine_is_504(private_engine: PrivateEngine, tmp_path: Path) -> None:
    """Whatever is asked for, it is answered within the time limit of one request."""
    # It has no stats, which would take the engine longer than is waited for here.
    private_engine.docker("create", "--name=web", OPTED_IN, IMAGE, "true")
    body = notification(alert(private_engine, "web"))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        impatient(private_engine, tmp_path) as url,
        httpx.Client(headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False) as client,
    ):
        client.get(f"{url}/containers/web").raise_for_status()
        private_engine.pause()
        answers = [
            client.get(f"{url}/containers/web"),
            client.post(f"{url}/containers/web/restart"),
            client.post(f"{url}/alerts", json=body),
        ]
        private_engine.resume()
    assert [(one.status_code, one.json()["reason"]) for one in answers] == [(504, "timeout")] * 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "`version`"),
        ({"version": "3", "groupKey": "g", "alerts": []}, "$.version"),
        ({"version": "4", "groupKey": "g", "alerts": {}}, "$.alerts"),
        ({"version": "4", "groupKey": "g", "alerts": [{"status": "on"}]}, "$.alerts[0]"),
        (
            {
                "version": "4",
                "groupKey": "g",
                "alerts": [
                    {"status": "firing", "labels": {}, "startsAt": "now", "fingerprint": "f"}
                ],
            },
            "startsAt",
        ),
    ],
)
def test_what_is_no_notification_is_422(
    exporter: Exporter, body: dict[str, object], field: str
) -> None:
    """The detail names the field; Alertmanager does not send it again."""
    with exporter.client() as client:
        answer = client.post("/alerts", json=body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]
