"""The settings as options of a command."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import click

from exporter.settings import load
from exporter.settings.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.settings.file import Given
    from exporter.settings.setting import Setting


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, or a group of them, every setting as an option.

    What is decorated is called with the `Settings` first, and with whatever else the command
    takes. The options may stand before or after the name of a subcommand. A group is called only
    if there is none.
    """

    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, **arguments: Any) -> None:  # noqa: ANN401 -- click's
        given = {setting.name: arguments.pop(setting.name) for setting in TABLE}
        context.obj = (context.obj or {}) | {
            name: _text(value) for name, value in given.items() if value not in (None, ())
        }
        if context.invoked_subcommand is None:
            command(load(context.obj, os.environ), **arguments)

    for setting in reversed(TABLE):
        _option(setting)(run)
    return run


def _option(setting: Setting) -> Callable[[Callable[..., None]], object]:
    meaning = setting.meaning.replace("`", "")
    if setting.is_switch:
        names = f"{setting.flag}/--no-{setting.key}"
        return click.option(names, setting.name, default=None, help=meaning)
    default = f" [default: {setting.default}]" if setting.default else ""
    return click.option(
        setting.flag,
        setting.name,
        metavar=setting.metavar,
        multiple=setting.repeatable,
        help=meaning + default,
    )


def _text(value: bool | str | tuple[str, ...]) -> Given:  # noqa: FBT001 -- what click gives
    """Return what was given as the text that any other source would have."""
    if isinstance(value, tuple):
        return ",".join(value)
    return value if isinstance(value, str) else str(value).lower()
