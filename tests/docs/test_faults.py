"""The table of faults names the tests that prove it, all of them."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT, Page

_NAMED = re.compile(r"`(test_\w+)`")
_DEFINED = re.compile(r"^def (test_\w+)", re.MULTILINE)
_FILES = re.compile(r"`(tests/\S+)`")


def test_every_test_of_a_fault_is_in_the_table_and_the_other_way_round() -> None:
    """What is claimed is tested, and what is tested is claimed."""
    page = Page("docs/faults.md").text
    files = (ROOT / "tests/faults").glob("test_*.py")
    defined = {name for path in files for name in _DEFINED.findall(path.read_text())}
    assert set(_NAMED.findall(page)) == defined
    assert all((ROOT / path).exists() for path in _FILES.findall(page))
