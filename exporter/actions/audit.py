"""The audit: one record of every attempt, to a logger of its own and to a file.

Whatever came from outside is made harmless to terminals and to programs that read lines.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime  # noqa: TC003 -- msgspec reads the annotations
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from exporter.actions.guard import Trigger  # noqa: TC001 -- as above
from exporter.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

_SHOWN = 200
_TAIL_BYTES = 4 * 1024 * 1024

# Control characters, line ends of Unicode's own, what turns the direction of writing, and halves
# of characters, which cannot be encoded.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Outcome(StrEnum):
    """What came of an attempt."""

    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    DRY_RUN = "dry_run"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One attempt: what was asked, by whom, and what came of it.

    Attributes:
        time: When it was asked.
        request_id: Tells attempts apart; an answer has it as well.
        address: Where it came from; None where that is not known.
        token_name: Whose token it came with; None where there was no valid one.
        action: `restart`, `start` or `stop`; `unknown` for another word in an alert.
        container: Its name, as far as it is known.
        container_id: None where the container was not found, or not looked for.
        parameters: Whatever else was asked for.
        reason: Why it was not done, in one word; None for what was done.
        detail: The same in a sentence.
        retry_after_seconds: When to ask again, where waiting helps.
        duration_seconds: How long it took.
        state_after: The container's state at the end; None where it is not known.
        health_after: Its health at the end; None where it has none, or it is not known.
        dependents: The names of the containers that share its network; None where nobody looked,
            or the engine did not tell.
    """

    time: Annotated[datetime, Meta(tz=True)]
    request_id: str
    trigger: Trigger
    action: str
    outcome: Outcome
    address: str | None = None
    token_name: str | None = None
    container: str | None = None
    container_id: str | None = None
    parameters: dict[str, str | int | bool] = field(default_factory=dict)
    reason: str | None = None
    detail: str = ""
    retry_after_seconds: float | None = None
    duration_seconds: float = 0.0
    state_after: str | None = None
    health_after: str | None = None
    dependents: tuple[str, ...] | None = None


def neutralise(text: str) -> str:
    r"""Return a text with its harmful characters written as escapes.

    Examples:
        >>> neutralise("web\r\noutcome=done \x9b31m")
        'web\\r\\noutcome=done \\x9b31m'
    """
    return _HARMFUL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class AuditLog:
    """Where records go. Safe to use from many threads.

    Every record is a line of the logger `exporter.actions.audit` at level info, whatever the
    level of other logs is; and one of JSON in the file, which is opened anew after a rotation.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, if there is to be one.

        Raises:
            SettingsError: It cannot be written, or not read.
        """
        logger.setLevel(logging.INFO)
        self._recent: deque[Record] = deque(maxlen=_SHOWN)
        self._lock = threading.Lock()
        self._path = path
        self._file: _File | None = None
        if path is not None:
            with _complaining(path):
                self._file = _File(path)

    def write(self, record: Record) -> Record:
        """Write a record, and return it as it was written."""
        clean = _clean(record)
        logger.info("action attempted", extra=_extra(clean))
        if self._file is not None:
            self._file.add(msgspec.json.encode(clean))
        with self._lock:
            self._recent.append(clean)
        return clean

    def recent(self) -> list[Record]:
        """Return the last records of this process, the newest first."""
        with self._lock:
            return list(reversed(self._recent))

    def earlier(self) -> Iterator[Record]:
        """Yield what the file holds of earlier processes, as far back as its last megabytes."""
        if self._path is None:
            return
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            for line in file:
                try:
                    yield msgspec.json.decode(line, type=Record)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    # The tail may begin in the middle of a line, or a crash have cut one short.
                    continue

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def check_audit_file(path: Path) -> None:
    """Make sure that a file can be written, and leave no trace: none is made.

    Raises:
        SettingsError: It cannot; the text is the one that `AuditLog` would give.
    """
    with _complaining(path):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_APPEND))
        except FileNotFoundError:
            # The start would make it. Whoever looks may be another user, who must not own it then.
            path.parent.stat()
            if not os.access(path.parent, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "its directory is not writable") from None


@contextmanager
def _complaining(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise SettingsError(
            f"--admin.audit-file: '{path}' cannot be written and read ({exc.strerror}); "
            "allowed: a file that can be read and appended to"
        ) from exc


class _File:
    """A file that lines are added to, and that is opened anew after a rotation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stream = path.open("a+b", buffering=0)

    def add(self, line: bytes) -> None:
        """Add a line; a failure is logged."""
        try:
            with self._lock:
                if self._has_been_rotated():
                    old, self._stream = self._stream, self._path.open("a+b", buffering=0)
                    old.close()
                self._stream.write(line + b"\n")
        except OSError as error:
            extra = {"file": str(self._path), "error": str(error)}
            logger.error("audit record not written", extra=extra)  # noqa: TRY400 -- said in a word

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def _has_been_rotated(self) -> bool:
        try:
            return not os.path.samestat(self._path.stat(), os.fstat(self._stream.fileno()))
        except FileNotFoundError:
            return True


def _clean(record: Record) -> Record:
    """Neutralise what may hold words of a caller or of the engine."""
    return replace(
        record,
        container=None if record.container is None else neutralise(record.container),
        detail=neutralise(record.detail),
        parameters={
            key: neutralise(value) if isinstance(value, str) else value
            for key, value in record.parameters.items()
        },
    )


def _extra(record: Record) -> dict[str, object]:
    """Return the fields of a log line: without those that say nothing."""
    plain: dict[str, object] = msgspec.to_builtins(record)
    plain["parameters"] = msgspec.json.encode(record.parameters).decode()
    plain["dependents"] = ",".join(record.dependents or ())
    return {key: value for key, value in plain.items() if value not in (None, "", "{}")}
