"""How the program logs: one line for each record, as logfmt or JSON, to standard error.

Everyone logs through the standard library, with a constant message and fields in `extra`.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING

from exporter.errors import without_passwords

# structlog does without rich where that is missing. It would be loaded for pictures of errors that
# are not drawn here, and take time and memory from everyone who serves.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment] # which means: not to be found
try:
    from structlog import processors, stdlib
finally:
    del sys.modules["rich"]
    if _rich is not None:
        sys.modules["rich"] = _rich

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

# Control characters of ASCII and Latin-1, and Unicode's own line ends: what could forge a line or
# command a terminal. The renderer itself writes a newline as `\n`.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure(level: str, style: str) -> None:
    """Send every log record of the program to standard error.

    Args:
        level: `debug`, `info`, `warn` (or `warning`) or `error`: what is less grave is not shown.
        style: `logfmt` or `json`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(style))
    logging.basicConfig(level=_LEVELS[level], handlers=[handler], force=True)


def formatter(style: str) -> logging.Formatter:
    """Return what turns a record into its line, in one of the two styles."""
    render: list[Processor]
    if style == "json":
        render = [processors.JSONRenderer()]
    else:
        order = ["ts", "level", "logger", "message"]
        render = [_neutralise, processors.LogfmtRenderer(key_order=order, bool_as_flag=False)]
    return stdlib.ProcessorFormatter(
        # The extra fields come before the rest, so that none of them can pose as it.
        foreign_pre_chain=[
            processors.EventRenamer("message"),
            stdlib.ExtraAdder(),
            stdlib.add_log_level,
            stdlib.add_logger_name,
            processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            processors.format_exc_info,
        ],
        processors=[stdlib.ProcessorFormatter.remove_processors_meta, _hide_passwords, *render],
    )


def _hide_passwords(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Make passwords in URLs unreadable: those of other libraries' errors, above all."""
    return {
        key: without_passwords(value) if isinstance(value, str) else value
        for key, value in fields.items()
    }


def _neutralise(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Write the control characters in values as escapes."""
    return {
        key: value if value is None or isinstance(value, bool) else _escape(str(value))
        for key, value in fields.items()
    }


def _escape(text: str) -> str:
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
