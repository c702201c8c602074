"""Scrapes over real connections, from snapshots that the test holds in its hand."""

from __future__ import annotations

import asyncio
import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.exposition import Exposition
from exporter.metrics.instruments import Instruments
from exporter.web.telemetry import MAX_BUDGET_SECONDS, scrape_budget
from tests.support.waiting import wait_until
from tests.web.serving import (
    TIMEOUT_SECONDS,
    HeldSnapshot,
    HeldSnapshots,
    Served,
    done,
    exporting,
    snapshot_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from prometheus_client import Metric

    from exporter.model import Snapshot

OPENMETRICS = "application/openmetrics-text"
HISTOGRAM = {
    f"docker_exporter_engine_request_duration_seconds_{part}" for part in ("bucket", "count", "sum")
}
TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Give an exporter that shows two containers, and itself."""
    own = Instruments()
    own.observe("list", 0.01, None)
    snapshots = HeldSnapshots(done(snapshot_of("web", "db")))
    with exporting(snapshots, Exposition(own=own.registry)) as served:
        yield served


def scrape(served: Served, query: str = "", **headers: str) -> httpx.Response:
    """Return the answer to one scrape."""
    sent = {"Accept-Encoding": "identity"} | {k.replace("_", "-"): v for k, v in headers.items()}
    url = f"{served.url}/metrics{query}"
    return httpx.get(url, headers=sent, timeout=TIMEOUT_SECONDS, trust_env=False)


def samples(answer: httpx.Response) -> set[str]:
    """Return the names of all samples, as the parser of the format in question reads them."""
    families: Iterable[Metric]
    if answer.headers["Content-Type"].startswith(OPENMETRICS):
        families = parse_openmetrics(answer.text)  # type: ignore[no-untyped-call]  # the library's
    else:
        families = parse_text(answer.text)
    return {sample.name for family in families for sample in family.samples}


# -- formats ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;version=abc", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_text_is_sent_as_what_it_is(served: Served, accept: str, content_type: str) -> None:
    """The content type is the negotiated one, and the body parses as that."""
    answer = scrape(served, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == content_type
    names = samples(answer)
    assert {"container_up", "docker_exporter_engine_requests_total"} <= names


def test_openmetrics_is_sent_as_what_it_is(served: Served) -> None:
    """The content type has version and escaping, and the strict parser takes the body."""
    answer = scrape(
        served, Accept=f"{OPENMETRICS};version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.1"
    )
    assert answer.headers["Content-Type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
    )
    names = samples(answer)
    assert {"container_up", "docker_exporter_engine_requests_total"} <= names


def test_repeated_accept_headers_are_one(served: Served) -> None:
    """HTTP lets a list be spread over several headers."""
    headers = [("Accept", "text/plain;q=0.1"), ("Accept", f"{OPENMETRICS};q=0.9")]
    answer = httpx.get(f"{served.url}/metrics", headers=headers, trust_env=False)
    assert answer.headers["Content-Type"].startswith(OPENMETRICS)


@pytest.mark.parametrize("scheme", ["allow-utf-8", "underscores", "values", "dots"])
@pytest.mark.parametrize("media_type", ["text/plain", OPENMETRICS])
def test_names_are_the_same_under_every_escaping(
    served: Served, media_type: str, scheme: str
) -> None:
    """Our names need no escaping, so none changes them."""
    answer = scrape(
        served, "?name[]=container_up", Accept=f"{media_type};version=1.0.0;escaping={scheme}"
    )
    assert '\ncontainer_up{image="busybox:test",name="web"} 1.0\n' in answer.text


def test_head_gives_the_headers_of_get(served: Served) -> None:
    """HEAD has everything but the body."""
    url = "/metrics?name[]=container_up"
    connection = HTTPConnection(served.url.removeprefix("http://"), timeout=TIMEOUT_SECONDS)
    try:
        answers = []
        for method in ("GET", "HEAD"):
            connection.request(method, url)
            response = connection.getresponse()
            answers.append((response, response.read()))
    finally:
        connection.close()
    (get, body), (head, nothing) = answers
    assert (head.status, nothing) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(body) > 0
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(served: Served, method: str) -> None:
    """What is allowed is said."""
    answer = httpx.request(method, f"{served.url}/metrics", trust_env=False)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    assert answer.text == "Method Not Allowed"


# -- compression ------------------------------------------------------------------------------


def test_large_answer_is_compressed_for_who_accepts_it() -> None:
    """The same body comes, with fewer bytes."""
    with exporting(HeldSnapshots(done(snapshot_of(*map(str, range(100)))))) as served:
        plain = scrape(served, "?name[]=container_up")
        packed = scrape(served, "?name[]=container_up", Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < len(plain.content)
    assert packed.content == plain.content
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("query", "encoding"),
    [("", "gzip;q=0"), ("", "identity"), ("", "gzip;q=0, *"), ("?name[]=docker_up", "gzip")],
)
def test_answer_is_not_compressed(served: Served, query: str, encoding: str) -> None:
    """A refusal is heard, and a short answer is left as it is."""
    assert "Content-Encoding" not in scrape(served, query, Accept_Encoding=encoding).headers


def test_compressed_bytes_are_gzip(served: Served) -> None:
    """The bytes on the wire are what the header says."""
    headers = {"Accept-Encoding": "gzip"}
    url = f"{served.url}/metrics"
    with httpx.stream("GET", url, headers=headers, trust_env=False) as answer:
        raw = b"".join(answer.iter_raw())
    assert b"docker_up 1.0" in gzip.decompress(raw)


# -- name[] -----------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?name[]=container_up", {"container_up"}),
        ("?name[]=container_up&name[]=docker_up", {"container_up", "docker_up"}),
        ("?name%5B%5D=docker_up", {"docker_up"}),
        ("?name[]=container_restarts", {"container_restarts_total"}),
        ("?name[]=container_restarts_total", {"container_restarts_total"}),
        (
            "?name[]=docker_exporter_engine_requests_total",
            {"docker_exporter_engine_requests_total"},
        ),
        ("?name[]=docker_exporter_engine_request_duration_seconds", HISTOGRAM),
        ("?name[]=docker_exporter_engine_request_duration_seconds_sum", HISTOGRAM),
        ("?name[]=no_such_metric", set()),
        ("?name[]=container_up&name[]=no_such_metric", {"container_up"}),
    ],
)
def test_only_what_is_named_is_shown(
    served: Served, accept: str, query: str, expected: set[str]
) -> None:
    """Families can be asked for by their own name or a sample's, and come whole."""
    assert samples(scrape(served, query, Accept=accept)) == expected


def test_name_that_is_empty_selects_nothing_less(served: Served) -> None:
    """An empty name is no filter."""
    assert "container_up" in samples(scrape(served, "?name[]="))


def test_exporters_own_metrics_can_be_left_out() -> None:
    """Without a registry of its own there is only what the snapshot tells."""
    with exporting(HeldSnapshots(done(snapshot_of("web")))) as served:
        names = samples(scrape(served))
    assert "container_up" in names
    assert not any(name.startswith(("process_", "python_")) for name in names)


# -- deadlines --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("10", 9.5),
        ("10.000000", 9.5),
        ("1", 0.5),
        ("0.8", 0.4),
        ("0.01", 0.005),
        ("120", 119.5),
        ("121", MAX_BUDGET_SECONDS),
        ("1e300", MAX_BUDGET_SECONDS),
        (None, 9.5),
        ("", 9.5),
        ("abc", 9.5),
        ("nan", 9.5),
        ("inf", 9.5),
        ("-inf", 9.5),
        ("-1", 9.5),
        ("0", 9.5),
        ("1e-400", 9.5),
    ],
)
def test_scrape_budget(header: str | None, seconds: float) -> None:
    """Half a second less, at least half, at most two minutes; what is unusable counts as 10 s."""
    assert scrape_budget(header) == pytest.approx(seconds)


