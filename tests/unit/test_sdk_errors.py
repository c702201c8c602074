"""What the SDK and the layers below it raise: each is one of our errors, by what says most."""

from __future__ import annotations

import errno
import socket
import ssl
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected

import docker.errors
import pytest
import requests
import urllib3.exceptions
from requests.exceptions import ChunkedEncodingError, ContentDecodingError
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError

from exporter.engine.sdk_errors import translated
from exporter.errors import (
    ContainerConflictError,
    ContainerNotFoundError,
    EngineAccessDeniedError,
    EngineError,
    EngineResponseError,
    EngineTimeoutError,
    EngineUnavailableError,
)

WHERE = "tcp://docker-1:2376"
POOL = HTTPConnectionPool("docker-1")


def denied() -> OSError:
    """Return what the operating system says where there is no permission."""
    return PermissionError(errno.EACCES, "Permission denied")


def refused() -> OSError:
    """Return what it says where nobody listens."""
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def become(error: Exception, container: str | None = None) -> EngineError:
    """Return the error that another one becomes."""
    with pytest.raises(EngineError) as caught, translated(WHERE, container):
        raise error
    return caught.value


def caused(error: Exception, cause: Exception) -> Exception:
    """Return an error that was raised from another."""
    error.__cause__ = cause
    return error


def raised_after(error: Exception, context: Exception) -> Exception:
    """Return an error that was raised while another was handled."""
    error.__context__ = context
    return error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        pytest.param(denied(), EngineAccessDeniedError, "Permission denied. ", id="denied"),
        pytest.param(
            PermissionError(errno.EPERM, "Operation not permitted"),
            EngineAccessDeniedError,
            "Operation not permitted",
            id="forbidden by a firewall",
        ),
        pytest.param(
            requests.ConnectionError(ProtocolError("aborted", refused())),
            EngineUnavailableError,
            f"{WHERE}: Connection refused. ",
            id="refused",
        ),
        pytest.param(
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            EngineUnavailableError,
            f"{WHERE}: Name or service not known. ",
            id="no such name",
        ),
        # The number of this one is that of "Operation not permitted".
        pytest.param(
            requests.exceptions.SSLError(
                MaxRetryError(POOL, "/", ssl.SSLError(1, "certificate verify failed"))
            ),
            EngineUnavailableError,
            "certificate verify failed",
            id="certificate",
        ),
        pytest.param(TimeoutError("timed out"), EngineTimeoutError, "in time", id="timeout"),
        pytest.param(
            requests.ReadTimeout("timed out"),
            EngineTimeoutError,
            "in time",
            id="timeout of requests",
        ),
        pytest.param(
            ReadTimeoutError(POOL, "/", "timed out"),
            EngineTimeoutError,
            "in time",
            id="timeout of urllib3",
        ),
        pytest.param(
            ProtocolError("aborted", BadStatusLine("220 mail.example")),
            EngineResponseError,
            "makes no sense",
            id="another protocol",
        ),
        pytest.param(
            ChunkedEncodingError(ProtocolError("broken", IncompleteRead(b"1"))),
            EngineResponseError,
            "makes no sense",
            id="half an answer",
        ),
        pytest.param(
            requests.ConnectionError(ProtocolError("aborted", RemoteDisconnected("hung up"))),
            EngineUnavailableError,
            "hung up",
            id="hung up",
        ),
        pytest.param(
            requests.JSONDecodeError("Expecting value", "<html>", 0),
            EngineResponseError,
            "makes no sense",
            id="no JSON",
        ),
        pytest.param(
            ContentDecodingError("not in gzip format"),
            EngineResponseError,
            "makes no sense",
            id="no gzip",
        ),
        pytest.param(
            urllib3.exceptions.DecodeError("not in gzip format"),
            EngineResponseError,
            "makes no sense",
            id="no gzip by urllib3",
        ),
        # A ValueError as well.
        pytest.param(
            requests.exceptions.InvalidURL("no host"),
            EngineUnavailableError,
            "no host",
            id="no URL",
        ),
        pytest.param(ValueError("no number"), EngineResponseError, "no number", id="no number"),
        pytest.param(EOFError("SSH has ended"), EngineUnavailableError, "SSH has ended", id="end"),
        pytest.param(
            docker.errors.DockerException("no credentials"),
            EngineUnavailableError,
            "no credentials",
            id="the SDK's own",
        ),
        pytest.param(
            urllib3.exceptions.HTTPError("no such pool"),
            EngineUnavailableError,
            "no such pool",
            id="urllib3's own",
        ),
    ],
)
def test_each_becomes_one_of_ours(error: Exception, kind: type[EngineError], said: str) -> None:
    """With the address, and in the words of whoever knew most."""
    result = become(error)
    assert type(result) is kind
    assert said in str(result)
    assert WHERE in str(result)
    assert result.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(caused(docker.errors.DockerException("no"), denied()), id="cause"),
        pytest.param(raised_after(docker.errors.DockerException("no"), denied()), id="context"),
        pytest.param(requests.ConnectionError(ProtocolError("aborted", denied())), id="argument"),
        pytest.param(requests.ConnectionError(MaxRetryError(POOL, "/", denied())), id="reason"),
        pytest.param(
            caused(TimeoutError("timed out"), caused(refused(), denied())), id="under all others"
        ),
    ],
)
def test_cause_is_found_wherever_it_is_kept(error: Exception) -> None:
    """Each layer has another place for it."""
    assert "Permission denied. " in str(become(error))


def test_errors_that_are_each_others_cause() -> None:
    """They are looked at once."""
    first, second = docker.errors.DockerException("first"), EOFError("second")
    error = raised_after(first, raised_after(second, first))
    assert type(become(error)) is EngineUnavailableError


def test_our_own_errors_stay_as_they_are() -> None:
    """They say already what there is to be said."""
    error = ContainerNotFoundError("web")
    assert become(error) is error


def refusal(status: int, explanation: str | None) -> docker.errors.APIError:
    """Return what the SDK makes of an answer that is a refusal."""
    response = requests.Response()
    response.status_code = status
    url = "http://docker-1/v1.44/containers/web/stop?t=5"
    response.request = requests.Request("POST", url).prepare()
    return docker.errors.APIError("by the SDK", response, explanation)


@pytest.mark.parametrize(
    ("status", "container", "kind", "said"),
    [
        (403, None, EngineAccessDeniedError, "for POST /v1.44/containers/web/stop: it says. "),
        (404, "web", ContainerNotFoundError, "Container 'web' not found"),
        (404, None, EngineResponseError, "answered 404: it says"),
        (409, "web", ContainerConflictError, "container 'web': it says"),
        (500, "web", EngineResponseError, "answered 500: it says"),
    ],
)
def test_refusals_of_the_engine(
    status: int, container: str | None, kind: type[EngineError], said: str
) -> None:
    """By their status, in the engine's own words; of the request, without its query."""
    result = become(refusal(status, "it says"), container)
    assert type(result) is kind
    assert said in str(result)


def test_refusal_without_words() -> None:
    """Those of the SDK are better than none."""
    assert "answered 500: 500 Server Error" in str(become(refusal(500, None)))


def test_refusal_without_an_answer() -> None:
    """The SDK raises the same for what it finds by itself."""
    result = become(docker.errors.APIError("by the SDK", explanation="it says"))
    assert type(result) is EngineResponseError
    assert "answered 500: it says" in str(result)
