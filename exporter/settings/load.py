"""Gathers the settings from where they are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporter.settings.table import CONFIG_FILE, TABLE, Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from exporter.settings.file import Given
    from exporter.settings.setting import Setting


def load(flags: Mapping[str, Given], environ: Mapping[str, str]) -> Settings:
    """Gather the settings: a flag wins over the environment, that over the file.

    Args:
        flags: What was given on the command line, by the names of the fields of `Settings`.
        environ: The environment. An empty variable counts as not set.

    Raises:
        SettingsError: One of them cannot be used; the text names it, where it was given, its
            value and what is allowed.
    """
    path = _Sources(flags, environ).value_of(CONFIG_FILE)
    keys = [setting.key for setting in TABLE if setting is not CONFIG_FILE]
    sources = _Sources(flags, environ, {} if path is None else _read(path, keys), path)
    return Settings(**{setting.name: sources.value_of(setting) for setting in TABLE})


def _read(path: str, keys: Collection[str]) -> dict[str, Given]:
    """Read the file; only here, so that whoever gives none starts without a reader of YAML."""
    from exporter.settings.file import read  # noqa: PLC0415 -- as just said

    return read(path, keys)


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where settings are given, in the order in which they are asked."""

    flags: Mapping[str, Given]
    environ: Mapping[str, str]
    file: Mapping[str, Given] = field(default_factory=dict)
    path: str | None = None

    def value_of(self, setting: Setting) -> Any:  # noqa: ANN401 -- as that of a setting
        """Return the value of a setting from the first source that has it."""
        flag, variable = setting.flag, setting.variable
        if setting.name in self.flags:
            return setting.value_of(self.flags[setting.name], flag)
        if self.environ.get(variable):
            return setting.value_of(self.environ[variable], f"{flag} (from {variable})")
        if setting.key in self.file:
            return setting.value_of(self.file[setting.key], f"{flag} (from {self.path})")
        return None if setting.default is None else setting.value_of(setting.default, flag)