@given(st.one_of(st.none(), st.text(), st.floats().map(str)))
def test_scrape_budget_is_always_usable(header: str | None) -> None:
    """No header gives a scrape no time, or all the time."""
    assert 0 < scrape_budget(header) <= MAX_BUDGET_SECONDS


def test_complete_snapshot_is_waited_for() -> None:
    """A scrape is answered with the whole snapshot once that is there."""
    held = HeldSnapshot(snapshot_of())
    snapshots = HeldSnapshots(held)
    with exporting(snapshots) as served, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(scrape, served)
        wait_until(lambda: snapshots.joined, TIMEOUT_SECONDS, "the scrape waits")
        held.future.set_result(snapshot_of("late"))
        assert 'name="late"' in answer.result().text


def test_partial_snapshot_is_taken_at_the_deadline() -> None:
    """When its time is up, a scrape shows what has been read by then."""
    with exporting(HeldSnapshots(HeldSnapshot(snapshot_of("early")))) as served:
        answer = scrape(served, **{TIMEOUT_HEADER: "0.2"})
    assert answer.status_code == 200
    assert 'name="early"' in answer.text


def test_health_is_answered_while_a_scrape_hangs() -> None:
    """Nothing that waits for the engine is in the way of a liveness probe."""
    held = HeldSnapshot(snapshot_of())
    snapshots = HeldSnapshots(held)
    with exporting(snapshots) as served, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(scrape, served)
        wait_until(lambda: snapshots.joined, TIMEOUT_SECONDS, "the scrape waits")
        assert httpx.get(f"{served.url}/-/healthy", trust_env=False).status_code == 200
        assert not answer.done()
        held.future.set_result(snapshot_of())
        assert answer.result().status_code == 200


# -- many at once -----------------------------------------------------------------------------


