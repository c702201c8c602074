"""What every request to the admin API has to pass first."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from exporter.web.auth import FailureLimit, is_allowed_host, is_cross_origin, presented_token
from exporter.web.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from starlette.requests import Request

    from exporter.settings.admin import TokenFile
    from exporter.web.auth import Tokens

_CHALLENGE = 'Bearer realm="docker-exporter"'


class Gate:
    """Lets requests pass, by who sends them and from where."""

    def __init__(
        self, tokens: Tokens, allowed_hosts: Collection[str], failed: Callable[[], None]
    ) -> None:
        """Set up the gate.

        Args:
            tokens: Those that are accepted.
            allowed_hosts: As for `exporter.web.auth.is_allowed_host`.
            failed: Told of every failed authentication.
        """
        self._tokens = tokens
        self._allowed_hosts = allowed_hosts
        self._failed = failed
        self._limit = FailureLimit()

    def admit(self, request: Request, scope: str | None) -> TokenFile | None:
        """Let a request pass.

        Args:
            request: The request.
            scope: What its token must allow; None where none is needed.

        Returns:
            Whose token it came with; None where it came with no valid one.

        Raises:
            ProblemError: It does not pass.
        """
        headers = request.headers
        if is_cross_origin(request.method, headers):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "A browser sends this on behalf of another site.",
                reason="cross-origin",
            )
        presented = presented_token(headers)
        holder = None if presented is None else self._tokens.identify(presented)
        if holder is None:
            self._check_host(headers.get("host", ""))
            if scope is not None:
                raise self._failure(request, presented)
        elif scope is not None and scope not in holder.scopes:
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                f"The token '{holder.name}' has not the scope '{scope}'"
                " (--admin.token-file NAME:SCOPE[,SCOPE]=FILE).",
                reason="scope",
                headers={
                    "WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'
                },
            )
        return holder

    def _check_host(self, host: str) -> None:
        if not is_allowed_host(host, self._allowed_hosts):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "Without a valid token, this host name is not answered to: send a token, or allow"
                " the name with --admin.allowed-host.",
                reason="host",
            )

    def _failure(self, request: Request, presented: bytes | None) -> ProblemError:
        self._failed()
        wait = self._limit.fail(request.client.host if request.client else None)
        if wait is not None:
            return ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many failed authentications from this address.",
                reason="unauthenticated",
                retry_after_seconds=wait,
            )
        challenge = _CHALLENGE if presented is None else f'{_CHALLENGE}, error="invalid_token"'
        return ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "This takes a valid token: Authorization: Bearer TOKEN.",
            reason="unauthenticated",
            headers={"WWW-Authenticate": challenge},
        )
