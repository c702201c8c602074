"""Users and their passwords."""

from __future__ import annotations

import asyncio
import base64
import threading
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import bcrypt
import pytest
from starlette.datastructures import Headers

from exporter.web.config.users import Passwords, TooManyChecksError
from tests.support.waiting import wait_until
from tests.web.config.files import HASH
from tests.web.config.serving import REST, ask, configured, replace
from tests.web.serving import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

USERS = {"alice": HASH}


def hash_of(password: bytes, cost: int = 4) -> str:
    """Return a hash."""
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


def basic(name: str, password: str | bytes) -> str:
    """Return a header of a user."""
    secret = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(name.encode() + b":" + secret).decode()


def headers(*values: str) -> Headers:
    """Return the headers of a request with these credentials."""
    return Headers(raw=[(b"authorization", value.encode("latin-1")) for value in values])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give the path of a configuration with one user."""
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {{alice: {HASH}}}")
    return file


class Bcrypt:
    """The real one, which counts, and waits when it is told to.

    Attributes:
        hashes: What passwords were compared with.
        go: Lets it go on.
    """

    def __init__(self) -> None:
        """Begin with no comparison, and wait for nothing."""
        self.hashes: list[bytes] = []
        self.go = threading.Event()
        self.go.set()
        self._check = bcrypt.checkpw

    def check(self, password: bytes, hashed: bytes) -> bool:
        """Compare."""
        self.hashes.append(hashed)
        # Sooner than a client gives up: whoever waits for what only this can end is found out.
        assert self.go.wait(TIMEOUT_SECONDS / 2), "nobody lets it go on"
        return self._check(password, hashed)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Bcrypt:
    """Count what bcrypt has to do."""
    counted = Bcrypt()
    monkeypatch.setattr(bcrypt, "checkpw", counted.check)
    return counted


def run(scenario: Callable[[Passwords], Awaitable[None]]) -> None:
    """Run a scenario on an event loop."""

    async def whole() -> None:
        passwords = Passwords()
        try:
            await scenario(passwords)
        finally:
            passwords.close()

    asyncio.run(whole())


# -- over HTTP --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/nothing", "/api", "/api/v1"])
def test_user_is_asked_for_everywhere(config: Path, path: str) -> None:
    """Without one there is a 401 that says how; with one there is the answer."""
    with configured(config) as served:
        refused = ask(served, path=path)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Basic")
        assert refused.text == "This takes a user and a password (basic_auth_users).\n"
        assert ask(served, auth=("alice", "secret"), path=path).text == "hello"


def test_what_has_credentials_of_its_own_is_left_alone(config: Path) -> None:
    """A user's password neither helps nor hinders there."""
    with configured(config) as served:
        assert ask(served, path=f"{REST}/containers").text == "hello"
        assert ask(served, auth=("bob", "wrong"), path=f"{REST}/containers").text == "hello"
        for path in (f"{REST}x", f"/x{REST}/", f"{REST.upper()}/", f"/{REST}/"):
            connection = HTTPConnection(*served.address, timeout=TIMEOUT_SECONDS)
            connection.request("GET", path)
            assert connection.getresponse().status == 401
            connection.close()


def test_users_change_at_once(config: Path) -> None:
    """On open connections too; who has been taken out is out."""
    with configured(config) as served:
        connection = HTTPConnection(*served.address, timeout=TIMEOUT_SECONDS)

        def status(name: str, password: str) -> int:
            connection.request("GET", "/", headers={"Authorization": basic(name, password)})
            answer = connection.getresponse()
            answer.read()
            return answer.status

        assert [status("alice", "secret"), status("bob", "other")] == [200, 401]
        replace(config, f"basic_auth_users: {{bob: {hash_of(b'other')}}}")
        assert [status("alice", "secret"), status("bob", "other")] == [401, 200]
        replace(config, f"basic_auth_users: {{alice: {hash_of(b'new')}}}")
        assert [status("alice", "secret"), status("alice", "new")] == [401, 200]
        replace(config, "http_server_config: {http2: true}")
        assert [status("alice", "secret"), status("bob", "nobody")] == [200, 200]
        connection.close()


