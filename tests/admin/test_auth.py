"""Tokens, and what is believed of where a request comes from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.datastructures import Headers

from exporter.errors import SettingsError
from exporter.settings.admin import TokenFile
from exporter.web.auth import (
    FailureLimit,
    Tokens,
    is_allowed_host,
    is_cross_origin,
    presented_token,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


def token_file(path: Path, text: str = f"{GOOD}\n", mode: int = 0o600) -> TokenFile:
    """Write a token file and return how it would be given."""
    path.write_text(text)
    path.chmod(mode)
    return TokenFile(path.name, path, frozenset({"read"}))


def owner(tokens: Tokens, presented: str) -> str | None:
    """Return whose token this is."""
    found = tokens.identify(presented.encode())
    return None if found is None else found.name


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "holds no usable token"),
        ("\n \n", "holds no usable token"),
        (GOOD[:31], "at least 32"),
        (f"{GOOD}\n{OTHER}\n", "visible ASCII"),
        (GOOD[:31] + "ą", "visible ASCII"),
    ],
    ids=["empty", "blank", "short", "two lines", "not ASCII"],
)
def test_unusable_token_is_refused(tmp_path: Path, text: str, cause: str) -> None:
    """The error names the flag, the file and what is allowed, and nothing of the token."""
    with pytest.raises(SettingsError, match=r"--admin\.token-file: '.*/ops'") as caught:
        Tokens([token_file(tmp_path / "ops", text)])
    assert cause in str(caught.value)
    assert GOOD[:8] not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """The error has the cause."""
    missing = TokenFile("ops", tmp_path / "ops", frozenset({"read"}))
    with pytest.raises(SettingsError, match="No such file"):
        Tokens([missing])


def test_name_of_two_tokens_is_refused(tmp_path: Path) -> None:
    """Records could not tell them apart."""
    one = token_file(tmp_path / "ops")
    other = replace(token_file(tmp_path / "new", OTHER), name="ops")
    with pytest.raises(SettingsError, match=r"'.*/ops' and '.*/new' are both called 'ops'; allow"):
        Tokens([one, other])


def test_token_of_two_names_is_refused(tmp_path: Path) -> None:
    """Records would name the wrong holder; nothing of the token is shown."""
    files = [token_file(tmp_path / name) for name in ("ops", "new")]
    with pytest.raises(SettingsError, match="'ops' and 'new' have the same token; allow") as caught:
        Tokens(files)
    assert GOOD[:8] not in str(caught.value)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_file_that_others_can_read_is_warned_of(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    mode: int,
    warned: bool,  # noqa: FBT001 -- a parameter
) -> None:
    """It is used all the same."""
    Tokens([token_file(tmp_path / "ops", mode=mode)])
    messages = [one.msg for one in caplog.records]
    assert messages == (["token file readable by others"] if warned else [])


@pytest.fixture
def secret() -> Iterator[Path]:
    """Give a path where engines mount secrets."""
    directory = Path("/run/secrets")
    was_there = directory.exists()
    path = directory / f"docker-exporter-test-{os.getpid()}"
    directory.mkdir(exist_ok=True)
    yield path
    path.unlink()
    if not was_there:
        directory.rmdir()


def test_secrets_of_engines_are_not_warned_of(
    secret: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """There everyone inside the container can read them, and nobody outside."""
    Tokens([token_file(secret, mode=0o444)])
    assert caplog.records == []


# -- comparing --------------------------------------------------------------------------------


def test_token_is_known_whatever_surrounds_it_in_its_file(tmp_path: Path) -> None:
    """White space at its ends is no part of it."""
    assert owner(Tokens([token_file(tmp_path / "ops", f" {GOOD}\r\n")]), GOOD) == "ops"


@pytest.mark.parametrize("wrong", ["", GOOD[:-1], f"{GOOD}x", GOOD.upper(), OTHER, "ąę", "\0" * 32])
def test_other_text_is_nobodys(tmp_path: Path, wrong: str) -> None:
    """Whatever its length and its characters are."""
    assert owner(Tokens([token_file(tmp_path / "ops")]), wrong) is None


def test_each_token_has_its_owner(tmp_path: Path) -> None:
    """The first as well as the last."""
    tokens = Tokens([token_file(tmp_path / "ops"), token_file(tmp_path / "am", OTHER)])
    assert (owner(tokens, GOOD), owner(tokens, OTHER)) == ("ops", "am")


# -- rotation ---------------------------------------------------------------------------------


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    """The new token is known, and the old one is nobody's."""
    tokens = Tokens([token_file(tmp_path / "ops")])
    token_file(tmp_path / "new", OTHER)
    (tmp_path / "new").rename(tmp_path / "ops")
    assert (owner(tokens, GOOD), owner(tokens, OTHER)) == (None, "ops")


def test_file_rewritten_in_place_is_read_again(tmp_path: Path) -> None:
    """The file is the same, and as long as before."""
    tokens = Tokens([token_file(tmp_path / "ops")])
    written = token_file(tmp_path / "ops", f"{OTHER}\n").path
    os.utime(written, ns=(0, 0))
    assert owner(tokens, OTHER) == "ops"


