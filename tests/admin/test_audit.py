"""The audit: what is written of each attempt, where, and how it is read again."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import logs
from exporter.actions.audit import AuditLog, Outcome, check_audit_file, neutralise
from exporter.errors import SettingsError
from tests.admin.values import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of an audit file."""
    return tmp_path / "audit"


@pytest.fixture
def audit(path: Path) -> Iterator[AuditLog]:
    """Give an audit log with a file."""
    log = AuditLog(path)
    yield log
    log.close()


@pytest.mark.parametrize("look", [AuditLog, check_audit_file])
def test_file_that_cannot_be_read_is_an_error_at_the_start(look: Callable[[Path], object]) -> None:
    """What was done before counts for the budget of today, so it must be known."""
    # Not below pytest's own directory, into which only root can look.
    with TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        file = Path(directory, "audit")
        file.touch(0o200)
        os.chown(file, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(SettingsError, match="cannot be written and read"):
                look(file)
        finally:
            os.seteuid(0)


def test_file_has_a_line_of_json_for_each_attempt(audit: AuditLog, path: Path) -> None:
    """Every field is there, also those that are not known."""
    audit.write(record())
    [line] = path.read_text().splitlines()
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20Z",
        "request_id": "0000000000000000",
        "trigger": "api",
        "action": "restart",
        "outcome": "done",
        "address": None,
        "token_name": None,
        "container": "web",
        "container_id": "0123456789ab" + "c" * 52,
        "parameters": {},
        "reason": None,
        "detail": "",
        "retry_after_seconds": None,
        "duration_seconds": 0.0,
        "state_after": None,
        "health_after": None,
        "dependents": None,
    }


def test_file_is_added_to(path: Path) -> None:
    """What earlier processes have written stays."""
    for detail in ("first", "second"):
        log = AuditLog(path)
        log.write(record(detail=detail))
        log.close()
    assert [json.loads(line)["detail"] for line in path.read_text().splitlines()] == [
        "first",
        "second",
    ]


def test_rotated_file_is_begun_anew(audit: AuditLog, path: Path) -> None:
    """After a rename, records go to a new file of the old name."""
    audit.write(record(detail="before"))
    path.rename(path.with_suffix(".1"))
    audit.write(record(detail="after"))
    assert json.loads(path.read_text())["detail"] == "after"
    assert json.loads(path.with_suffix(".1").read_text())["detail"] == "before"


def test_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """The error names the flag, the file and the cause."""
    with pytest.raises(SettingsError, match=r"--admin\.audit-file: '.*/none/audit'.*No such file"):
        AuditLog(tmp_path / "none" / "audit")


def test_failure_to_write_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk costs the record in the file, and nothing else."""
    log = AuditLog(Path("/dev/full"))
    log.write(record())
    log.close()
    [said] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert said.msg == "audit record not written"
    assert "No space left" in said.__dict__["error"]
    assert len(log.recent()) == 1


def test_level_of_other_logs_does_not_hide_it(
    caplog: pytest.LogCaptureFixture, audit: AuditLog
) -> None:
    """The line is there although the program logs errors only."""
    caplog.set_level(logging.ERROR)
    caplog.handler.setLevel(logging.NOTSET)
    audit.write(record())
    assert [one.msg for one in caplog.records] == ["action attempted"]


def test_earlier_records_are_read_again(audit: AuditLog, path: Path) -> None:
    """They are the same values; what is no record is passed over."""
    written = [audit.write(record(outcome)) for outcome in Outcome]
    with path.open("a") as file:
        file.write('{"time": "2023-11-14T22:13:20Z"}\nnot JSON\n{"cut sh')
    assert list(audit.earlier()) == written


def test_only_the_end_of_a_long_file_is_read(audit: AuditLog, path: Path) -> None:
    """A line that the beginning of the tail cuts is passed over."""
    first = audit.write(record(detail="x" * 5_000_000))
    last = audit.write(record())
    assert path.stat().st_size > 5_000_000
    assert first not in (found := list(audit.earlier()))
    assert found == [last]


def test_without_a_file_nothing_is_earlier() -> None:
    """It is no error."""
    assert list(AuditLog().earlier()) == []


def test_recent_are_the_newest_first(audit: AuditLog) -> None:
    """There is an end to how many are kept."""
    for number in range(300):
        audit.write(record(detail=str(number)))
    assert [one.detail for one in audit.recent()] == [str(n) for n in range(299, 99, -1)]


HOSTILE = 'web\r\nlevel=info outcome=done\x1b[2J\x9b1m\u202e\u2028"'


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_hostile_text_is_harmless(
    audit: AuditLog, path: Path, caplog: pytest.LogCaptureFixture, style: str
) -> None:
    """It stays on one line of the log and of the file, and commands no terminal."""
    audit.write(
        replace(record(), container=HOSTILE, detail=HOSTILE, parameters={"reason": HOSTILE})
    )
    lines = [logs.formatter(style).format(one) for one in caplog.records]
    for text in (*lines, path.read_text().removesuffix("\n")):
        assert text.isprintable()
        assert len(text.splitlines()) == 1
    [shown] = audit.recent()
    assert shown.container == shown.parameters["reason"] == neutralise(HOSTILE)


@given(st.text())
def test_neutralised_text_is_one_printable_line(text: str) -> None:
    """Whatever it was, and what was harmless is unchanged."""
    clean = neutralise(text)
    assert len(clean.splitlines()) <= 1
    assert clean.encode("utf-8").decode() == clean
    assert clean == text or not text.isprintable()
