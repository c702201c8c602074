"""A real browser: Debian's Chromium, without a window."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import (  # type: ignore[import-untyped]  # has none
    Axe,
)
from playwright.sync_api import expect, sync_playwright

from tests.support.programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

TIMEOUT_MS = 30_000

# Fresh for each run, and in touch with nobody but the page that a test looks at.
_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser.

    Playwright keeps an event loop running in this thread: nothing else can run one there meanwhile.
    """
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, address: str, **options: Any) -> Iterator[Page]:  # noqa: ANN401 -- Playwright's
    """Open a page as somebody who was never there, and make sure at the end that it behaved.

    Its clock runs as usual, and a test can wind it on.

    Args:
        browser: Where.
        address: What to open.
        options: Of the visitor, as for `Browser.new_context`.
    """
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # What the browser has loaded in vain is the test's business, and all else a mistake.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    with browser.new_context(**options) as context:
        context.set_default_timeout(TIMEOUT_MS)
        context.on("console", note)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        page.clock.install()
        page.goto(address)
        yield page
        assert not complaints


def serious_findings(page: Page) -> dict[str, list[str]]:
    """Return what axe-core finds to be a serious obstacle for people, or a critical one.

    Returns:
        By rule, the elements that break it.
    """
    found = Axe().run(page).response["violations"]
    return {
        one["id"]: [node["html"] for node in one["nodes"]]
        for one in found
        if one["impact"] in ("serious", "critical")
    }