@pytest.mark.parametrize("fault", ["removed", "emptied"])
def test_lost_token_is_nobodys_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Taking the file away takes the right away; it is said once."""
    tokens = Tokens([token_file(tmp_path / "ops")])
    if fault == "removed":
        (tmp_path / "ops").unlink()
    else:
        (tmp_path / "ops").write_text("")
    assert [owner(tokens, GOOD), owner(tokens, GOOD), owner(tokens, "")] == [None] * 3
    assert [one.msg for one in caplog.records] == ["token lost"]
    token_file(tmp_path / "ops")
    assert owner(tokens, GOOD) == "ops"


def test_token_that_two_come_to_have_is_nobodys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a file has changed to another's token, it cannot be told whose it is."""
    tokens = Tokens([token_file(tmp_path / "ops"), token_file(tmp_path / "new", OTHER)])
    os.utime(token_file(tmp_path / "new").path, ns=(0, 0))
    assert owner(tokens, GOOD) is None
    assert caplog.records[-1].msg == "token refused that several have"
    assert vars(caplog.records[-1])["holders"] == "ops new"
    token_file(tmp_path / "new", OTHER)
    assert (owner(tokens, GOOD), owner(tokens, OTHER)) == ("ops", "new")


# -- the header -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([f"Bearer {GOOD}"], GOOD.encode()),
        ([f"bearer  {GOOD} "], GOOD.encode()),
        (["Bearer \xe9"], b"\xe9"),
        ([], None),
        ([GOOD], None),
        ([f"Basic {GOOD}"], None),
        ([f"Bearer {GOOD}", f"Bearer {OTHER}"], None),
    ],
    ids=["plain", "spaces", "not ASCII", "none", "no scheme", "other scheme", "two"],
)
def test_presented_token(values: list[str], expected: bytes | None) -> None:
    """One header, of the one scheme."""
    raw = [(b"authorization", value.encode("latin-1")) for value in values]
    assert presented_token(Headers(raw=raw)) == expected


# -- throttling -------------------------------------------------------------------------------


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.now


def failures(limit: FailureLimit, address: str | None, number: int) -> list[float | None]:
    """Fail so often, and return what each time is to be waited."""
    return [limit.fail(address) for _ in range(number)]


def test_failures_are_limited_for_each_address() -> None:
    """Ten at once, from then on one in six seconds; others are not concerned."""
    clock = Clock()
    limit = FailureLimit(clock)
    assert failures(limit, "10.0.0.1", 12) == [None] * 10 + [6.0, 6.0]
    assert failures(limit, "10.0.0.2", 1) == [None]
    clock.now += 6
    assert failures(limit, "10.0.0.1", 2) == [None, 6.0]
    clock.now += 3600
    assert failures(limit, "10.0.0.1", 11) == [None] * 10 + [6.0]


def test_addresses_of_one_network_are_one_client() -> None:
    """Of IPv6 everybody has 64 bits; of IPv4 the mapped form is the same."""
    limit = FailureLimit(Clock())
    failures(limit, "2001:db8::1", 10)
    assert failures(limit, "2001:db8::ffff%eth0", 1) == [6.0]
    assert failures(limit, "2001:db8:0:1::1", 1) == [None]
    failures(limit, "::ffff:10.0.0.1", 10)
    assert failures(limit, "::ffff:10.0.0.2", 1) == [None]
    assert failures(limit, None, 1) == [None]


def test_addresses_do_not_pile_up() -> None:
    """The one that failed longest ago is forgotten first."""
    limit = FailureLimit(Clock())
    failures(limit, "10.9.9.9", 10)
    for number in range(1024):
        limit.fail(f"10.0.{number // 256}.{number % 256}")
    assert failures(limit, "10.9.9.9", 1) == [None]


# -- browsers ---------------------------------------------------------------------------------

HOST = {"host": "exporter:9417"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://exporter:9417"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, False),
        ({"origin": "http://exporter:9417"}, False),
        ({"origin": "https://exporter:9417"}, False),
        ({"origin": "http://exporter"}, True),
        ({"origin": "http://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": "http://[bad"}, True),
    ],
    ids=str,
)
def test_cross_origin(headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001 -- a parameter
    """As Go's `http.CrossOriginProtection` decides; what changes nothing always passes."""
    assert is_cross_origin("POST", Headers(HOST | headers)) is expected
    assert is_cross_origin("GET", Headers(HOST | headers)) is False


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("192.168.1.2:9417", True),
        ("[::1]:9417", True),
        ("[fe80::1%25eth0]", True),
        ("localhost", True),
        ("LOCALHOST.:9417", True),
        ("good.example:9417", True),
        ("Good.Example.", True),
        ("evil.example", False),
        ("evil.example:9417", False),
        ("127.0.0.1.evil.example", False),
        ("evil.example#127.0.0.1", False),
        ("evil.example:127.0.0.1", False),
        ("", False),
        ("[", False),
        ("::1", False),
        ("2130706433", False),
    ],
)
def test_allowed_host(host: str, expected: bool) -> None:  # noqa: FBT001 -- a parameter
    """IP addresses, localhost and what was configured; nothing that only looks like it."""
    assert is_allowed_host(host, ("good.example",)) is expected
