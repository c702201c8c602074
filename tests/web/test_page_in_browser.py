"""The page at `/`, as people see it and use it, in a real browser."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import pytest
from playwright.sync_api import ViewportSize, expect

from exporter.actions.guard import Denial, Rule
from exporter.model import Health, HealthCheck
from tests.support.browser import chromium, serious_findings, visiting
from tests.support.certificates import Authority
from tests.support.exporter import serving
from tests.support.fake_engine import FakeEngine, identity
from tests.web.config.files import HASH, tls
from tests.web.fleet import ended, fleet, many, running, six
from tests.web.serving import HeldSnapshots, Served, done, exporting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from exporter.actions.guard import Action
    from exporter.model import Container, ContainerReading, Snapshot

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Longer than it takes the page to ask again, on the browser's clock.
A_WHILE_MS = 6_000
MARKUP = """</td></script><img src=x onerror=alert(1)><script>alert(1)</script>" ' &amp; {{ 7 }}"""
DOWN = "Cannot connect to the Docker engine at unix:///x.sock: No such file or directory."


class Stage(HeldSnapshots):
    """An engine of which the test says what is seen next."""

    def __init__(self, *readings: ContainerReading) -> None:
        super().__init__(done(fleet(list(readings))))

    def show(self, snapshot: Snapshot) -> None:
        """Let this be seen from now on."""
        self.give(done(snapshot))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the browser that the tests here share."""
    with chromium() as browser:
        yield browser


@contextmanager
def looking(
    browser: Browser,
    stage: Stage,
    address: str = "/",
    *,
    denial: Callable[[Action, Container], Denial | None] | None = None,
    **options: Any,  # noqa: ANN401 -- Playwright's
) -> Iterator[tuple[Page, Served]]:
    """Look at an engine."""
    with (
        exporting(stage, denial=denial) as served,
        visiting(browser, served.url + address, **{"viewport": DESKTOP} | options) as page,
    ):
        yield page, served


def rows(page: Page) -> Locator:
    """Return the containers that are shown."""
    return page.locator("tbody tr")


def names(page: Page) -> list[str]:
    """Return their names, in order."""
    return [text.split()[0] for text in page.locator("tbody th").all_inner_texts()]


def row(page: Page, name: str) -> Locator:
    """Return one container."""
    return rows(page).filter(has=page.locator("th", has_text=name))


def overflow(page: Page) -> int:
    """Return by how much the page is wider than the window."""
    wider: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wider


def is_bright(page: Page) -> bool:
    """Return whether the page has a bright ground."""
    ground: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", ground)[:3])) > 3 * 128


# -- looking ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 6, 200])
def test_page_is_whole_and_open_to_everybody(browser: Browser, number: int) -> None:
    """On desk and phone, by day and night, all is there, fits, and can be read by anyone."""
    with looking(browser, Stage(*many(number)), denial=allowed) as (page, _):
        for viewport, scheme in product((DESKTOP, PHONE), SCHEMES):
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=scheme)
            expect(rows(page)).to_have_count(number)
            expect(page.get_by_role("navigation", name="Show")).to_contain_text(f"all {number}")
            assert overflow(page) == 0
            assert is_bright(page) == (scheme == "light")
            # A part of many is like the others.
            if number < 200:
                assert serious_findings(page) == {}


def test_engine_that_is_down_is_open_to_everybody(browser: Browser) -> None:
    """The sentence with the reason is announced, in good contrast."""
    stage = Stage()
    stage.show(gone())
    with looking(browser, stage) as (page, _):
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect(page.get_by_role("alert").first).to_contain_text(f"Engine down. {DOWN}")
            assert serious_findings(page) == {}


def gone() -> Snapshot:
    """Return what is seen of an engine that is not there."""
    return replace(fleet([]), states=None, mode=None, info=None, error=DOWN, complete=False)


def allowed(_action: Action, _container: Container) -> Denial | None:
    """Deny nothing."""
    return None


def test_long_texts_fit(browser: Browser) -> None:
    """However long a name or an error is, the page is no wider than the window."""
    word = "x" * 250
    long = running(word, f"{word}@sha256:{'0' * 64}", memory=1, limit=1, cpu=1.0, cpus=1)
    snapshot = fleet([long, ended(word[1:], word, 127, error=word, oom_killed=True)])
    assert snapshot.info is not None
    stage = Stage()
    stage.show(replace(snapshot, info=replace(snapshot.info, os=word)))
    with looking(browser, stage) as (page, _):
        for address, expected in (("?", 2), (f"?show={word}", 0)):
            page.goto(page.url.partition("?")[0] + address)
            for viewport in (DESKTOP, PHONE):
                page.set_viewport_size(viewport)
                expect(rows(page)).to_have_count(expected)
                assert overflow(page) == 0
        stage.show(replace(gone(), error=word))
        page.reload()
        assert overflow(page) == 0


@pytest.mark.parametrize("scripts", [True, False])
def test_hostile_texts_are_texts(browser: Browser, *, scripts: bool) -> None:
    """Whatever an engine or an address says is shown letter for letter, and nothing of it runs."""
    odd = running("odd", MARKUP)
    odd = replace(odd, container=replace(odd.container, state=None, status=MARKUP))
    snapshot = fleet([odd, ended("failed", "x:1", 127, error=MARKUP)])
    assert snapshot.info is not None
    snapshot = replace(snapshot, info=replace(snapshot.info, os=MARKUP, version=MARKUP))
    stage = Stage()
    stage.show(snapshot)
    with looking(browser, stage, f"/?sort={MARKUP}", java_script_enabled=scripts) as (page, _):
        page.on("dialog", lambda _: pytest.fail("a script of somebody else ran"))
        for _ in range(2):
            expect(row(page, "odd").locator(".image")).to_have_text(MARKUP)
            expect(row(page, "odd").locator(".state")).to_contain_text(MARKUP)
            expect(row(page, "failed").locator("th .bad")).to_have_text(MARKUP)
            expect(page.locator("dl")).to_contain_text(MARKUP)
            expect(page.locator("img")).to_have_count(0)
            # The same by the script, which takes in what has changed.
            if scripts:
                page.clock.fast_forward(A_WHILE_MS)
    stage.show(replace(gone(), error=MARKUP))
    with looking(browser, stage, java_script_enabled=scripts) as (page, _):
        expect(page.locator(".verdict")).to_contain_text(MARKUP)


# -- order and choice -------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False])
def test_sorting(browser: Browser, *, scripts: bool) -> None:
    """A click sorts, a second one turns the order round; the address keeps both."""
    with looking(browser, Stage(*six()), java_script_enabled=scripts) as (page, _):
        expect(page.get_by_label("Sort by")).to_be_hidden()
        page.get_by_role("link", name="CPU").click()
        expect(page.locator("thead .cpu")).to_have_attribute("aria-sort", "descending")
        assert names(page)[:2] == ["shop-db", "shop-worker"]
        page.get_by_role("link", name="CPU").click()
        expect(page.locator("thead .cpu")).to_have_attribute("aria-sort", "ascending")
        assert names(page)[:2] == ["shop-web", "metrics"]
        page.reload()
        assert names(page)[:2] == ["shop-web", "metrics"]


@pytest.mark.parametrize("scripts", [True, False])
def test_choosing(browser: Browser, *, scripts: bool) -> None:
    """A state and a text choose together, and the address keeps both."""
    with looking(browser, Stage(*six()), java_script_enabled=scripts) as (page, _):
        page.get_by_role("link", name="running 4").click()
        expect(rows(page)).to_have_count(4)
        field = page.get_by_role("searchbox")
        expect(page.get_by_role("button", name="Apply")).to_be_visible(visible=not scripts)
        field.fill("Shop-")
        if not scripts:
            page.get_by_role("button", name="Apply").click()
        expect(rows(page)).to_have_count(3)
        page.reload()
        expect(rows(page)).to_have_count(3)
        expect(field).to_have_value("Shop-")
        field.fill("nothing of this kind")
        field.press("Enter")
        page.get_by_role("link", name="Show all").click()
        expect(rows(page)).to_have_count(6)
        expect(field).to_have_value("")


@pytest.mark.parametrize("scripts", [True, False])
def test_sorting_on_a_phone(browser: Browser, *, scripts: bool) -> None:
    """There are no columns to click on, so there is a list to choose from."""
    stage = Stage(*six())
    with looking(browser, stage, viewport=PHONE, java_script_enabled=scripts) as (page, _):
        expect(page.get_by_role("link", name="CPU")).to_be_hidden()
        page.get_by_label("Sort by").select_option("Memory")
        if not scripts:
            page.get_by_role("button", name="Apply").click()
        expect(rows(page).first).to_contain_text("shop-db")


def test_without_scripts_there_is_a_way_to_reload_and_no_button_that_does_nothing(
    browser: Browser,
) -> None:
    """What works only with scripts is not there without."""
    stage = Stage(*six())
    with looking(browser, stage, "/?q=shop-", denial=allowed, java_script_enabled=False) as (
        page,
        _,
    ):
        expect(page.get_by_role("button")).to_have_text(["Apply"])
        stage.show(fleet([running("shop-new", "x:1"), *six()]))
        page.get_by_role("link", name="Reload").click()
        expect(rows(page)).to_have_count(4)


# -- following what happens -------------------------------------------------------------------


def test_page_follows_what_happens(browser: Browser) -> None:
    """States, counts and containers change by themselves; focus, choice and selection stay."""
    stage = Stage(*six())
    with looking(browser, stage, "/?sort=name&q=shop-", denial=allowed) as (page, _):
        button = page.get_by_role("button", name="Stop shop-db")
        button.focus()
        page.locator("#containers").evaluate("it => { it.mark = 'the same'; }")
        page.locator("tbody .image").first.evaluate("it => getSelection().selectAllChildren(it)")
        first, *others = six()
        sick = HealthCheck(status=Health.UNHEALTHY, failing_streak=7)
        first = replace(first, container=replace(first.container, health_check=sick))
        stage.show(fleet([running("shop-a", "new:1", cpu=0.01), first, *others]))
        page.clock.fast_forward(A_WHILE_MS)
        expect(row(page, "shop-web")).to_contain_text("unhealthy 7 failed")
        expect(page.get_by_role("navigation", name="Show")).to_contain_text("all 7")
        assert names(page) == ["shop-a", "shop-db", "shop-web", "shop-worker"]
        expect(button).to_be_focused()
        assert page.locator("#containers").evaluate("it => it.mark") == "the same"
        assert page.evaluate("getSelection().toString()") == "postgres:17"


def test_focus_stays_with_what_moves(browser: Browser) -> None:
    """A container that gets another place in the order takes the focus along."""
    readings = six()
    stage = Stage(*readings)
    with looking(browser, stage, "/?sort=memory", denial=allowed) as (page, _):
        button = page.get_by_role("button", name="Stop shop-web")
        button.focus()
        grown = replace(
            running("shop-web", "nginx:1.27", memory=9000), container=readings[0].container
        )
        stage.show(fleet([grown, *readings[1:]]))
        page.clock.fast_forward(A_WHILE_MS)
        expect(rows(page).first).to_contain_text("shop-web")
        expect(button).to_be_focused()


def test_what_is_typed_survives_an_update(browser: Browser) -> None:
    """Half a word in the filter stays as it is, with the focus, while the rest changes."""
    stage = Stage(*six())
    with looking(browser, stage) as (page, _):
        page.clock.pause_at(page.evaluate("Date.now()") + 1000)
        field = page.get_by_role("searchbox")
        field.press_sequentially("shop-")
        field.press("ArrowLeft")
        stage.show(replace(fleet(six()), complete=False))
        page.clock.run_for(A_WHILE_MS)
        expect(rows(page)).to_have_count(3)
        expect(page.get_by_text("what is shown is not all there is")).to_be_visible()
        expect(field).to_be_focused()
        field.press("x")
        expect(field).to_have_value("shopx-")


def test_page_stays_where_it_was_scrolled_to(browser: Browser) -> None:
    """An update of 200 containers moves nothing under the reader's eyes."""
    stage = Stage(*many(200))
    with looking(browser, stage, "/?sort=name") as (page, _):
        page.evaluate("scrollTo(0, 3000)")
        place = page.evaluate("scrollY")
        stage.show(fleet([replace(one, cpu_ratio=0.999) for one in many(200)]))
        page.clock.fast_forward(A_WHILE_MS)
        expect(rows(page).last).to_contain_text("99.9%")
        assert page.evaluate("scrollY") == place > 1000


