"""Which format and encoding to answer a scrape in.

The negotiation is that of RFC 9110 (12.4.2, 12.5.1): for each format the most specific entry that
fits it gives its quality, and the best quality wins. prometheus_client's own ignores qualities,
and fails on a malformed version.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The schemes that leave alone names of letters, digits and underscores, as all of ours are.
# `dots` does not: who asks for it is answered in the default.
_ESCAPING_SCHEMES = ("allow-utf-8", "underscores", "values")
_DEFAULT_ESCAPING = "underscores"


class Format(Enum):
    """The text formats of Prometheus by media type and version, the first being the default."""

    TEXT_0_0_4 = ("text/plain", "0.0.4")
    OPENMETRICS_1_0_0 = ("application/openmetrics-text", "1.0.0")
    TEXT_1_0_0 = ("text/plain", "1.0.0")

    def content_type(self, escaping: str) -> str:
        """Return the content type; 0.0.4 is older than the schemes of escaping."""
        media_type, version = self.value
        text = f"{media_type}; version={version}; charset=utf-8"
        return text if self is Format.TEXT_0_0_4 else f"{text}; escaping={escaping}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a header that lists what a client accepts.

    Attributes:
        place: Which one it is, from 0.
        name: A media range or an encoding, in small letters.
    """

    place: int
    name: str
    parameters: Mapping[str, str]
    quality: float

    def specificity(self, format_: Format) -> int:
        """Return how closely this describes a format, 0 for not at all."""
        media_type, version = format_.value
        if self.name == media_type:
            asked = self.parameters.get("version")
            if asked is None:
                return 3
            return 4 if asked == version else 0
        if self.name == f"{media_type.partition('/')[0]}/*":
            return 2
        return 1 if self.name == "*/*" else 0


def negotiate(accept: str) -> tuple[Format, str]:
    """Choose the format of an answer.

    Args:
        accept: The `Accept` header, empty where there is none. An entry that makes no sense is
            passed over. Where nothing acceptable is left, the default is sent all the same: a
            scraper says better what is wrong with that than with an error.

    Returns:
        The format, and the content type to send it with.

    Examples:
        >>> negotiate("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5")[0].name
        'OPENMETRICS_1_0_0'
        >>> negotiate("text/html,*/*;q=0.1")[1]
        'text/plain; version=0.0.4; charset=utf-8'
    """
    entries = _entries(accept)
    offers = [(format_, _closest(entries, format_)) for format_ in Format]
    acceptable = [(format_, entry) for format_, entry in offers if entry and entry.quality > 0]
    if not acceptable:
        return Format.TEXT_0_0_4, Format.TEXT_0_0_4.content_type(_DEFAULT_ESCAPING)
    # Of equal qualities, one that was named wins over a wildcard, then the one named first.
    chosen, entry = max(
        acceptable, key=lambda offer: (offer[1].quality, "*" not in offer[1].name, -offer[1].place)
    )
    escaping = entry.parameters.get("escaping")
    known = escaping if escaping in _ESCAPING_SCHEMES else _DEFAULT_ESCAPING
    return chosen, chosen.content_type(known)


def _closest(entries: Sequence[_Entry], format_: Format) -> _Entry | None:
    """Return the entry that describes a format most closely, the first of several such."""
    fitting = [entry for entry in entries if entry.specificity(format_)]
    return max(fitting, key=lambda entry: entry.specificity(format_), default=None)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an answer may be compressed, by the `Accept-Encoding` header.

    Examples:
        >>> accepts_gzip("deflate, gzip;q=0.5"), accepts_gzip("*"), accepts_gzip("gzip;q=0, *")
        (True, True, False)
    """
    qualities = {entry.name: entry.quality for entry in _entries(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _entries(header: str) -> list[_Entry]:
    """Read a header that lists what a client accepts, without the entries that make no sense."""
    entries = []
    for place, text in enumerate(header.split(",")):
        name, *rest = (part.strip() for part in text.split(";"))
        parameters = dict(_parameter(part) for part in rest)
        quality = _quality(parameters.get("q", "1"))
        if quality is not None:
            entries.append(_Entry(place, name.lower(), parameters, quality))
    return entries


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _quality(text: str) -> float | None:
    """Return a quality from 0 to 1, or None for anything else."""
    try:
        quality = float(text)
    except ValueError:
        return None
    return quality if 0 <= quality <= 1 else None
