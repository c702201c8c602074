"""Who may scrape: user names and passwords, whose hashes are in the web configuration."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import Headers

# What bcrypt can tell apart.
_MAX_PASSWORD_BYTES = 72
# A hash that is nobody's, of a cost that is put in.
_NOBODY = "$2b${cost}$1A1e.7CmjbGIeNbNGWg2fulqMcLXBkLUp6u4dPlVTJVhBoMuHAKpO"
_REMEMBERED = 1024
_MAX_CHECKS = 32


class TooManyChecksError(Exception):
    """So many passwords are being checked that another would have to wait for long."""


class Passwords:
    """Checks passwords; for the event loop only.

    A check takes bcrypt a good part of a second, on purpose. So it runs in a thread, one at a
    time, and its result is remembered; under a keyed digest, so that no password is kept. What
    matched is remembered apart from what did not: nobody can make it forgotten by guessing.
    """

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bcrypt")
        self._key = secrets.token_bytes(32)
        self._results: dict[bool, OrderedDict[bytes, None]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }
        self._checks: dict[bytes, asyncio.Future[bool]] = {}

    def close(self) -> None:
        """Begin no further check."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def admit(self, headers: Headers, users: Mapping[str, str]) -> bool:
        """Return whether a request comes from a user.

        A name that is none of theirs costs the same as a wrong password, so that the time it
        takes does not tell names.

        Args:
            headers: Those of the request.
            users: The hashes of their passwords, by their names.

        Raises:
            TooManyChecksError: It cannot be told now.
        """
        credentials = _presented(headers)
        if credentials is None:
            return False
        name, password = credentials
        if len(password) > _MAX_PASSWORD_BYTES:
            return False
        hashed = users.get(name)
        # The cost stands in the same place in each of them.
        nobody = _NOBODY.format(cost=max(one[4:6] for one in users.values()))
        matches = await self._check(password, hashed or nobody)
        return matches and hashed is not None

    async def _check(self, password: bytes, hashed: str) -> bool:
        """Return whether a password has a hash."""
        # A hash has always the same length.
        digest = hmac.digest(self._key, hashed.encode() + password, "sha256")
        for matches, digests in self._results.items():
            if digest in digests:
                digests.move_to_end(digest)
                return matches
        check = self._checks.get(digest)
        if check is None:
            if len(self._checks) >= _MAX_CHECKS:
                raise TooManyChecksError
            loop = asyncio.get_running_loop()
            check = loop.run_in_executor(self._worker, _matches, password, hashed.encode())
            self._checks[digest] = check
            check.add_done_callback(lambda done: self._remember(digest, done))
        # Shielded, as others may wait for it.
        return await asyncio.shield(check)

    def _remember(self, digest: bytes, check: asyncio.Future[bool]) -> None:
        del self._checks[digest]
        if check.cancelled() or check.exception() is not None:
            return
        digests = self._results[check.result()]
        digests[digest] = None
        if len(digests) > _REMEMBERED:
            digests.popitem(last=False)


def _matches(password: bytes, hashed: bytes) -> bool:
    return bcrypt.checkpw(password, hashed)


def _presented(headers: Headers) -> tuple[str, bytes] | None:
    """Return the name and the password that a request brings; None where it brings none.

    That is also where it brings several, or what is no such pair.
    """
    values = headers.getlist("authorization")
    scheme, _, encoded = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = pair.partition(b":")
    return (name.decode(errors="surrogateescape"), password) if colon else None