class HeldExposition(Exposition):
    """Writes only when the test lets it.

    Attributes:
        renderings: How many have begun.
        released: Lets them go on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.renderings = 0
        self.released = threading.Event()

    def write(self, snapshot: Snapshot, *, openmetrics: bool, names: Collection[str] = ()) -> bytes:
        """Return the body, when it is time."""
        self.renderings += 1
        assert self.released.wait(TIMEOUT_SECONDS)
        return super().write(snapshot, openmetrics=openmetrics, names=names)


@contextmanager
def held_rendering(
    snapshots: HeldSnapshots, max_requests: int
) -> Iterator[tuple[Served, HeldExposition]]:
    """Serve, and hold every rendering until it is released."""
    exposition = HeldExposition()
    with exporting(snapshots, exposition, max_requests=max_requests) as served:
        try:
            yield served, exposition
        finally:
            exposition.released.set()


async def scrape_at_once(url: str, number: int, **headers: str) -> list[httpx.Response]:
    """Return the answers to many simultaneous scrapes, each on a connection of its own."""
    limits = httpx.Limits(max_connections=None)
    client = httpx.AsyncClient(limits=limits, timeout=TIMEOUT_SECONDS, trust_env=False)
    async with client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.get(url, headers=headers)) for _ in range(number)]
    return [task.result() for task in tasks]


def test_simultaneous_scrapes_share_one_rendering() -> None:
    """All 200 are answered, of which only one makes work, whatever the limit."""
    snapshots = HeldSnapshots(done(snapshot_of("web")))
    with held_rendering(snapshots, 1) as (served, exposition), ThreadPoolExecutor(1) as threads:
        answers = threads.submit(asyncio.run, scrape_at_once(f"{served.url}/metrics", 200))
        wait_until(lambda: snapshots.joined == 200, TIMEOUT_SECONDS, "all scrapes are there")
        exposition.released.set()
        bodies = [(answer.status_code, answer.text) for answer in answers.result()]
    assert len(bodies) == 200
    assert set(bodies) == {(200, bodies[0][1])}
    assert exposition.renderings == 1


def test_scrapes_that_wait_for_the_engine_are_all_answered() -> None:
    """Waiting counts against no limit, and whoever leaves at a deadline shares with the others."""
    snapshots = HeldSnapshots(HeldSnapshot(snapshot_of("early")))
    with exporting(snapshots, max_requests=1) as served:
        url, headers = f"{served.url}/metrics", {TIMEOUT_HEADER: "1"}
        answers = asyncio.run(scrape_at_once(url, 200, **headers))
    assert {answer.status_code for answer in answers} == {200}
    assert all('name="early"' in answer.text for answer in answers)


def test_too_many_different_renderings_are_refused() -> None:
    """Beyond the limit the answer is 503 and when to come again; what is shared is no more work."""
    snapshots = HeldSnapshots(done(snapshot_of("web")))
    with held_rendering(snapshots, 1) as (served, exposition), ThreadPoolExecutor(2) as threads:
        first = threads.submit(scrape, served)
        wait_until(lambda: exposition.renderings, TIMEOUT_SECONDS, "the first one is rendered")
        refused = scrape(served, "?name[]=container_up")
        same = threads.submit(scrape, served)
        wait_until(lambda: snapshots.joined == 3, TIMEOUT_SECONDS, "the same is asked for again")
        exposition.released.set()
        assert (first.result().status_code, same.result().status_code) == (200, 200)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert refused.text == "Too many requests at once: --web.max-requests is 1.\n"


def test_limit_of_0_is_none() -> None:
    """With 0 nobody is refused."""
    snapshots = HeldSnapshots(done(snapshot_of("web")))
    with held_rendering(snapshots, 0) as (served, exposition), ThreadPoolExecutor(9) as threads:
        answers = [threads.submit(scrape, served, f"?name[]={number}") for number in range(9)]
        wait_until(lambda: snapshots.joined == 9, TIMEOUT_SECONDS, "all scrapes are there")
        exposition.released.set()
        assert {answer.result().status_code for answer in answers} == {200}


# -- mistakes ---------------------------------------------------------------------------------


class FailingExposition(Exposition):
    """Fails once."""

    failed = False

    def write(self, snapshot: Snapshot, *, openmetrics: bool, names: Collection[str] = ()) -> bytes:
        """Return the body, the first time excepted."""
        if not self.failed:
            self.failed = True
            raise LookupError("a secret detail")
        return super().write(snapshot, openmetrics=openmetrics, names=names)


def test_mistake_costs_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a short 500, the log the traceback, and the next scrape its metrics."""
    snapshots = HeldSnapshots(done(snapshot_of("web")))
    with exporting(snapshots, FailingExposition()) as served:
        broken, next_one = scrape(served), scrape(served)
    assert (broken.status_code, broken.text) == (500, "The metrics cannot be rendered.\n")
    assert next_one.status_code == 200
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.name, record.message) == ("exporter.web.telemetry", "rendering failed")
    assert record.exc_info is not None