# -- what is accepted -------------------------------------------------------------------------

LONGEST = "x" * 72


@pytest.mark.parametrize(
    ("values", "admitted"),
    [
        ([basic("alice", "secret")], True),
        (["basic " + basic("alice", "secret")[6:]], True),
        (["BASIC  " + basic("alice", "secret")[6:] + " "], True),
        ([basic("zoë", "sécret:with:colons")], True),
        ([basic("longest", LONGEST)], True),
        ([basic("", "empty")], True),
        ([basic("nothing", "")], True),
        ([basic("bytes", b"\xff\x00\xfe")], True),
        ([basic("alice", "Secret")], False),
        ([basic("alice", "secret ")], False),
        ([basic("alice", "")], False),
        ([basic("Alice", "secret")], False),
        ([basic("bob", "secret")], False),
        # bcrypt itself would take no more than 72 bytes, or none.
        ([basic("longest", LONGEST + "x")], False),
        ([basic("longest", LONGEST + "é")], False),
        ([basic("bob", LONGEST + "x")], False),
        ([basic("alice", "x" * 100_000)], False),
        ([basic("bytes", b"\xff")], False),
        ([], False),
        ([""], False),
        (["Basic"], False),
        (["Basic "], False),
        (["Basic alice:secret"], False),
        (["Basic " + base64.b64encode(b"alice").decode()], False),
        (["Basic " + base64.b64encode(b"\xff:secret").decode()], False),
        (["Basic " + base64.b64encode(b"alice:secret").decode().rstrip("=") + "!"], False),
        (["Basic \xe9"], False),
        (["Bearer " + basic("alice", "secret")[6:]], False),
        (["Bearer secret"], False),
        ([basic("alice", "secret"), basic("alice", "secret")], False),
    ],
)
def test_credentials(values: list[str], *, admitted: bool) -> None:
    """Only a user's own name and password are good; whatever else comes is not, and no error."""
    users = {
        "alice": HASH,
        "zoë": hash_of("sécret:with:colons".encode()),
        "longest": hash_of(LONGEST.encode()),
        "": hash_of(b"empty"),
        "nothing": hash_of(b""),
        "bytes": hash_of(b"\xff\x00\xfe"),
    }

    async def scenario(passwords: Passwords) -> None:
        assert await passwords.admit(headers(*values), users) is admitted

    run(scenario)


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2x$", "$2y$"])
def test_every_kind_of_hash_is_checked(prefix: str) -> None:
    """Programs write different ones for the same thing."""
    users = {"alice": prefix + HASH[4:]}

    async def scenario(passwords: Passwords) -> None:
        assert await passwords.admit(headers(basic("alice", "secret")), users)
        assert not await passwords.admit(headers(basic("alice", "wrong")), users)

    run(scenario)


# -- what it costs ----------------------------------------------------------------------------


def test_nobody_costs_the_same_as_a_user(counted: Bcrypt) -> None:
    """One comparison each, with a hash of the highest cost that there is."""
    users = {"alice": HASH, "bob": hash_of(b"x", 5)}

    async def scenario(passwords: Passwords) -> None:
        for name in ("bob", "nobody", "somebody"):
            assert not await passwords.admit(headers(basic(name, f"wrong-{name}")), users)

    run(scenario)
    assert [hashed[:7] for hashed in counted.hashes] == [b"$2b$05$"] * 3
    assert counted.hashes[0].decode() == users["bob"]
    assert counted.hashes[1].decode() not in users.values()


def test_what_is_known_is_not_compared_again(counted: Bcrypt) -> None:
    """Neither what is right nor what is wrong, of a user or of nobody."""

    async def scenario(passwords: Passwords) -> None:
        for _ in range(3):
            assert await passwords.admit(headers(basic("alice", "secret")), USERS)
            assert not await passwords.admit(headers(basic("alice", "wrong")), USERS)
            assert not await passwords.admit(headers(basic("nobody", "wrong")), USERS)

    run(scenario)
    assert len(counted.hashes) == 3


