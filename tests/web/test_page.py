"""The page at `/`, as it is sent."""

from __future__ import annotations

import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING

import httpx
import pytest

from exporter import __version__
from exporter.actions.guard import Action, Denial, Rule
from exporter.model import ContainerState, Health
from exporter.web.pages.controls import buttons_of
from exporter.web.pages.entries import ORDERS, Query, entry_of
from exporter.web.pages.view import view_of
from tests.support.waiting import wait_until
from tests.web.fleet import ended, fleet, many, running, six
from tests.web.serving import HeldSnapshot, HeldSnapshots, Served, done, exporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.model import Container, ContainerReading

TIMEOUT_SECONDS = 30


def ask(served: Served, address: str = "/") -> httpx.Response:
    """Return the answer to one request."""
    return httpx.get(served.url + address, timeout=TIMEOUT_SECONDS, trust_env=False)


def text_of(html: str) -> str:
    """Return what a reader sees of some HTML, roughly."""
    return " ".join(unescape(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", html)).split())


# -- what is sent -----------------------------------------------------------------------------


def test_page_tells_what_is_known() -> None:
    """The engine and every container are on it, without any script."""
    with exporting(HeldSnapshots(done(fleet(six())))) as served:
        answer = ask(served)
    text = text_of(answer.text)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f"docker-exporter {__version__}" in text
    assert "Engine up" in text
    assert "Docker 26.1.5 (API 1.45)" in text
    assert "8 CPUs, 16.0GiB" in text
    assert "Docker SDK" in text
    assert "all 6 ● running 4 ■ exited 2 ✕ unhealthy 1" in text
    worker = "shop-worker registry.example.com/shop/worker:2026.3 ● running ✕ unhealthy 4 failed 3"
    assert f"{worker} 6m52s 48.0% of 50.0% 212MiB of 512MiB" in text
    assert "importer registry.example.com/shop/importer:2026.3 ■ exited 0 137 out of memory" in text
    assert "backup restic/restic:0.18 ■ exited 0 0 ended 5h0m ago" in text


def test_nothing_unknown_is_shown_as_a_number() -> None:
    """A container that does not run has neither uptime nor load, nor has one without stats."""
    silent = replace(running("silent", "x:1"), stats=None)
    with exporting(HeldSnapshots(done(fleet([silent, ended("old", "x:1", 0)])))) as served:
        html = ask(served).text
    cells = re.findall(r'<td class="(cpu|memory) number"[^>]*>(.*?)</td>', html)
    assert cells == [("cpu", ""), ("memory", "")] * 2


def test_part_that_changes_is_a_part_of_the_page() -> None:
    """Scripts get the same HTML that the page came with."""
    held = HeldSnapshots(done(replace(fleet(six()), taken_monotonic=float("inf"))))
    with exporting(held) as served:
        whole, part = ask(served, "/?sort=cpu").text, ask(served, "/?sort=cpu&part=live").text
    assert "<html" not in part
    assert part in whole


@pytest.mark.parametrize("address", ["/", "/?part=live"])
def test_page_is_safe_in_a_browser(address: str) -> None:
    """Only its own style and scripts may run, nobody frames it, and nobody keeps it."""
    with exporting(HeldSnapshots(done(fleet(six()))), denial=lambda *_: None) as served:
        page, headers = ask(served).text, ask(served, address).headers
    inline = re.findall(r"<(style|script)[^>]*>(.*?)</\1>", page, re.DOTALL)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for _, text in inline
    ]
    assert [kind for kind, _ in inline] == ["style", "script", "script"]
    assert headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        f"style-src {hashes[0]}",
        f"script-src {hashes[1]} {hashes[2]}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "deny"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_page_asks_nobody_else() -> None:
    """It loads nothing, and every link on it leads to the exporter itself."""
    with exporting(HeldSnapshots(done(fleet(six())))) as served:
        html = ask(served).text
        links = [unescape(link) for link in re.findall(r' href="([^"]*)"', html)]
        assert not re.search(r" (src|srcset|style|on\w+)=", html)
        assert {link.partition(":")[0] for link in links if link[:1] not in "?."} == {"data"}
        leading = [link.removeprefix(".") for link in links if link.startswith(".")]
        assert leading == ["/metrics", "/-/healthy", "/-/ready"]
        assert {ask(served, link).status_code for link in leading} == {200}


def test_page_is_compressed_for_who_takes_it() -> None:
    """It is many times smaller then, which counts with many containers."""
    with exporting(HeldSnapshots(done(fleet(many(200))))) as served:
        sizes = {}
        for encoding in ("gzip", "identity"):
            headers = {"Accept-Encoding": encoding}
            with httpx.stream("GET", served.url, headers=headers, trust_env=False) as answer:
                assert answer.headers.get("Content-Encoding", "identity") == encoding
                sizes[encoding] = len(b"".join(answer.iter_raw()))
    assert sizes["gzip"] * 5 < sizes["identity"]


# -- hostile ----------------------------------------------------------------------------------

MARKUP = """</td></script><script>alert(1)</script>" ' onload=x {{ 7 * 7 }} &amp;"""


def test_nothing_that_is_shown_can_become_markup() -> None:
    """Images, errors, words of the engine and of the address are text wherever they come from."""
    odd = running("odd", MARKUP)
    odd = replace(odd, container=replace(odd.container, state=None, status=MARKUP))
    snapshot = fleet([odd, ended("failed", "x:1", 127, error=MARKUP)])
    assert snapshot.info is not None
    info = replace(snapshot.info, os=MARKUP, version=MARKUP, engine=MARKUP)
    snapshot = replace(snapshot, info=info, without_stats={MARKUP: 1})
    down = replace(snapshot, states=None, error=MARKUP)
    plain = fleet([])
    asked = httpx.QueryParams(q=MARKUP, show=MARKUP, sort=MARKUP)
    with exporting(HeldSnapshots(done(plain)), denial=lambda *_: None) as served:
        tags = len(re.findall("<script", ask(served).text))
    for seen in (snapshot, down):
        for address in ("/", f"/?{asked}"):
            with exporting(HeldSnapshots(done(seen)), denial=lambda *_: None) as served:
                html = ask(served, address).text
            assert len(re.findall("<script", html)) == tags
            assert "onload=x" not in re.sub(r'"[^"]*"|>[^<]*<', "", html)
            assert MARKUP in unescape(html)


# -- an engine that is slow, or away ----------------------------------------------------------


def test_engine_that_is_down_is_named_with_the_reason() -> None:
    """Nothing is made up: no count, no table."""
    gone = replace(fleet([]), states=None, mode=None, info=None, error="No such socket.")
    with exporting(HeldSnapshots(done(gone))) as served:
        answer = ask(served)
    assert answer.status_code == 200
    assert "Engine down. No such socket." in text_of(answer.text)
    assert "all 0" not in text_of(answer.text)
    assert "<table" not in answer.text


def test_slow_engine_shows_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline the page comes with what has been read, and says that it is not all."""
    monkeypatch.setattr("exporter.web.pages.page.WAIT_SECONDS", 0.2)
    part = replace(fleet(six()), complete=False, without_stats={"timeout": 2, "not_running": 1})
    with exporting(HeldSnapshots(HeldSnapshot(part))) as served:
        text = text_of(ask(served).text)
    assert "The engine had not told everything in time: what is shown is not all there is." in text
    assert "Containers that lack something here: 2 (timeout)." in text
    assert "shop-db" in text


def test_waiting_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """While more visitors wait for a slow engine than there are threads, one is answered."""
    monkeypatch.setattr("exporter.web.pages.page.WAIT_SECONDS", TIMEOUT_SECONDS)
    held = HeldSnapshot(fleet(six()))
    snapshots = HeldSnapshots(held)
    limits = httpx.Limits(max_connections=None)
    with (
        exporting(snapshots) as served,
        httpx.Client(limits=limits, timeout=TIMEOUT_SECONDS, trust_env=False) as client,
        ThreadPoolExecutor(60) as threads,
    ):
        answers = [threads.submit(client.get, served.url) for _ in range(60)]
        wait_until(lambda: snapshots.joined == 60, TIMEOUT_SECONDS, "all wait")
        snapshots.give(done(fleet([])))
        try:
            assert client.get(served.url).status_code == 200
            assert not any(answer.done() for answer in answers)
        finally:
            held.future.set_result(fleet(six()))
        assert {answer.result().status_code for answer in answers} == {200}


def test_containers_that_are_not_shown_are_told_of() -> None:
    """What a filter hides, the engine still lists."""
    snapshot = fleet(six())
    states = {**(snapshot.states or {}), ContainerState.EXITED: 5}
    with exporting(HeldSnapshots(done(replace(snapshot, states=states)))) as served:
        assert "all 6 " in (text := text_of(ask(served).text))
    assert "of 9 that the engine lists" in text


# -- order and choice -------------------------------------------------------------------------


def names(readings: Sequence[ContainerReading], **parameters: str) -> list[str]:
    """Return the names that an address shows, in order."""
    view = view_of(fleet(list(readings)), Query.of(parameters), 0.0, None)
    return [entry.row.name for entry in view.entries]


WELL = running("well", "a:1", cpu=0.5, memory=5, up_seconds=50, health=(Health.HEALTHY, 0))
SICK = running("sick", "b:1", cpu=0.1, memory=9, up_seconds=90, health=(Health.UNHEALTHY, 2))
NEW = running("new", "c:1", up_seconds=5, health=(Health.STARTING, 0))
PLAIN = running("plain", "d:1", cpu=0.9, memory=1, up_seconds=70, restarts=2)
FAILED = ended("failed", "e:1", 3)
KILLED = ended("killed", "f:1", 0, oom_killed=True)
LOOPING = running("looping", "g:1", state=ContainerState.RESTARTING, restarts=9)
BROKEN = ended("broken", "h:1", 127, error="No such program.")
OVER = ended("over", "i:1", 0)
ALL = [OVER, WELL, FAILED, SICK, PLAIN, LOOPING, NEW, BROKEN, KILLED]


@pytest.mark.parametrize(
    ("sort", "first", "last"),
    [
        ("name", ["broken", "failed", "killed"], ["sick", "well"]),
        ("-name", ["well", "sick"], ["failed", "broken"]),
        ("image", ["well", "sick", "new"], ["broken", "over"]),
        ("state", ["broken", "killed", "looping", "sick", "failed", "new", "plain", "well"], []),
        ("-state", ["over", "plain", "well"], ["looping", "sick"]),
        ("health", ["sick", "new", "well", "broken"], ["over", "plain"]),
        ("restarts", ["looping", "plain"], ["well"]),
        ("exit", ["broken", "failed", "killed", "over"], ["well"]),
        ("uptime", ["sick", "plain", "well", "new"], ["over"]),
        ("cpu", ["plain", "well", "sick", "broken"], ["over"]),
        ("-cpu", ["sick", "well", "plain", "broken"], ["over"]),
        ("memory", ["sick", "well", "plain"], ["over"]),
    ],
)
def test_containers_are_sorted(sort: str, first: list[str], last: list[str]) -> None:
    """By every column and back; what is not known is last, and equals are by name."""
    found = names(ALL, sort=sort)
    assert len(found) == len(ALL)
    assert found[: len(first)] == first
    assert found[len(found) - len(last) :] == last


def test_legend_tells_the_order_by_state_only_where_it_is_in_force() -> None:
    """By another column, or the other way round, it would not be true."""
    with exporting(HeldSnapshots(done(fleet(six())))) as served:
        told = ["Sorted by state" in ask(served, f"/?sort={one}").text for one in SORTS]
    assert told == [one == "state" for one in SORTS]


SORTS = ("state", "-state", "memory")


def test_every_column_can_be_sorted_by() -> None:
    """The page has a link for each order, to its opposite for the one that is in force."""
    with exporting(HeldSnapshots(done(fleet(six())))) as served:
        html = ask(served, "/?sort=cpu&q=shop").text
    asked = [unescape(link) for link in re.findall(r'id="sort-\w+" href="([^"]*)"', html)]
    sorts = [httpx.QueryParams(link[1:]).get("sort", "state") for link in asked]
    assert sorts == ["-cpu" if order == "cpu" else order for order in ORDERS]
    assert all("q=shop" in link for link in asked)
    assert re.findall(r' aria-sort="(\w+)"', html) == ["descending"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"show": "running"}, {"well", "sick", "new", "plain"}),
        ({"show": "exited"}, {"failed", "killed", "over"}),
        ({"show": "unhealthy"}, {"sick"}),
        ({"show": "nonsense"}, set()),
        ({"q": "SIC"}, {"sick"}),
        ({"q": "h:1"}, {"broken"}),
        ({"q": "l :1"}, {"well", "failed", "killed", "looping", "plain"}),
        ({"q": OVER.container.id[:12]}, {"over"}),
        ({"q": "66", "show": "exited"}, set()),
        ({"q": " "}, {reading.container.name for reading in ALL}),
        ({"sort": "nonsense"}, {reading.container.name for reading in ALL}),
    ],
)
def test_containers_are_chosen(parameters: dict[str, str], expected: set[str]) -> None:
    """By state or health, and by words in name or image or the beginning of an id."""
    assert set(names(ALL, **parameters)) == expected


def test_choice_of_nothing_can_be_left() -> None:
    """Nothing fits, which is said, and what was chosen is still there to be seen."""
    with exporting(HeldSnapshots(done(fleet(six())))) as served:
        html = ask(served, "/?show=paused").text
    assert "No container fits. Show all" in text_of(html)
    assert "‖ paused 0" in text_of(html)


def test_engine_without_containers_says_so() -> None:
    """That is no failure."""
    with exporting(HeldSnapshots(done(fleet([])))) as served:
        text = text_of(ask(served).text)
    assert "all 0 " in text
    assert "There are no containers to show." in text


# -- bars -------------------------------------------------------------------------------------


def test_bars_are_of_the_limit_or_the_machine() -> None:
    """The machine of this engine has 8 processors and 16 GiB."""
    readings = [
        running("free", "x:1", cpu=2.0, memory=4096),
        running("limited", "x:1", cpu=0.5, cpus=2, memory=256, limit=512),
        running("over", "x:1", cpu=3.0, cpus=2),
    ]
    snapshot = fleet(readings)
    assert [entry_of(one, snapshot).cpu_share for one in readings] == [0.25, 0.25, 1.5]
    with exporting(HeldSnapshots(done(snapshot))) as served:
        html = ask(served).text
    widths = re.findall(r'<rect width="([\d.]+)%', html)
    assert widths == ["25.0", "25.0", "25.0", "50.0", "100.0", "0.0"]
    unknown = replace(snapshot, info=None)
    assert entry_of(readings[0], unknown).cpu_share is None


# -- buttons ----------------------------------------------------------------------------------


def buttons(reading: ContainerReading, **rules: Rule) -> list[tuple[str, str]]:
    """Return the buttons of a container of whose actions some are denied."""

    def denial(action: Action, _container: Container) -> Denial | None:
        if action not in rules:
            return None
        return Denial(rule=rules[action], reason="A sentence.", retry_after=42.5)

    found = buttons_of(reading.container, denial)
    return [(button.action.value, button.why_not) for button in found]


def test_buttons_are_what_makes_sense_and_is_allowed() -> None:
    """What a container has not opted in to has no button; what must wait says so."""
    assert buttons(WELL) == [("restart", ""), ("stop", "")]
    assert buttons(OVER) == buttons(BROKEN) == [("start", "")]
    assert buttons(WELL, restart=Rule.NOT_OPTED_IN) == [("stop", "")]
    assert buttons(WELL, stop=Rule.COOL_DOWN)[1] == ("stop", "cool-down, 43s left")
    assert buttons(OVER, start=Rule.OWN_CONTAINER)[0][1].startswith("the exporter's own")


def test_page_without_the_admin_api_has_no_buttons() -> None:
    """Nor the scripts for them, nor the link to a document that is not there."""
    with exporting(HeldSnapshots(done(fleet(six())))) as served:
        html = ask(served).text
    assert "data-action" not in html
    assert "Authorization" not in html
    assert "openapi.json" not in html


def test_page_with_the_admin_api_links_its_document() -> None:
    """The buttons are told apart by the names of their containers."""
    with exporting(HeldSnapshots(done(fleet(six()))), denial=lambda *_: None) as served:
        html = ask(served).text
    assert 'href="./api/v1/openapi.json"' in html
    assert 'aria-label="Restart shop-db"' in html
    assert 'aria-label="Start backup"' in html
