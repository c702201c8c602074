"""The buttons of the page at `/`: real containers, by the real API, from a real browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from tests.admin.conftest import OPTED_IN, starts
from tests.admin.exporting import READ_TOKEN, TIMEOUT_SECONDS, TOKEN, Exporter
from tests.support.browser import chromium, serious_findings, visiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator, Page

    from tests.support.engine import PrivateEngine

# Longer than it takes the page to ask again, on the browser's clock.
A_WHILE_MS = 6_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the browser that the tests here share."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def exporter(engine: PrivateEngine) -> Iterator[Exporter]:
    """Give an exporter that shows what is there now, not what was a moment ago."""
    with Exporter(engine.host, "--collector.cache-ttl=0s") as exporter:
        yield exporter


def click(page: Page, action: str, name: str) -> Locator:
    """Press a button of a container, and return the dialog that it opens."""
    page.get_by_role("button", name=f"{action} {name}").click()
    return page.get_by_role("dialog", name=f"{action} '{name}'?")


def confirm(dialog: Locator, action: str, token: str | None = None) -> None:
    """Confirm, with a token where it is asked for."""
    field = dialog.get_by_label("Token")
    if token is None:
        expect(field).to_be_hidden()
    else:
        field.fill(token)
    dialog.get_by_role("button", name=action).click()


def test_container_is_restarted_from_the_page(
    browser: Browser, exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Only with a valid token, and once; the page says what came of it, and why not yet again."""
    name, other = run(OPTED_IN), run(OPTED_IN)
    with visiting(browser, exporter.url) as page:
        dialog = click(page, "Restart", name)
        confirm(dialog, "Restart", "a-token-that-nobody-has-0123456789abcdef")
        expect(dialog.get_by_role("alert")).to_have_text("This token is not valid.")
        expect(dialog.get_by_label("Token")).to_be_focused()
        assert serious_findings(page) == {}
        assert starts(engine, name) == 1

        confirm(dialog, "Restart", TOKEN)
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("status")).to_have_text(f"Restarted '{name}': it is running.")
        expect(page.get_by_role("status")).to_be_focused()
        expect(page.locator("#token")).to_have_value("")
        assert starts(engine, name) == 2

        button = page.get_by_role("button", name=f"Restart {name}")
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_accessible_description(pattern_of_wait())
        button.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("less than 60 s ago (--admin.cooldown)")

        # The token is known by now.
        confirm(click(page, "Stop", other), "Stop")
        expect(page.get_by_role("status")).to_have_text(f"Stopped '{other}': it is exited.")
        expect(page.get_by_role("button", name=f"Start {other}")).to_be_visible()
        assert TOKEN not in kept(page)

        page.reload()
        page.clock.fast_forward(A_WHILE_MS)
        assert TOKEN not in page.content()
    records = [one for one in exporter.audit() if one["container"] == name]
    assert [one["outcome"] for one in records] == ["denied", "done"]
    assert records[-1]["parameters"]["reason"] == "by hand, on the page"


def pattern_of_wait() -> re.Pattern[str]:
    """Return what a button says that must wait for the cool-down."""
    return re.compile(r"cool-down, (\d\ds|1m\d+s) left")


def kept(page: Page) -> str:
    """Return everything that the browser keeps of a page, beside the page."""
    stored: object = page.evaluate("[{...localStorage}, {...sessionStorage}, location.href]")
    return json.dumps([stored, page.context.storage_state()])