def test_what_is_known_is_bounded_and_guesses_do_not_make_it_forgotten(
    counted: Bcrypt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client with the right password need not wait while somebody guesses."""
    monkeypatch.setattr("exporter.web.config.users._REMEMBERED", 4)

    async def scenario(passwords: Passwords) -> None:
        assert await passwords.admit(headers(basic("alice", "secret")), USERS)
        for number in range(6):
            assert not await passwords.admit(headers(basic("alice", f"{number}")), USERS)
        assert len(counted.hashes) == 7
        assert await passwords.admit(headers(basic("alice", "secret")), USERS)
        assert not await passwords.admit(headers(basic("alice", "5")), USERS)
        assert len(counted.hashes) == 7
        assert not await passwords.admit(headers(basic("alice", "0")), USERS)
        assert len(counted.hashes) == 8

    run(scenario)


def test_simultaneous_requests_share_a_comparison(counted: Bcrypt) -> None:
    """So that many scrapers which begin together do not wait for each other."""
    counted.go.clear()

    async def scenario(passwords: Passwords) -> None:
        asked = [passwords.admit(headers(basic("alice", "secret")), USERS) for _ in range(50)]
        asyncio.get_running_loop().call_later(0, counted.go.set)
        assert await asyncio.gather(*asked) == [True] * 50

    run(scenario)
    assert len(counted.hashes) == 1


def test_one_that_gives_up_leaves_the_others_theirs(counted: Bcrypt) -> None:
    """A client that goes away does not take the comparison with it."""
    counted.go.clear()

    async def scenario(passwords: Passwords) -> None:
        credentials = headers(basic("alice", "secret"))
        first, second = (asyncio.create_task(passwords.admit(credentials, USERS)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        counted.go.set()
        assert await second
        assert await passwords.admit(credentials, USERS)

    run(scenario)
    assert len(counted.hashes) == 1


def test_no_more_than_so_many_wait(counted: Bcrypt) -> None:
    """Who comes then is told so; who is known is let in all the same."""

    async def scenario(passwords: Passwords) -> None:
        assert await passwords.admit(headers(basic("alice", "secret")), USERS)
        counted.go.clear()
        guesses = [
            asyncio.create_task(passwords.admit(headers(basic("alice", f"{number}")), USERS))
            for number in range(32)
        ]
        await asyncio.sleep(0)
        with pytest.raises(TooManyChecksError):
            await passwords.admit(headers(basic("alice", "one more")), USERS)
        assert await passwords.admit(headers(basic("alice", "secret")), USERS)
        counted.go.set()
        assert await asyncio.gather(*guesses) == [False] * 32
        assert not await passwords.admit(headers(basic("alice", "one more")), USERS)

    run(scenario)


def test_the_loop_turns_while_bcrypt_works(counted: Bcrypt, config: Path) -> None:
    """Others are answered meanwhile."""
    counted.go.clear()
    with configured(config) as served:
        waiting = HTTPConnection(*served.address, timeout=TIMEOUT_SECONDS)
        waiting.request("GET", "/", headers={"Authorization": basic("alice", "secret")})
        wait_until(lambda: counted.hashes, TIMEOUT_SECONDS, "bcrypt is at work")
        assert ask(served, path=f"{REST}/containers").text == "hello"
        counted.go.set()
        assert waiting.getresponse().status == 200
        waiting.close()


def test_no_password_is_kept() -> None:
    """What is remembered is a digest, under a key that every process makes for itself."""

    async def scenario(passwords: Passwords) -> None:
        assert await passwords.admit(headers(basic("alice", "secret")), USERS)
        assert not await passwords.admit(headers(basic("alice", "hidden")), USERS)
        kept = repr(vars(passwords))
        assert "secret" not in kept
        assert "hidden" not in kept

    run(scenario)


def test_who_comes_when_too_many_wait_is_told_to_come_again(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no failure of his."""
    monkeypatch.setattr("exporter.web.config.users._MAX_CHECKS", 0)
    with configured(config) as served:
        answer = ask(served, auth=("alice", "secret"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.text == "Too many passwords are being checked.\n"
