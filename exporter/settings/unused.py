"""Settings that have no effect beside the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.settings.load import load
from exporter.settings.table import TABLE

if TYPE_CHECKING:
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
