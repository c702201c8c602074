"""The table of attacks: what somebody might try, and that nothing comes of it."""

from __future__ import annotations

import base64
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.admin.conftest import OPTED_IN, starts
from tests.admin.exporting import READ_TOKEN, TIMEOUT_SECONDS, TOKEN, Exporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.engine import PrivateEngine

GOOD = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
RESTART_NONE = (
    "POST /api/v1/containers/none/restart HTTP/1.1\r\n"
    "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
)
BASIC = base64.b64encode(f"prometheus:{TOKEN}".encode()).decode()


@pytest.fixture(scope="module")
def exporter(engine: PrivateEngine) -> Iterator[Exporter]:
    """Give an exporter to be attacked."""
    with Exporter(engine.host) as exporter:
        yield exporter


@dataclass(frozen=True)
class Attack:
    """A request that must not restart the container, and how it is answered.

    Attributes:
        path: Of the request; `NAME` stands for the container's name.
        reason: The word that the answer and the record have for it, where there is one.
    """

    what: str
    status: int
    reason: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/containers/NAME/restart"
    method: str = "POST"
    content: bytes | None = None


ATTACKS = [
    Attack("no token", 401, "unauthenticated"),
    Attack("a wrong token", 401, "unauthenticated", {"Authorization": f"Bearer {TOKEN[:-1]}x"}),
    Attack("the beginning of the token", 401, "unauthenticated", {"Authorization": "Bearer the"}),
    Attack("a token of bytes", 401, "unauthenticated", {"Authorization": "Bearer \xe9\xff"}),
    Attack(
        "the token in the query",
        401,
        "unauthenticated",
        path=f"/containers/NAME/restart?access_token={TOKEN}&token={TOKEN}",
    ),
    Attack("the token as a cookie", 401, "unauthenticated", {"Cookie": f"token={TOKEN}"}),
    Attack("the token as a password", 401, "unauthenticated", {"Authorization": f"Basic {BASIC}"}),
    Attack("a token that may read", 403, "scope", {"Authorization": f"Bearer {READ_TOKEN}"}),
    Attack(
        "a page of another site, in spite of the token",
        403,
        "cross-origin",
        {**GOOD, "Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
    ),
    Attack(
        "the same in an older browser",
        403,
        "cross-origin",
        {**GOOD, "Origin": "http://evil.example"},
    ),
    Attack("a sandboxed page", 403, "cross-origin", {**GOOD, "Origin": "null"}),
    Attack(
        "a page whose name was led here",
        403,
        "host",
        {"Host": "evil.example:9417", "Origin": "http://evil.example:9417"},
    ),
    Attack("a GET", 405, headers=GOOD, method="GET"),
    Attack(
        "a method in disguise",
        405,
        headers={**GOOD, "X-HTTP-Method-Override": "POST"},
        method="GET",
    ),
    Attack(
        "a form",
        415,
        "content-type",
        {**GOOD, "Content-Type": "application/x-www-form-urlencoded"},
        content=b"timeout=1",
    ),
    Attack(
        "a form without fields",
        415,
        "content-type",
        {**GOOD, "Content-Type": "text/plain"},
        content=b"",
    ),
    Attack("a body of no type", 415, "content-type", GOOD, content=b"{}"),
    Attack("a large body", 413, "body-size", {**GOOD, **JSON}, content=b" " * (1024 * 1024 + 1)),
    Attack("a path up", 404, headers=GOOD, path="/containers/../containers/NAME/restart"),
    Attack("a path up, in escapes", 404, headers=GOOD, path="/containers/%2e%2e%2fNAME/restart"),
    Attack("two dots", 422, "invalid_name", GOOD, path="/containers/%2e%2e/restart"),
    Attack("a query in the name", 422, "invalid_name", GOOD, path="/containers/NAME%3ft=1/restart"),
    Attack("an option for a name", 422, "invalid_name", GOOD, path="/containers/--all/restart"),
    Attack(
        "a line break in the name",
        404,
        headers=GOOD,
        path="/containers/NAME%0d%0aX-Injected:%201/restart",
    ),
    Attack(
        "a carriage return in the name",
        422,
        "invalid_name",
        GOOD,
        path="/containers/NAME%0dX/restart",
    ),
    Attack("a NUL in the name", 422, "invalid_name", GOOD, path="/containers/NAME%00/restart"),
    Attack("bytes that are no text", 422, "invalid_name", GOOD, path="/containers/%ff/restart"),
]


def send(exporter: Exporter, attack: Attack, name: str) -> tuple[int, str, str]:
    """Send a request as it is written; return the answer's status, headers and body.

    By hand, since a client of HTTP would put such a path in order first.
    """
    host, _, port = exporter.addresses[0].rpartition(":")
    body = attack.content
    headers = {"Host": exporter.addresses[0], "Connection": "close", **attack.headers}
    if body is not None:
        headers["Content-Length"] = str(len(body))
    path = f"/api/v1{attack.path}".replace("NAME", name)
    lines = [f"{attack.method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    # From an address of its own, as failures are counted for each.
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS, ("127.0.0.9", 0)) as link:
        link.sendall(head + (body or b""))
        answer = b"".join(iter(lambda: link.recv(65536), b"")).decode()
    head_of_answer, _, text = answer.partition("\r\n\r\n")
    return int(head_of_answer.split()[1]), head_of_answer, text


def test_attacks(exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]) -> None:
    """Each is answered as it should be, is on record once, in one line, and restarts nothing."""
    name = run(OPTED_IN)
    before = engine.inspect(name)["State"]["StartedAt"]
    for attack in ATTACKS:
        recorded = len(exporter.audit())
        status, headers, body = send(exporter, attack, name)
        assert status == attack.status, f"{attack.what}: {headers}\n{body}"
        assert "injected" not in headers.lower(), attack.what
        if attack.reason is not None:
            assert "application/problem+json" in headers, attack.what
            assert f'"reason":"{attack.reason}"' in body, attack.what
            [record] = exporter.audit()[recorded:]
            assert record["reason"] == attack.reason, attack.what
            assert record["outcome"] in ("denied", "failed"), attack.what
        assert engine.inspect(name)["State"]["StartedAt"] == before, attack.what
    assert TOKEN not in exporter.log


