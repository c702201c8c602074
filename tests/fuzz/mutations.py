"""Inputs that are nearly right: kept ones with something in them changed."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st


@dataclass(frozen=True)
class Seeds:
    """Inputs to begin with.

    Attributes:
        texts: They; left out where a failing test is shown, for their length.
    """

    texts: tuple[bytes, ...] = field(repr=False)


# What the reader of a value may not expect in its place.
ODD_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, -0.0, 1e308, 2**31, 2**63, 2**64 - 1, 2**64, 10**400, -(10**400)),
        *(
            "",
            "-1",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999-23:59",
            "١٢",
            "9" * 5000,
        ),
        *('"\\\n', "\x00", "\u2028", "é\U0001f433", "a" * 300, "/", "//", ":", "sha256:"),
        *([], {}, [None], {"": None}, [[[[]]]], {"a": {"a": {}}}),
    ]
)
_PARTS = st.sampled_from(
    [b"", b"\x00", b"\xff", b"\xed\xa0\x80", b"9" * 400, b"/", b",", b";q=", b'"']
)


@st.composite
def changed_json(draw: st.DrawFn, seeds: Seeds) -> bytes:
    """Draw a document of JSON with one to three of its values replaced."""
    document = json.loads(seeds.texts[draw(st.integers(0, len(seeds.texts) - 1))])
    for _ in range(draw(st.integers(1, 3))):
        document = _replaced(draw, document)
    return json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def _replaced(draw: st.DrawFn, node: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    keys = (
        list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    )
    if not keys or draw(st.integers(0, 4)) == 0:
        return copy.deepcopy(draw(ODD_VALUES))
    key = draw(st.sampled_from(list(keys)))
    node[key] = _replaced(draw, node[key])
    return node


@st.composite
def changed_bytes(draw: st.DrawFn, seeds: Seeds) -> bytes:
    """Draw one of some inputs with a piece of it replaced, doubled or taken from another."""
    one, other = (seeds.texts[draw(st.integers(0, len(seeds.texts) - 1))] for _ in range(2))
    start = draw(st.integers(0, len(one)))
    end = draw(st.integers(start, min(len(one), start + 20)))
    piece = draw(_PARTS | st.binary(max_size=8) | st.just(one[start:end] * 2) | st.just(other))
    return one[:start] + piece + one[end:]
