"""What the YAML files of settings have in common: opening them, and naming places in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from exporter.errors import SettingsError
from exporter.settings.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable


def compose(
    path: str, flag: str, loader: type[yaml.BaseLoader | yaml.SafeLoader]
) -> yaml.Node | None:
    """Return the root of the one document in a file; None where the file is empty.

    Args:
        path: The file.
        flag: By which it was given, for the error.
        loader: Whose idea of YAML's types the nodes are to have.

    Raises:
        SettingsError: The file cannot be read, or is no YAML. Nothing of what is in it is shown,
            as it may be secret.
    """
    shown = json.dumps(path)
    try:
        return yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=loader)
    except OSError as exc:
        raise SettingsError(
            f"{flag}: {shown} is not readable ({exc.strerror}); allowed: a YAML file"
        ) from exc
    except yaml.MarkedYAMLError as exc:
        # Its own text would have the line that it is about.
        what = ", ".join(filter(None, (exc.context, exc.problem)))
        where = f", line {exc.problem_mark.line + 1}" if exc.problem_mark is not None else ""
        raise SettingsError(f"{flag}: {shown} is not YAML ({what}{where})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise SettingsError(f"{flag}: {shown} is not YAML ({' '.join(str(exc).split())})") from exc


def unknown_key(key: str, node: yaml.Node, known: Iterable[str]) -> str:
    """Return the complaint about a key that is not known.

    Args:
        key: The key, with the path to it.
        node: Where it stands.
        known: What it may have been meant for.
    """
    return f"unknown key {json.dumps(key)} ({line(node)}); {nearest(key, known)}"


def line(node: yaml.Node) -> str:
    """Return where a node begins: `line 3`."""
    return f"line {node.start_mark.line + 1}"