def test_refusal_says_why_and_for_how_long(
    browser: Browser, exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Somebody else was faster, while the question was on the screen."""
    name = run(OPTED_IN)
    with visiting(browser, f"{exporter.url}?q={name}") as page:
        dialog = click(page, "Restart", name)
        with exporter.client() as client:
            client.post(f"/containers/{name}/restart").raise_for_status()
        confirm(dialog, "Restart", TOKEN)
        told = dialog.get_by_role("alert")
        expect(told).to_have_text(
            re.compile(rf"^'{name}' was .* \(--admin.cooldown\)\. Possible again in \d\d s\.$")
        )
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("button", name=f"Restart {name}")).to_be_focused()
    assert starts(engine, name) == 2


def test_token_that_may_only_read_is_refused(
    browser: Browser, exporter: Exporter, run: Callable[..., str]
) -> None:
    """The page says which scope it lacks, and asks for another."""
    name = run(OPTED_IN)
    with visiting(browser, f"{exporter.url}?q={name}") as page:
        dialog = click(page, "Stop", name)
        confirm(dialog, "Stop", READ_TOKEN)
        told = dialog.get_by_role("alert")
        expect(told).to_contain_text("The token 'viewer' has not the scope 'act'")
        expect(dialog.get_by_label("Token")).to_be_focused()


def test_dialog_waits_for_what_is_under_way(
    browser: Browser, exporter: Exporter, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Nobody loses sight of an action by closing the dialog before it has ended."""
    # Ends when it is asked to and may, or is killed.
    until_it_may = "until test -e /may; do sleep 0.1; done"
    name = run(OPTED_IN, command=f"trap '{until_it_may}; exit' TERM; sleep 1d & wait")
    with visiting(browser, f"{exporter.url}?q={name}") as page:
        dialog = click(page, "Stop", name)
        confirm(dialog, "Stop", TOKEN)
        expect(dialog.get_by_role("button", name="Stopping …")).to_be_disabled()
        for _ in range(2):
            page.keyboard.press("Escape")
        expect(dialog.get_by_role("button", name="Cancel")).to_be_disabled()
        engine.docker("exec", name, "touch", "/may")
        expect(page.get_by_role("status")).to_have_text(f"Stopped '{name}': it is exited.")
        expect(dialog).to_be_hidden()


def test_only_what_has_opted_in_has_buttons(
    browser: Browser, exporter: Exporter, run: Callable[..., str]
) -> None:
    """Each for the actions that its label names."""
    closed, half = run(), run("--label=docker-exporter.actions=restart")
    with visiting(browser, exporter.url) as page:
        expect(page.get_by_role("row", name=closed)).to_be_visible()
        expect(page.get_by_role("row", name=closed).get_by_role("button")).to_have_count(0)
        expect(page.get_by_role("row", name=half).get_by_role("button")).to_have_text(["Restart"])


def test_exporter_that_does_not_answer(
    browser: Browser, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """Nobody knows then whether it was done, and the page says just that."""
    name = run(OPTED_IN)
    with Exporter(engine.host) as exporter, visiting(browser, exporter.url) as page:
        dialog = click(page, "Restart", name)
        exporter.stop()
        confirm(dialog, "Restart", TOKEN)
        expect(dialog.get_by_role("alert")).to_contain_text("whether it was done is not known")
        expect(dialog.get_by_role("button", name="Restart")).to_be_enabled()
        expect(dialog.get_by_label("Token")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def test_listener_of_its_own_has_the_buttons(
    browser: Browser, engine: PrivateEngine, run: Callable[..., str]
) -> None:
    """The other one has none; and a dry run is called one."""
    name = run(OPTED_IN)
    flags = ("--admin.listen-address=127.0.0.1:0", "--admin.dry-run")
    with Exporter(engine.host, *flags) as exporter:
        public, apart = (f"http://{address}" for address in exporter.addresses)
        page_for_all = httpx.get(public, timeout=TIMEOUT_SECONDS, trust_env=False).text
        assert name in page_for_all
        assert "data-action" not in page_for_all
        with visiting(browser, apart) as page:
            expect(page.get_by_role("link", name="API")).to_be_visible()
            expect(page.get_by_role("link", name="Metrics")).to_have_count(0)
            confirm(click(page, "Stop", name), "Stop", TOKEN)
            told = page.get_by_role("status")
            expect(told).to_have_text(f"Dry run: '{name}' was left alone (--admin.dry-run).")
    assert engine.inspect(name)["State"]["Status"] == "running"