@pytest.mark.parametrize("token", [TOKEN, "wrong"])
def test_body_without_end_is_cut(exporter: Exporter, token: str) -> None:
    """The limit holds while reading: no length was told, and the sender goes on and on."""
    host, _, port = exporter.addresses[0].rpartition(":")
    head = f"{RESTART_NONE}Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS, ("127.0.0.6", 0)) as link:
        link.sendall(head.encode())
        with pytest.raises(OSError, match=r"reset|pipe"):  # noqa: PT012 -- when, nobody knows
            for _ in range(16 * 1024):
                link.sendall(chunk)


def test_body_that_does_not_come_is_not_waited_for(exporter: Exporter) -> None:
    """Without a token the answer comes all the same, and the connection is closed."""
    host, _, port = exporter.addresses[0].rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_SECONDS, ("127.0.0.5", 0)) as link:
        link.sendall(f"{RESTART_NONE}Content-Length: 100\r\n\r\n{{".encode())
        answer = b"".join(iter(lambda: link.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")


def test_guessing_is_throttled_for_each_address(exporter: Exporter) -> None:
    """Failures beyond the tenth are 429 and not on record; who has the token is not concerned."""
    recorded = len(exporter.audit())
    with exporter.client("x" * 40, address="127.0.0.7") as client:
        answers = [client.post("/containers/none/restart") for _ in range(15)]
    assert [one.status_code for one in answers] == [401] * 10 + [429] * 5
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 6
    assert len(exporter.audit()) == recorded + 10
    with exporter.client(address="127.0.0.7") as client:
        assert client.get("/actions").status_code == 200
    with exporter.client("x" * 40, address="127.0.0.8") as client:
        assert client.get("/actions").status_code == 401


def test_of_a_hundred_parallel_restarts_one_happens(
    exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """The others are told that one is under way, or that it is too soon for another."""
    name = run(OPTED_IN, command="trap 'sleep 2; exit 0' TERM; sleep 1d & wait")
    with exporter.client() as client, ThreadPoolExecutor(100) as threads:
        answers = list(
            threads.map(lambda _: client.post(f"/containers/{name}/restart"), range(100))
        )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 1
    assert {200, 409} <= set(statuses) <= {200, 409, 429}
    assert starts(engine, name) == 2


# -- host names -------------------------------------------------------------------------------


def test_token_is_enough_under_any_name(exporter: Exporter) -> None:
    """Alertmanager reaches it by a name of the network's, with no further flag."""
    alert: dict[str, Any] = {"version": "4", "groupKey": "g", "alerts": []}
    with exporter.client(Host="docker-exporter.example:9417") as client:
        assert client.post("/alerts", json=alert).status_code == 202
    with exporter.client(token=None, Host="docker-exporter.example:9417") as client:
        refused = client.get("/openapi.json")
    assert (refused.status_code, refused.json()["reason"]) == (403, "host")
    assert "--admin.allowed-host" in refused.json()["detail"]


def test_name_can_be_allowed(engine: PrivateEngine) -> None:
    """Then it serves those without a token as well, as far as they need none."""
    with (
        Exporter(engine.host, "--admin.allowed-host=docker-exporter.example") as exporter,
        exporter.client(token=None, Host="Docker-Exporter.example:9417") as client,
    ):
        assert client.get("/openapi.json").status_code == 200
        assert client.get("/containers").status_code == 401
