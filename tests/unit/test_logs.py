"""The lines of the log."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from exporter.logs import configure, formatter
from exporter.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator

NASTY = 'a="b" level=error\nts=now\r\x1b[2J\x00\x85\u2028end'


@pytest.fixture
def _root_logger() -> Iterator[None]:
    """Give the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def line(style: str, message: str = "engine found", **extra: object) -> str:
    """Return the line of one record."""
    record = logging.getLogger("exporter.test").makeRecord(
        "exporter.test", logging.INFO, __file__, 1, message, (), None, extra=extra
    )
    return formatter(style).format(record)


def as_json(text: str) -> dict[str, Any]:
    """Return the fields of a JSON line."""
    fields: dict[str, Any] = json.loads(text)
    return fields


def test_logfmt_line_has_its_fields_in_order() -> None:
    """Time, level, logger and message come first, then what the caller added."""
    stamp, rest = line("logfmt", mode="sdk", containers=3, up=True, error=None).split(" ", 1)
    assert stamp.startswith("ts=")
    assert rest == (
        'level=info logger=exporter.test message="engine found" '
        "mode=sdk containers=3 up=true error="
    )


def test_json_line_has_the_same_fields() -> None:
    """A JSON line is one object, with numbers as numbers."""
    fields = as_json(line("json", mode="sdk", containers=3))
    assert fields.pop("ts")
    assert fields == {
        "level": "info",
        "logger": "exporter.test",
        "message": "engine found",
        "mode": "sdk",
        "containers": 3,
    }


def test_time_is_in_utc() -> None:
    """The time stamp is ISO 8601 in UTC, and that of the record."""
    stamp = datetime.fromisoformat(as_json(line("json"))["ts"])
    assert stamp.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - stamp) < timedelta(minutes=1)


@pytest.mark.parametrize("style", ["logfmt", "json"])
@pytest.mark.parametrize("where", ["message", "field", "object"])
def test_hostile_text_stays_in_its_line(style: str, where: str) -> None:
    """No text can begin a line of its own, or reach a terminal as a command."""
    value = ValueError(NASTY) if where == "object" else NASTY
    text = line(style, NASTY) if where == "message" else line(style, container=value)
    assert text.isprintable()
    assert text.count(" level=info") + text.count('"level": "info"') == 1


def test_fields_cannot_pose_as_the_record() -> None:
    """What a caller calls `level`, `logger` or `ts` does not replace the real one."""
    fields = as_json(line("json", level="critical", logger="root", ts="never", event="x"))
    assert (fields["level"], fields["logger"]) == ("info", "exporter.test")
    assert fields["ts"] != "never"
    assert (fields["message"], fields["event"]) == ("engine found", "x")


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_traceback_is_a_field(style: str) -> None:
    """An exception costs no line of its own."""
    try:
        raise ValueError("broken")  # noqa: TRY301 -- a traceback is what is wanted
    except ValueError as exc:
        record = logging.LogRecord(
            "exporter.test", logging.ERROR, __file__, 1, "failed", (), (type(exc), exc, None)
        )
    text = formatter(style).format(record)
    assert "ValueError: broken" in text
    assert "\n" not in text


@pytest.mark.usefixtures("_root_logger")
@pytest.mark.parametrize("level", ["warn", "warning"])
def test_level_holds_for_everyone(capsys: pytest.CaptureFixture[str], level: str) -> None:
    """Other packages log through the same lines, from the level that was asked for.

    The word that stands in the lines may be asked for too.
    """
    configure(load({"log_level": level}, {}).log_level, "logfmt")
    logging.getLogger("another.package").info("quiet")
    logging.getLogger("another.package").warning("loud")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("level=warning logger=another.package message=loud")


@pytest.mark.usefixtures("_root_logger")
def test_configuring_again_does_not_double_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """There is one handler, whatever was there before."""
    configure("info", "json")
    configure("info", "json")
    logging.getLogger("exporter.test").info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_passwords_in_urls_are_unreadable(style: str) -> None:
    """Also those in the errors of other libraries, wherever they stand in a record."""
    error = ValueError("cannot parse http://user:secret@docker-1:2375")
    failure = (type(error), error, None)
    record = logging.LogRecord("x", logging.ERROR, "", 0, "lost tcp://u:secret@h", (), failure)
    record.address = "tcp://user:sec/r@secret@docker-1:2375"
    text = formatter(style).format(record)
    assert "secret" not in text
    assert text.count(":***@") >= 3
