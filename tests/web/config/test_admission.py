"""Headers, the rate limit, and what comes before what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bcrypt
import pytest

from tests.web.config.files import HASH
from tests.web.config.serving import REST, ask, configured, replace

if TYPE_CHECKING:
    from pathlib import Path

HEADERS = """
http_server_config:
  headers:
    Content-Security-Policy: default-src 'none'
    Strict-Transport-Security: max-age=31536000
    X-Content-Type-Options: nosniff
    X-Frame-Options: sameorigin
    X-XSS-Protection: 0
"""


class Clock:
    """A clock that goes when the test says so."""

    def __init__(self) -> None:
        """Begin anywhere."""
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give the path of a configuration."""
    return tmp_path / "web.yml"


def test_headers_are_on_every_answer(config: Path) -> None:
    """On refusals too; they take the place of the application's own, and what is blank is not."""
    config.write_text(f"{HEADERS}basic_auth_users: {{alice: {HASH}}}")
    with configured(config) as served:
        for answer in (ask(served), ask(served, auth=("alice", "secret"))):
            assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers.get_list("X-Frame-Options") == ["sameorigin"]
            assert answer.headers["X-XSS-Protection"] == "0"
        assert answer.headers["Server"] == "us"
        replace(config, "http_server_config: {headers: {X-XSS-Protection: }}")
        answer = ask(served)
        assert "X-XSS-Protection" not in answer.headers
        assert answer.headers["X-Frame-Options"] == "deny"


def test_rate_limit(config: Path) -> None:
    """A burst passes, then one for each interval; whoever comes too early is told when to come."""
    config.write_text("rate_limit: {interval: 2s, burst: 3}")
    clock = Clock()
    with configured(config, clock) as served:

        def statuses(number: int) -> list[int]:
            return [ask(served).status_code for _ in range(number)]

        assert statuses(5) == [200, 200, 200, 429, 429]
        clock.now += 1.0
        refused = ask(served)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert refused.text == "Too many requests (rate_limit).\n"
        clock.now += 1.0
        assert statuses(2) == [200, 429]
        clock.now += 3600.0
        assert statuses(4) == [200, 200, 200, 429]


def test_rate_limit_changes_at_once(config: Path) -> None:
    """What the old one had counted is forgotten; without an interval there is none."""
    config.write_text("rate_limit: {interval: 1h, burst: 1}")
    with configured(config, Clock()) as served:
        assert [ask(served).status_code for _ in range(2)] == [200, 429]
        replace(config, "rate_limit: {interval: 1s, burst: 1}")
        assert [ask(served).status_code for _ in range(2)] == [200, 429]
        replace(config, "rate_limit: {interval: 0, burst: 1}")
        assert [ask(served).status_code for _ in range(3)] == [200, 200, 200]


def test_rate_limit_comes_before_users(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it also limits guessing; and it holds for what has credentials of its own."""
    config.write_text(
        f"rate_limit: {{interval: 1s, burst: 1}}\nbasic_auth_users: {{alice: {HASH}}}"
    )
    compared: list[bytes] = []

    def count(password: bytes, _hashed: bytes) -> bool:
        compared.append(password)
        return False

    monkeypatch.setattr(bcrypt, "checkpw", count)
    clock = Clock()
    with configured(config, clock) as served:
        guesses = [ask(served, auth=("alice", f"{number}")).status_code for number in range(3)]
        assert guesses == [401, 429, 429]
        assert compared == [b"0"]
        assert ask(served, path=f"{REST}/containers").status_code == 429
        clock.now += 1.0
        assert ask(served, path=f"{REST}/containers").status_code == 200