def test_engine_that_goes_and_comes_back(browser: Browser) -> None:
    """The page says so while it lasts, and keeps the choice that was made."""
    stage = Stage(*six())
    with looking(browser, stage, "/?q=shop-") as (page, _):
        stage.show(gone())
        page.clock.fast_forward(A_WHILE_MS)
        expect(page.get_by_role("alert").filter(has_text="Engine down")).to_contain_text(DOWN)
        expect(rows(page)).to_have_count(0)
        stage.show(fleet(six()))
        page.clock.fast_forward(A_WHILE_MS)
        expect(page.get_by_text("Engine up")).to_be_visible()
        expect(rows(page)).to_have_count(3)
        expect(page.get_by_role("searchbox")).to_have_value("shop-")


def test_exporter_that_goes_is_told_of(browser: Browser) -> None:
    """What is seen stays, with its age going on, and a warning that it is old."""
    with looking(browser, Stage(*six())) as (page, served):
        served.stop()
        served.thread.join()
        page.clock.fast_forward(A_WHILE_MS)
        expect(page.get_by_role("alert")).to_contain_text("Not up to date: the exporter does not")
        page.clock.fast_forward(60_000)
        expect(page.locator("#age")).to_contain_text("1m")
        expect(rows(page)).to_have_count(6)


