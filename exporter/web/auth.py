"""Who asks: tokens, and what browsers say of where a request comes from."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import re
import stat
import threading
import time
from collections import OrderedDict
from itertools import combinations
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exporter.errors import SettingsError
from exporter.web.bucket import TokenBucket
from exporter.web.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from starlette.datastructures import Headers

    from exporter.settings.admin import TokenFile
    from exporter.web.stamp import Stamp

logger = logging.getLogger(__name__)

MIN_TOKEN_LENGTH = 32

# Ten failures at once are an honest mistake.
_FAILURES = TokenBucket(interval=6.0, burst=10)
_MAX_ADDRESSES = 1024

_TOKEN = re.compile(rb"[\x21-\x7e]+")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Tokens:
    """The tokens that are accepted: a file that changes is read again. Safe from many threads."""

    def __init__(self, files: Iterable[TokenFile]) -> None:
        """Read every file.

        Raises:
            SettingsError: One cannot be used, or it cannot be told whose a token is; the text
                says why, and nothing of what is in it.
        """
        self._entries = [_Entry(file) for file in files]
        self._lock = threading.Lock()
        for entry in self._entries:
            entry.read()
            if entry.fault is not None:
                raise SettingsError(f"--admin.token-file: {entry.fault}")
        for one, other in combinations(self._entries, 2):
            if one.file.name == other.file.name:
                raise SettingsError(
                    f"--admin.token-file: '{one.file.path}' and '{other.file.path}' are both called"
                    f" '{one.file.name}'; allowed: a name for each token, by which records tell"
                    " who acted"
                )
            if one.digest == other.digest:
                raise SettingsError(
                    f"--admin.token-file: '{one.file.name}' and '{other.file.name}' have the same"
                    " token; allowed: a token for each name, so that records can tell who acted"
                )

    def identify(self, presented: bytes) -> TokenFile | None:
        """Return whose token this is; None where it is nobody's, or that of two since the start.

        Digests are compared, all of them, each in constant time: how long it takes tells nothing
        of any token, nor of its length.
        """
        digest = hashlib.sha256(presented).digest()
        found: list[TokenFile] = []
        with self._lock:
            for entry in self._entries:
                entry.read_again()
                if hmac.compare_digest(digest, entry.digest):
                    found.append(entry.file)
        if len(found) > 1:
            names = " ".join(file.name for file in found)
            logger.error("token refused that several have", extra={"holders": names})
        return found[0] if len(found) == 1 else None


class _Entry:
    """One token file, and what was last read from it.

    Attributes:
        file: Where it is.
        digest: Of the token; of nothing that could be presented while there is none.
        fault: Why there is none; None while there is.
    """

    def __init__(self, file: TokenFile) -> None:
        self.file = file
        self.digest = b""
        self.fault: str | None = None
        self._stamp: Stamp = None

    def read(self) -> None:
        """Read the file."""
        self.digest, self.fault = b"", None
        self._stamp = stamp(self.file.path)
        path = self.file.path
        try:
            mode = path.stat().st_mode
            token = path.read_bytes().strip()
        except OSError as exc:
            self.fault = f"'{path}' is not readable ({exc.strerror}); allowed: a file with a token"
            return
        if len(token) < MIN_TOKEN_LENGTH or _TOKEN.fullmatch(token) is None:
            self.fault = (
                f"'{path}' holds no usable token; allowed: one of at least {MIN_TOKEN_LENGTH}"
                " visible ASCII characters, such as `openssl rand -hex 32` prints"
            )
            return
        self.digest = hashlib.sha256(token).digest()
        # Engines mount secrets there, readable by everyone inside the container.
        if mode & stat.S_IROTH and not path.is_relative_to("/run/secrets"):
            logger.warning("token file readable by others", extra={"file": str(path)})

    def read_again(self) -> None:
        """Read the file if it has changed; a token that is gone is no longer accepted."""
        if stamp(self.file.path) == self._stamp:
            return
        self.read()
        name = self.file.name
        if self.fault is None:
            logger.info("token read again", extra={"token_name": name})
        else:
            logger.error("token lost", extra={"token_name": name, "error": self.fault})


class FailureLimit:
    """How many failed authentications an address may have. Safe to use from many threads.

    It limits what failures may cost: records, counts, log lines. A valid token is never refused
    for the failures of others at the same address: behind a proxy, that would let anybody lock
    everybody out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with no failures."""
        self._clock = clock
        self._lock = threading.Lock()
        # When the failures of an address will have been forgotten.
        self._clear_at: OrderedDict[str, float] = OrderedDict()

    def fail(self, address: str | None) -> float | None:
        """Count a failure.

        Returns:
            None for one that may be answered as usual; otherwise in how many seconds the next
            one may be.
        """
        who, now = _network(address), self._clock()
        with self._lock:
            self._clear_at[who], wait = _FAILURES.take(self._clear_at.pop(who, now), now)
            if len(self._clear_at) > _MAX_ADDRESSES:
                self._clear_at.popitem(last=False)
        return wait or None


def _network(address: str | None) -> str:
    """Return what one client is known by: of IPv6, everybody has 64 bits of addresses."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def presented_token(headers: Headers) -> bytes | None:
    """Return the bearer token that a request brings; None where it brings none, or several."""
    values = headers.getlist("authorization")
    if len(values) != 1:
        return None
    scheme, _, token = values[0].partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" else None


def is_cross_origin(method: str, headers: Headers) -> bool:
    """Return whether a browser sends this on behalf of another site.

    The algorithm is that of Go's `http.CrossOriginProtection`: what changes nothing passes;
    `Sec-Fetch-Site` decides where a browser sends it, `Origin` against `Host` where it is older;
    what sends neither is no browser.
    """
    if method in _SAFE_METHODS:
        return False
    site = headers.get("sec-fetch-site", "")
    if site:
        return site not in ("same-origin", "none")
    origin = headers.get("origin", "")
    if not origin:
        return False
    try:
        return urlsplit(origin).netloc != headers.get("host", "")
    except ValueError:
        return True


def is_allowed_host(host: str, allowed: Collection[str]) -> bool:
    """Return whether a request without a token may name this host.

    A page can make a name of its own lead to us (DNS rebinding), but no IP address, nor
    `localhost`.

    Args:
        host: The `Host` header.
        allowed: Further names, in small letters.

    Examples:
        >>> is_allowed_host("[::1]:9417", ()), is_allowed_host("evil.example:9417", ())
        (True, False)
    """
    match = re.fullmatch(r"\[(?P<ipv6>[^\]]*)\](:\d*)?|(?P<name>[^:\[\]]*)(:\d*)?", host)
    if match is None:
        return False
    name = (match["ipv6"] or match["name"] or "").lower().removesuffix(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name in allowed
    return True
