"""The YAML file of settings: nested keys, every value taken as the text that was written.

Only YAML's structure is used. Its guesses at types are not (`on` is no truth and `1:30` no number
here), so that a value means in the file what it means in a flag.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from exporter.errors import SettingsError
from exporter.settings.document import compose, line, unknown_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    Given = str | tuple[str, ...]


def read(path: str, known: Collection[str]) -> dict[str, Given]:
    """Read the settings in a file.

    Args:
        path: The file.
        known: The keys that may stand in it, nesting written as dots: `web.max-requests`.

    Returns:
        What was written for each key that is there: a text, or the items of a list.

    Raises:
        SettingsError: The file cannot be read, or something in it makes no sense.
    """
    root = compose(path, "--config.file", yaml.BaseLoader)
    try:
        return _gather(root, known)
    except ValueError as exc:
        raise SettingsError(f"--config.file: {json.dumps(path)}: {exc}") from exc


def _gather(root: yaml.Node | None, known: Collection[str]) -> dict[str, Given]:
    """Return the settings in a document; None is an empty one."""
    settings: dict[str, Given] = {}
    for key, value in _flatten(root, "", known) if root is not None else ():
        if key in settings:
            raise ValueError(f"{json.dumps(key)} stands there twice")
        settings[key] = value
    return settings


def _flatten(node: yaml.Node, path: str, known: Collection[str]) -> Iterator[tuple[str, Given]]:
    """Yield each setting below a node with its dotted key."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = f"{path}.{_text(key_node)}" if path else _text(key_node)
            if not any(name == key or name.startswith(f"{key}.") for name in known):
                sections = sorted({name.partition(".")[0] for name in known})
                raise ValueError(unknown_key(key, key_node, [*known, *sections]))
            yield from _flatten(value_node, key, known)
    elif path in known:
        items = node.value if isinstance(node, yaml.SequenceNode) else None
        yield path, _text(node) if items is None else tuple(_text(item) for item in items)
    elif node.value:
        where = json.dumps(path) if path else "the file"
        raise ValueError(f"{where} is not a mapping of keys to values ({line(node)})")


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(f"a text is missing where there is a list or mapping ({line(node)})")  # noqa: TRY004 -- the file's value is wrong, not a type of the program's
    return str(node.value)
