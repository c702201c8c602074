"""What the SDK and the layers below it raise, as errors of our own."""

from __future__ import annotations

import contextlib
import ssl
from http.client import HTTPException, RemoteDisconnected
from typing import TYPE_CHECKING

import docker.errors
import requests
import urllib3.exceptions
from requests.exceptions import ContentDecodingError

from exporter.engine.base import DENIED, connection_denied, nonsense, refusal, too_late, unreachable
from exporter.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

try:  # Only there with the extra `ssh`.
    from paramiko import SSHException  # type: ignore[import-untyped]  # has none
except ImportError:
    SSHException = OSError

FOREIGN = (
    docker.errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    SSHException,
    OSError,
    EOFError,
    ValueError,
)

_TIMEOUTS = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)


@contextlib.contextmanager
def translated(where: str, container: str | None = None) -> Iterator[None]:
    """Turn whatever the SDK and the layers below it raise into one `EngineError`.

    The SDK raises its own exceptions as well as those of `requests`, which wraps those of
    urllib3 and the operating system: the cause that says most lies at the bottom.
    """
    try:
        yield
    except EngineError:
        raise
    except docker.errors.APIError as error:
        message = str(error.explanation or error)
        request = asked(error.response)
        raise refusal(error.status_code or 500, message, where, request, container) from error
    except FOREIGN as error:
        raise _translate(error, where) from error


def asked(response: requests.Response | None) -> str:
    """Return which request an answer is to: its method and path, without the query."""
    if response is None:
        return "a request"
    return f"{response.request.method} {response.request.path_url.partition('?')[0]}"


def _translate(error: BaseException, where: str) -> EngineError:
    # The numbers of OpenSSL's errors are not the operating system's, though they look alike.
    causes = [cause for cause in _causes(error) if not isinstance(cause, ssl.SSLError)]
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno in DENIED:
            return connection_denied(where, cause.strerror)
    if any(isinstance(cause, _TIMEOUTS) for cause in causes):
        return too_late(where)
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None:
            return unreachable(where, cause.strerror)
    if _is_nonsense(error, causes):
        return nonsense(where, error)
    return unreachable(where, error)


def _is_nonsense(error: BaseException, causes: list[BaseException]) -> bool:
    """Return whether an engine has answered, but with something that is no answer."""
    if any(isinstance(cause, HTTPException) for cause in causes):
        return not any(isinstance(cause, RemoteDisconnected) for cause in causes)
    if isinstance(error, requests.RequestException):
        return isinstance(error, (requests.JSONDecodeError, ContentDecodingError))
    return isinstance(error, (ValueError, urllib3.exceptions.DecodeError))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those that it wraps, the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