def test_updates_can_be_paused(browser: Browser) -> None:
    """While they are, only what somebody does changes what is seen."""
    stage = Stage(*six())
    with looking(browser, stage) as (page, _):
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("link", name="running 4").click()
        expect(rows(page)).to_have_count(4)
        joined = stage.joined
        stage.show(fleet([running("late", "x:1"), *six()]))
        page.clock.fast_forward(10 * A_WHILE_MS)
        expect(rows(page)).to_have_count(4)
        assert stage.joined == joined
        page.get_by_role("button", name="Resume").click()
        expect(rows(page)).to_have_count(5)


# -- by keyboard ------------------------------------------------------------------------------


def test_everything_is_reached_by_keyboard_in_order(browser: Browser) -> None:
    """Tab goes from top to bottom, and what has the focus is seen to have it."""
    reached = []
    with looking(browser, Stage(*six()[:1]), denial=allowed) as (page, _):
        for _ in range(19):
            page.keyboard.press("Tab")
            focused = page.locator(":focus")
            reached.append(focused.evaluate("it => it.ariaLabel ?? it.innerText.trim()"))
            assert focused.evaluate("it => getComputedStyle(it).outlineStyle") == "solid"
    assert [text.split("\n")[0] for text in reached] == [
        *("Metrics", "API", "Health", "Readiness", "Pause", "all 1", "● running 1"),
        "Filter by name, image or id",
        *("Name", "Image", "State ▴", "Health", "Restarts", "Exit", "Uptime", "CPU", "Memory"),
        *("Restart shop-web", "Stop shop-web"),
    ]


