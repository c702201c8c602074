"""What the values of settings look like: one function each, from text to value.

Each raises a `ValueError` whose text completes the sentence `--flag: "value" …`.
"""

from __future__ import annotations

import ipaddress
import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.errors import NO_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_DURATION_PART = re.compile(rf"({_NUMBER.pattern})(ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)
_WHOLE_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_POSITIVE_NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_HOST = r"[\w-]{1,63}(?:\.[\w-]{1,63})*"
_IPV6 = r"[0-9a-fA-F:.]+(?:%[\w.-]+)?"
_LISTEN_ADDRESS = re.compile(
    rf"(?:\[(?P<ipv6>{_IPV6})\]|(?P<host>(?:{_HOST})?)):(?P<port>\d{{1,5}})", re.ASCII
)
_MAX_PORT = 65535
_URL_PATH = re.compile(r"/(?:[\w.~-]+(?:/[\w.~-]+)*/?)?", re.ASCII)
_RESERVED_PATHS = ("/-/", "/api/")
_ENGINE_ADDRESS = re.compile(r"(?:unix|tcp|ssh)://\S+")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to wait for connections.

    Attributes:
        host: A name or an IP address without brackets; empty for every address of the machine.
        port: 0 for any port that is free.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """Return `host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen_address(text: str) -> ListenAddress:
    """Read `host:port`, `[IPv6]:port` or `:port`.

    Raises:
        ValueError: It is none of these.

    Examples:
        >>> str(listen_address("[::1]:9417")), listen_address(":9417").host
        ('[::1]:9417', '')
    """
    match = _LISTEN_ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > _MAX_PORT or not _is_ipv6(match["ipv6"] or "::"):
        raise ValueError(
            "is not an address to listen on; allowed: HOST:PORT, [IPV6]:PORT or :PORT, "
            f"ports 0 to {_MAX_PORT}"
        )
    return ListenAddress(match["ipv6"] or match["host"] or "", int(match["port"]))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def duration(text: str) -> float:
    """Read a duration as Prometheus writes it, or a number of seconds; give seconds.

    Raises:
        ValueError: It is neither.

    Examples:
        >>> duration("500ms"), duration("1m30s"), duration("3"), duration("0")
        (0.5, 90.0, 3.0, 0.0)
    """
    seconds = math.inf
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        parts = _DURATION_PART.findall(text)
        seconds = math.fsum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    if not math.isfinite(seconds):
        raise ValueError(
            "is not a duration; allowed: such as 3s, 500ms or 1m30s, or a number of seconds"
        )
    return seconds


def interval(text: str) -> float:
    """Read a duration that is not 0; give seconds.

    Raises:
        ValueError: It is not one.

    Examples:
        >>> interval("10m")
        600.0
    """
    seconds = duration(text)
    if seconds == 0:
        raise ValueError("is not longer than 0; allowed: such as 10m, or a number of seconds")
    return seconds


def whole_number(text: str) -> int:
    """Read a whole number, 0 or more.

    Raises:
        ValueError: It is not one, or one of more than nine digits.

    Examples:
        >>> whole_number("40")
        40
    """
    if _WHOLE_NUMBER.fullmatch(text) is None:
        raise ValueError("is not a whole number; allowed: 0 to 999999999")
    return int(text)


def positive_duration(text: str) -> float:
    """Read a duration that is longer than none, as `duration` does.

    Raises:
        ValueError: It is not one.

    Examples:
        >>> positive_duration("1m30s")
        90.0
    """
    seconds = duration(text)
    if seconds == 0:
        raise ValueError("is not a duration longer than 0; allowed: such as 10s or 500ms")
    return seconds


def positive_number(text: str) -> int:
    """Read a whole number, 1 or more.

    Raises:
        ValueError: It is not one.

    Examples:
        >>> positive_number("5")
        5
    """
    if _POSITIVE_NUMBER.fullmatch(text) is None:
        raise ValueError("is not a positive whole number; allowed: 1 to 999999999")
    return int(text)


def truth(text: str) -> bool:
    """Read `true` or `false`.

    Raises:
        ValueError: It is neither.

    Examples:
        >>> truth("true"), truth("False")
        (True, False)
    """
    if text.lower() not in ("true", "false"):
        raise ValueError("is not a yes or no; allowed: true, false")
    return text.lower() == "true"


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a reader that takes one of a few words.

    Examples:
        >>> one_of("logfmt", "json")("json")
        'json'
    """

    def choice(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is not one of the choices; allowed: {', '.join(choices)}")
        return text

    return choice


def url_path(text: str) -> str:
    """Read the path of a page, which must not lie where the exporter has pages of its own.

    Raises:
        ValueError: It is no such path.

    Examples:
        >>> url_path("/metrics")
        '/metrics'
    """
    if _URL_PATH.fullmatch(text) is None or text.startswith(_RESERVED_PATHS):
        raise ValueError(
            "is not a usable path; allowed: / and letters, digits, '_', '.', '~', '-' between "
            f"slashes, not below {' or '.join(_RESERVED_PATHS)}"
        )
    return text


def regular_expression(text: str) -> re.Pattern[str]:
    """Read a regular expression, for `fullmatch`.

    Raises:
        ValueError: It is not one.

    Examples:
        >>> regular_expression("web-.*").fullmatch("web-1") is not None
        True
    """
    try:
        with warnings.catch_warnings(action="error"):
            return re.compile(text)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as exc:
        raise ValueError(
            f"is not a regular expression ({exc}); allowed: Python's syntax, such as web-.*"
        ) from exc


def label_filter(text: str) -> tuple[str, str | None]:
    """Read `key` or `key=value`; None stands for any value.

    Raises:
        ValueError: The key is missing.

    Examples:
        >>> label_filter("tier=web"), label_filter("tier"), label_filter("tier=")
        (('tier', 'web'), ('tier', None), ('tier', ''))
    """
    key, equals, value = text.partition("=")
    if not key:
        raise ValueError("is not a label; allowed: KEY or KEY=VALUE")
    return key, value if equals else None


def pattern(text: str) -> str:
    """Read a pattern for the names of labels, in which `*` and `?` are wild.

    Raises:
        ValueError: It is empty.

    Examples:
        >>> pattern("com.example.*")
        'com.example.*'
    """
    if not text:
        raise ValueError("is not a pattern; allowed: the name of a label, * and ? as wild cards")
    return text


def engine_address(text: str) -> str:
    """Read the address of an engine, as `DOCKER_HOST` has it.

    Raises:
        ValueError: It is no address of a known kind.

    Examples:
        >>> engine_address("unix:///var/run/docker.sock")
        'unix:///var/run/docker.sock'
    """
    if _ENGINE_ADDRESS.fullmatch(text) is None:
        raise ValueError(NO_ADDRESS)
    return text
