"""How nodes of YAML become values: one reader for each kind of value.

What a key takes decides what its value is, as in the format's own programs: a header of `0` is the
text "0". So the nodes themselves are read, which also know their lines. A reader raises a
`ValueError` that names the key and the line, and never shows a value that may be secret.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from exporter.settings import parsers
from exporter.settings.document import line, unknown_key
from exporter.settings.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    T = TypeVar("T")
    Reader = Callable[[yaml.Node, str], T]

_TAG = "tag:yaml.org,2002:"
_TRUTHS = yaml.constructor.SafeConstructor.bool_values


def entry(read: Reader[T], default: T, *, secret: bool = False) -> T:
    """Return a field of a section.

    Args:
        read: Reads it.
        default: Its value where it is not given.
        secret: Whether it is to be left out where the section is printed.
    """
    field: T = dataclasses.field(default=default, metadata={"read": read}, repr=not secret)
    return field


def section(kind: type[T]) -> Reader[T]:
    """Return the reader of a mapping whose keys are the fields of a dataclass.

    Keys without a value count as not given. What the dataclass itself raises as a `ValueError` is
    given the section's name and line.
    """
    readers = {field.name: field.metadata["read"] for field in dataclasses.fields(kind)}  # type: ignore[arg-type] # it is a dataclass

    def read(node: yaml.Node, where: str) -> T:
        values: dict[str, Any] = {}
        for key_node, value_node in _items(node, where):
            name = text(key_node, where)
            path = f"{where}.{name}" if where else name
            if name not in readers:
                paths = (f"{where}.{known}" if where else known for known in readers)
                raise ValueError(unknown_key(path, key_node, paths))
            if not _is_null(value_node):
                values[name] = readers[name](value_node, path)
        try:
            return kind(**values)
        except ValueError as exc:
            raise ValueError(f"{where}: {exc} ({line(node)})") from None

    return read


def mapping_of(read_value: Reader[T]) -> Reader[tuple[tuple[str, T], ...]]:
    """Return the reader of a mapping with any keys; give its pairs."""

    def read(node: yaml.Node, where: str) -> tuple[tuple[str, T], ...]:
        named = [(text(key_node, where), value) for key_node, value in _items(node, where)]
        return tuple((name, read_value(value, f"{where}.{name}")) for name, value in named)

    return read


def list_of(read_item: Reader[T]) -> Reader[tuple[T, ...]]:
    """Return the reader of a list."""

    def read(node: yaml.Node, where: str) -> tuple[T, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise ValueError(f"{where} is not a list ({line(node)})")  # noqa: TRY004 -- the file's value is wrong, not a type of the program's
        return tuple(read_item(item, where) for item in node.value)

    return read


def text(node: yaml.Node, where: str) -> str:
    """Read a text as it is written; one that is missing is empty."""
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(f"{where or 'the file'}: a text is missing ({line(node)})")  # noqa: TRY004 -- as above
    return "" if _is_null(node) else str(node.value)


def one_of(words: Collection[str]) -> Reader[str]:
    """Return the reader of a word that is known."""

    def read(node: yaml.Node, where: str) -> str:
        word = text(node, where)
        if word not in words:
            raise ValueError(
                f"{where}: {json.dumps(word)} is not known ({line(node)}); {nearest(word, words)}"
            )
        return word

    return read


def truth(node: yaml.Node, where: str) -> bool:
    """Read a truth value of YAML 1.1."""
    word = text(node, where).lower()
    if node.tag != f"{_TAG}bool" or word not in _TRUTHS:
        raise ValueError(f"{where} is not a yes or no ({line(node)}); allowed: true, false")
    return _TRUTHS[word]


def whole_number(node: yaml.Node, where: str) -> int:
    """Read a whole number, 0 or more."""
    try:
        return parsers.whole_number(text(node, where))
    except ValueError as exc:
        raise ValueError(f"{where} {exc} ({line(node)})") from None


def duration(node: yaml.Node, where: str) -> float:
    """Read a duration with its unit, as Go writes it; 0 needs none. Give seconds."""
    written = text(node, where)
    try:
        seconds = parsers.duration(written)
    except ValueError:
        seconds = None
    # A number without a unit would be one of nanoseconds in Go.
    if seconds is None or (written[-1].isdigit() and seconds):
        raise ValueError(f"{where} is not a duration ({line(node)}); allowed: such as 1s, 500ms, 0")
    return seconds


def _items(node: yaml.Node, where: str) -> list[tuple[yaml.Node, yaml.Node]]:
    """Return the pairs of a mapping."""
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(  # noqa: TRY004 -- as above
            f"{where or 'the file'} is not a mapping of keys to values ({line(node)})"
        )
    names = set()
    for key_node, _ in node.value:
        name = text(key_node, where)
        if name in names:
            path = f"{where}.{name}" if where else name
            raise ValueError(f"{json.dumps(path)} stands there twice ({line(key_node)})")
        names.add(name)
    return list(node.value)


def _is_null(node: yaml.Node) -> bool:
    return node.tag == f"{_TAG}null"
