"""What a word that is not known may have been meant for."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return which known word is most like another one: `the nearest known one is log`."""
    [found] = difflib.get_close_matches(word, list(known), n=1, cutoff=0)
    return f"the nearest known one is {found}"
