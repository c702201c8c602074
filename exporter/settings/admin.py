"""What the values of the admin API's settings look like, as in `exporter.settings.parsers`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

READ = "read"
ACT = "act"

_TOKEN_NAME = re.compile(r"[\w.@-]+", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
_HOST_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token, in a file.

    Attributes:
        name: What its holder is called in records.
        path: The file.
        scopes: What its holder may do: `read`, `act`.
    """

    name: str
    path: Path
    scopes: frozenset[str]


def token_file(text: str) -> TokenFile:
    """Read `NAME=FILE` or `NAME:SCOPE[,SCOPE]=FILE`.

    Raises:
        ValueError: It is neither.

    Examples:
        >>> sorted(token_file("ops:read,act=/run/secrets/ops").scopes)
        ['act', 'read']
        >>> token_file("grafana=/etc/token").scopes
        frozenset({'read'})
    """
    who, _, path = text.partition("=")
    name, colon, listed = who.partition(":")
    scopes = frozenset(listed.split(",")) if colon else frozenset({READ})
    if not (_TOKEN_NAME.fullmatch(name) and scopes <= {READ, ACT} and path):
        raise ValueError(
            "is not a token file; allowed: NAME=FILE or NAME:SCOPE[,SCOPE]=FILE with the scopes"
            f" {READ} and {ACT}, and a name of letters, digits, '_', '.', '@', '-'"
        )
    return TokenFile(name, Path(path), scopes)


def split_token_files(text: str) -> tuple[str, ...]:
    """Split a list of token files at those commas that do not stand between two scopes.

    Examples:
        >>> split_token_files("ops:read,act=/a, am:act=/b")
        ('ops:read,act=/a', 'am:act=/b')
    """
    items: list[str] = []
    for part in text.split(","):
        if items and "=" not in items[-1]:
            items[-1] += f",{part.strip()}"
        else:
            items.append(part.strip())
    return tuple(items)


def alert_match(text: str) -> tuple[str, str]:
    """Read `LABEL=VALUE`.

    Raises:
        ValueError: It is not that.

    Examples:
        >>> alert_match("instance=docker-1:9417")
        ('instance', 'docker-1:9417')
    """
    label, equals, value = text.partition("=")
    if not equals or _LABEL.fullmatch(label) is None:
        raise ValueError("is not a matcher; allowed: LABEL=VALUE, such as instance=docker-1:9417")
    return label, value


def host_name(text: str) -> str:
    """Read the name of a host, without a port; give it in small letters.

    Raises:
        ValueError: It is not one.

    Examples:
        >>> host_name("Docker-1.example.org")
        'docker-1.example.org'
    """
    if _HOST_NAME.fullmatch(text) is None:
        raise ValueError("is not a host name; allowed: such as docker-1.example.org, without port")
    return text.lower()
