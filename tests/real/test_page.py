"""The page at `/` on a real engine, in both modes."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import httpx

from tests.support import zoo as animals
from tests.support.exporter import serving
from tests.support.modes import environment_for
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import PrivateEngine

LATE = 60.0
# The state of one that restarts is another from one moment to the next.
STEADY = [one for one in animals.SPECIMENS if one.name != animals.RESTARTING]
WORDS = {"sdk": "Docker SDK", "cli": "docker command"}


def text_of(html: str) -> str:
    """Return what a reader sees of some HTML, roughly."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def rows_of(html: str) -> dict[str, str]:
    """Return the text of each row, by the name of its container."""
    rows = map(text_of, re.findall(r'<tr id="c-.*?</tr>', html, re.DOTALL))
    return {row.split()[0]: row for row in rows}


def test_page_shows_every_container(mode: str, zoo: PrivateEngine, tmp_path: Path) -> None:
    """Each in its state, those that run with their load, as the engine has it."""

    def rows() -> dict[str, str]:
        return rows_of(httpx.get(exporter.url, timeout=LATE, trust_env=False).text)

    with serving(tmp_path / "log", **environment_for(mode, zoo, tmp_path)) as exporter:
        # A load is a difference between two readings.
        found = wait_until(
            rows, LATE, "the loads are there", lambda seen: "%" in seen.get(animals.BUSY, "")
        )
        page = text_of(httpx.get(exporter.url, timeout=LATE, trust_env=False).text)
    assert "Engine up" in page
    assert f"Docker {zoo.get('/version')['Version']} (API" in page
    assert f"Reached by {WORDS[mode]}" in page
    states = {one.name: one.state.status for one in STEADY}
    assert {name: state for name, state in states.items() if f" {state} " in found[name]} == states
    assert "✓ healthy" in found[animals.HEALTHY]
    assert "✕ unhealthy 1 failed" in found[animals.UNHEALTHY]
    assert not set("✓✕") & set(found[animals.STOPPED_AFTER_HEALTHY])
    assert " 3 ended " in found[animals.EXITED_3]
    assert "137 out of memory ended " in found[animals.OOM_KILLED]
    assert "no such file" in found[animals.COULD_NOT_START]
    assert "of 64.0MiB" in found[animals.MEMORY_LIMITED]
    assert re.search(r"% of 10\.0%", found[animals.CPU_LIMITED])
    assert "%" not in found[animals.EXITED_0]
