"""Links, targets, flags and commands that documents name are there."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

import pytest
from click.testing import CliRunner

from exporter.cli import cli
from exporter.settings.table import TABLE
from tests.docs.pages import ROOT, Page, pages

PAGES = pages()

_ELSEWHERE = re.compile(r"[a-z]+:")
_TARGET = re.compile(r"^([a-z][\w-]*):", re.MULTILINE)
_MAKE = re.compile(r"`make ([a-z][\w-]*)")
_FLAG = re.compile(r"`--([a-z]+\.[a-z.-]+)")
_VARIABLE = re.compile(r"\bDOCKER_EXPORTER_[A-Z_]+\b")
_ASSIGNMENT = re.compile(r"\w+=\S*")
_SEPARATORS = ("|", "||", "&&", ";", "&", ">", ">>", "<")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)


@every_page
def test_links_lead_somewhere(page: Page) -> None:
    """Each link within the project leads to a file that is there, and to a heading in it."""
    by_path = {PurePosixPath(one.path): one for one in PAGES}
    broken = []
    for link in page.links:
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page.path).parent / path if path else ROOT / page.path
        if not target.exists():
            broken.append(link)
        elif anchor:
            shown = by_path[PurePosixPath(target.resolve().relative_to(ROOT))]
            if anchor not in shown.anchors:
                broken.append(link)
    assert broken == []


@every_page
def test_make_targets_are_there(page: Page) -> None:
    """Each `make TARGET` can be made."""
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text()))
    named = set(_MAKE.findall(page.text))
    named |= {
        line.split()[1]
        for line in page.command_lines
        if line.startswith("make ") and not line.split()[1].startswith("-")
    }
    assert named - targets == set()


@every_page
def test_flags_and_variables_are_there(page: Page) -> None:
    """Each dotted flag of ours, and each variable, is one of the settings."""
    sections = {setting.key.partition(".")[0] for setting in TABLE}
    keys = {setting.key for setting in TABLE} | {
        f"no-{setting.key}" for setting in TABLE if setting.is_switch
    }
    flags = {key.rstrip(".") for key in _FLAG.findall(page.text)}
    # Prometheus and Alertmanager have flags of the same form.
    ours = {key for key in flags if key.partition(".")[0] in sections - {"web", "config", "log"}}
    assert ours - keys == set()
    known = {setting.variable for setting in TABLE} | {"DOCKER_EXPORTER_"}
    assert {name.rstrip("_") + "_" * name.endswith("_") for name in _variables(page)} <= known


def _variables(page: Page) -> set[str]:
    return set(_VARIABLE.findall(page.text))


@every_page
def test_commands_can_be_given(page: Page) -> None:
    """Each `docker-exporter …` in a block is a command line that the program takes."""
    for arguments in _own_commands(page):
        # With `--help` all else is read, and nothing is done.
        done = CliRunner().invoke(cli, [*arguments, "--help"])
        assert done.exit_code == 0, (arguments, done.output)


def _own_commands(page: Page) -> list[list[str]]:
    """Return the arguments of each call of our program in the blocks of a page."""
    found = []
    for line in page.command_lines:
        if "docker-exporter " not in f"{line} ":
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # A quotation that goes on in the next line is no call of ours.
            continue
        for index, word in enumerate(words):
            before = words[index - 1] if index else ""
            begins = not index or before in (*_SEPARATORS, "sudo", "exec") or _is_assignment(before)
            if begins and PurePosixPath(word).name == "docker-exporter":
                rest = words[index + 1 :]
                end = next((i for i, part in enumerate(rest) if part in _SEPARATORS), len(rest))
                found.append(rest[:end])
    return found


def _is_assignment(word: str) -> bool:
    return _ASSIGNMENT.fullmatch(word) is not None


def test_something_is_looked_at() -> None:
    """The pages have links and commands, so that the tests above look at something."""
    assert any(page.links for page in PAGES)
    assert any(_own_commands(page) for page in PAGES)
