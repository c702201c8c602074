"""The units for systemd, as systemd's own tool reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.docs.pages import ROOT, Page
from tests.support.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY = ROOT / "deploy/systemd"
SERVICE = DIRECTORY / "docker-exporter.service"
PAGE = Page("docs/install.md")


def test_units_are_valid(tmp_path: Path) -> None:
    """Each key is known, and has a value that systemd understands: it has nothing to say."""
    for unit in DIRECTORY.iterdir():
        # The program must be there.
        text = unit.read_text().replace("/opt/docker-exporter/bin/docker-exporter", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))
    assert len(units) == 2
    said = run_program("sh", "-c", 'systemd-analyze verify "$@" 2>&1', "sh", *units)
    assert [line for line in said.splitlines() if "docker-exporter" in line] == []


def test_service_is_as_hard_as_the_documentation_says() -> None:
    """Its exposure is not above the figure, by the command that the page names."""
    [command] = PAGE.shell("How far it is locked in")
    said = run_program(*command.split()[:-1], str(ROOT / command.split()[-1]))
    [exposure] = re.findall(r"Overall exposure level for \S+: (\d+\.\d)", said)
    [stated] = re.findall(r"exposure level of (\d+\.\d) or less", PAGE.text)
    assert float(exposure) <= float(stated)


def test_service_is_watched() -> None:
    """Systemd waits until it serves, and restarts it when it is stuck."""
    text = SERVICE.read_text()
    assert {"Type=notify", "WatchdogSec=30s", "Restart=on-failure"} <= set(text.splitlines())