def test_dialog_by_keyboard(browser: Browser) -> None:
    """Enter opens it at the token, Escape leaves it to where one was, and nothing is done."""
    with looking(browser, Stage(*six()), denial=allowed) as (page, _):
        button = page.get_by_role("button", name="Restart shop-db")
        button.press("Enter")
        dialog = page.get_by_role("dialog", name="Restart 'shop-db'?")
        expect(dialog.get_by_label("Token")).to_be_focused()
        assert serious_findings(page) == {}
        # Without a token, Enter does not get any further.
        page.keyboard.press("Enter")
        expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()


def test_dialog_outlives_an_update(browser: Browser) -> None:
    """Who is about to confirm is not disturbed, even if the container goes away meanwhile."""
    stage = Stage(*six())
    with looking(browser, stage, denial=allowed) as (page, _):
        page.get_by_role("button", name="Stop shop-db").click()
        field = page.get_by_label("Token")
        field.fill("half of a tok")
        stage.show(fleet(six()[2:]))
        page.clock.fast_forward(A_WHILE_MS)
        expect(rows(page)).to_have_count(4)
        expect(page.get_by_role("dialog", name="Stop 'shop-db'?")).to_be_visible()
        expect(field).to_be_focused()
        expect(field).to_have_value("half of a tok")


def test_button_that_must_wait_says_why(browser: Browser) -> None:
    """It can be reached and read, and does nothing but tell the whole reason."""
    sentence = "'shop-db' was started or acted on less than 60 s ago (--admin.cooldown)."

    def denial(_action: Action, container: Container) -> Denial | None:
        late = Denial(rule=Rule.COOL_DOWN, reason=sentence, retry_after=42.5)
        return late if container.name == "shop-db" else None

    with looking(browser, Stage(*six()), denial=denial) as (page, _):
        button = page.get_by_role("button", name="Stop shop-db")
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_accessible_description("cool-down, 43s left")
        expect(row(page, "shop-db")).to_contain_text("cool-down, 43s left")
        button.press("Enter")
        expect(page.get_by_role("status")).to_have_text(sentence)
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert serious_findings(page) == {}
        page.get_by_role("button", name="Dismiss").click()
        expect(page.get_by_text(sentence)).to_be_hidden()


# -- behind a certificate and a user ----------------------------------------------------------


def test_page_lives_on_behind_a_certificate_and_a_user(browser: Browser, tmp_path: Path) -> None:
    """What it asks for later has the credentials too, and it stays up to date."""
    Authority(tmp_path).issue("server")
    config = tmp_path / "web.yml"
    config.write_text(f"{tls()}\nbasic_auth_users: {{alice: {HASH}}}\n")
    alice = {"username": "alice", "password": "secret"}
    with FakeEngine(web="running") as engine:
        flags = (f"--web.config.file={config}", f"--docker.host={engine.host}")
        with serving(tmp_path / "log", *flags) as exporter:
            address = f"https://{exporter.address}/"
            options = {"ignore_https_errors": True, "http_credentials": alice}
            with visiting(browser, address, **options) as page:
                expect(rows(page)).to_contain_text(["web"])
                del engine.containers[identity("web")]
                page.clock.fast_forward(A_WHILE_MS)
                expect(rows(page)).to_have_count(0)
