"""The documents of the project, and what stands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import exporter

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(exporter.__file__).parents[1]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n|^\n(?= {4}))+", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'\b(?:src|srcset)="([^"]+)"')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NOT_IN_ANCHOR = re.compile(r"[^\w\- ]")
_SHELL = ("", "sh", "console")


@dataclass(frozen=True)
class Page:
    """One document.

    Attributes:
        path: Where it is, from the root of the project.
    """

    path: str

    @property
    def text(self) -> str:
        """What it says."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        text = _FENCED.sub("", self.text)
        return _LINK.findall(text) + _PICTURE.findall(text)

    @property
    def anchors(self) -> set[str]:
        """The anchors of its headings, as they are made where Markdown is shown."""
        headings = _HEADING.findall(_FENCED.sub("", self.text))
        return {_NOT_IN_ANCHOR.sub("", head).strip().lower().replace(" ", "-") for head in headings}

    @property
    def command_lines(self) -> Iterator[str]:
        """The lines of its blocks of shell; those that a backslash continues are one."""
        blocks = [text for language, text in _FENCED.findall(self.text) if language in _SHELL]
        blocks += _INDENTED.findall(_FENCED.sub("", self.text))
        for block in blocks:
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip() and not line.strip().startswith("#"):
                    yield line.strip().removeprefix("$ ")

    def shell(self, heading: str) -> list[str]:
        """Return the fenced blocks of shell below a heading, and above the next one.

        Raises:
            LookupError: There is no such heading.
        """
        # A comment in a block looks like a heading.
        without = _FENCED.sub(lambda block: " " * len(block[0]), self.text)
        pattern = rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)"
        section = re.search(pattern, without, re.DOTALL | re.MULTILINE)
        if section is None:
            raise LookupError(f"{self.path} has no heading '{heading}'")
        blocks = _FENCED.findall(self.text[slice(*section.span(1))])
        return [text for language, text in blocks if language == "sh"]


def pages() -> list[Page]:
    """Return every document of the project."""
    found = (path.relative_to(ROOT) for path in sorted(ROOT.rglob("*.md")))
    return [Page(str(path)) for path in found if not path.parts[0].startswith((".", "dist"))]
