"""What was given in vain: settings without effect, and variables that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.settings.load import load
from exporter.settings.nearest import nearest
from exporter.settings.setting import VARIABLE_PREFIX
from exporter.settings.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.settings import Settings


def without_admin_api(settings: Settings) -> tuple[str, ...]:
    """Return the flags of the admin API that were given in vain, as no token enables it.

    What was given as it is by default counts as not given.

    Examples:
        >>> without_admin_api(load({"admin_dry_run": "true"}, {}))
        ('--admin.dry-run',)
    """
    if settings.admin_token_file:
        return ()
    default = load({}, {})
    return tuple(
        setting.flag
        for setting in TABLE
        if setting.key.startswith("admin.")
        and getattr(settings, setting.name) != getattr(default, setting.name)
    )


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that look like settings and are none, each with a word of advice.

    They are no error: who puts containers together may set variables with the name of each.

    Examples:
        >>> unknown_variables({"DOCKER_EXPORTER_LOGLEVEL": "debug"})
        {'DOCKER_EXPORTER_LOGLEVEL': 'the nearest known one is DOCKER_EXPORTER_LOG_LEVEL'}
    """
    known = [setting.variable for setting in TABLE]
    return {
        variable: nearest(variable, known)
        for variable in sorted(environ)
        if variable.startswith(VARIABLE_PREFIX) and variable not in known
    }
