"""What one setting is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.errors import SettingsError
from exporter.settings import parsers

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.settings.file import Given


def split_at_commas(text: str) -> tuple[str, ...]:
    """Split a text at its commas."""
    return tuple(part.strip() for part in text.split(","))


# What every environment variable of a setting begins with.
VARIABLE_PREFIX = "DOCKER_EXPORTER_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings.

    Attributes:
        key: The name in the file, nesting written as dots: `web.max-requests`.
        parse: Makes the value of a text, or raises a `ValueError`.
        meaning: What it does, in sentences.
        default: As text; None where there is no value by default.
        metavar: What the value is called in help texts; empty for a switch.
        repeatable: Whether it takes many values: the flag several times, commas, a YAML list.
        split: Splits a text into the values of a repeatable setting.
    """

    key: str
    parse: Callable[[str], object]
    meaning: str
    default: str | None = None
    metavar: str = ""
    repeatable: bool = False
    split: Callable[[str], tuple[str, ...]] = split_at_commas

    @property
    def name(self) -> str:
        """The field of `Settings`: `web_max_requests`."""
        return re.sub(r"[.-]", "_", self.key)

    @property
    def flag(self) -> str:
        """The flag: `--web.max-requests`."""
        return f"--{self.key}"

    @property
    def variable(self) -> str:
        """The environment variable: `DOCKER_EXPORTER_WEB_MAX_REQUESTS`."""
        return VARIABLE_PREFIX + self.name.upper()

    @property
    def is_switch(self) -> bool:
        """Whether the flag stands alone, without a value."""
        return self.parse is parsers.truth

    def value_of(self, given: Given, source: str) -> Any:  # noqa: ANN401 -- each row has a type of its own
        """Return the value, a tuple of values for a repeatable setting.

        Args:
            given: A text, split at its commas if the setting is repeatable; or texts.
            source: Where it comes from, for the error.

        Raises:
            SettingsError: The text cannot be used.
        """
        if self.repeatable:
            texts = given
            if isinstance(given, str):
                texts = self.split(given) if given.strip() else ()
            if self.default and not texts:
                raise SettingsError(
                    f"{source}: nothing is given; allowed: one {self.metavar} or more"
                )
            return tuple(self._parse(text, source) for text in texts)
        if not isinstance(given, str):
            raise SettingsError(f"{source}: a list is not one value; allowed: one {self.metavar}")
        return self._parse(given, source)

    def _parse(self, text: str, source: str) -> object:
        try:
            return self.parse(text)
        except ValueError as exc:
            raise SettingsError(f"{source}: {json.dumps(text)} {exc}") from exc
