"""Installing by pip, as the documentation says, from a checkout."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from exporter import __version__
from tests.docs.pages import ROOT, Page
from tests.support.programs import program, run_program

if TYPE_CHECKING:
    from pathlib import Path

# Whatever is to be installed may have to be fetched.
pytestmark = pytest.mark.timeout(300)

PLACE = "/opt/docker-exporter"
INSTALL = Page("docs/install.md").shell("pip and pipx")


def test_place_of_its_own(tmp_path: Path) -> None:
    """The commands leave a program that runs, with the versions that were tested."""
    [commands] = [block for block in INSTALL if PLACE in block]
    place = tmp_path / "place"
    subprocess.run(
        [program("sh"), "-euc", commands.replace(PLACE, str(place))], check=True, cwd=ROOT
    )
    said = run_program(str(place / "bin/docker-exporter"), "--version")
    assert said == f"docker-exporter {__version__}"
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    installed = run_program(str(place / "bin/pip"), "freeze").splitlines()
    assert [line for line in installed if "==" in line and line not in pinned] == []
