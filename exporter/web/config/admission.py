"""Whom the web configuration lets pass."""

from __future__ import annotations

import ipaddress
import math
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from exporter.web.bucket import TokenBucket
from exporter.web.config.users import TooManyChecksError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from exporter.web.config.format import WebConfig
    from exporter.web.config.live import LiveWebConfig
    from exporter.web.config.users import Passwords


class Admission:
    """Lets requests pass, or not; and adds the configured headers to answers of either kind.

    A request is looked at in this order: the names in the client's certificate (403), the rate
    limit (429), the users (401). The limit is one for all that is served.
    """

    def __init__(
        self,
        live: LiveWebConfig,
        passwords: Passwords,
        *,
        without_users: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to look at requests.

        Args:
            live: The configuration.
            passwords: Checks those of its users.
            without_users: What is below this path has credentials of its own: there, nobody has
                to be a user.
            clock: Measures time for the rate limit.
        """
        self._live = live
        self._passwords = passwords
        self._without_users = f"{without_users}/"
        self._clock = clock
        self._bucket = TokenBucket(interval=0.0, burst=0)
        self._full_at = 0.0

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests are looked at first."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            config = self._live.config()

            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    for name, value in config.http_server_config.headers:
                        if value:
                            headers[name] = value
                await send(message)

            refusal = await self._refusal(scope, config)
            await (refusal or app)(scope, receive, send_with_headers)

        return answer

    async def _refusal(self, scope: Scope, config: WebConfig) -> Response | None:
        """Return the answer to a request that must not pass; None for one that may."""
        allowed = config.tls_server_config.client_allowed_sans
        if allowed is not None and not _has_name(scope["extensions"]["tls_peer"], allowed):
            return _answer(
                HTTPStatus.FORBIDDEN,
                "The client's certificate has none of the names in client_allowed_sans.",
            )
        wait = self._wait(config)
        if wait:
            retry = {"Retry-After": str(math.ceil(wait))}
            return _answer(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests (rate_limit).", retry)
        if not config.basic_auth_users or scope["path"].startswith(self._without_users):
            return None
        try:
            users = dict(config.basic_auth_users)
            admitted = await self._passwords.admit(Headers(scope=scope), users)
        except TooManyChecksError:
            return _answer(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many passwords are being checked.",
                {"Retry-After": "1"},
            )
        if admitted:
            return None
        return _answer(
            HTTPStatus.UNAUTHORIZED,
            "This takes a user and a password (basic_auth_users).",
            {"WWW-Authenticate": "Basic"},
        )

    def _wait(self, config: WebConfig) -> float:
        """Count a request; return for how many seconds it comes too early."""
        limit = config.rate_limit
        if not limit.interval:
            return 0.0
        bucket = TokenBucket(interval=limit.interval, burst=limit.burst)
        if bucket != self._bucket:
            self._bucket, self._full_at = bucket, 0.0
        self._full_at, wait = bucket.take(self._full_at, self._clock())
        return wait


def _answer(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers=headers)


def _has_name(certificate: dict[str, Any] | None, allowed: tuple[str, ...]) -> bool:
    """Return whether one of the names in a certificate is an allowed one.

    Args:
        certificate: As `ssl.SSLSocket.getpeercert` returns it; None where there is none.
        allowed: DNS names, IP addresses, e-mail addresses and URIs.
    """
    return not set(map(_canonical, allowed)).isdisjoint(_names(certificate or {}))


def _names(certificate: dict[str, Any]) -> Iterator[str]:
    for kind, name in certificate.get("subjectAltName", ()):
        if kind in ("DNS", "email", "URI"):
            yield name
        elif kind == "IP Address":
            yield _canonical(name)


def _canonical(name: str) -> str:
    """Return an IP address in its short form, anything else as it is."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name
