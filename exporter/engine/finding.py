"""Finds an engine where the SDK would find it, and chooses how the collector's requests get there.

Unix sockets and plain TCP have connections of our own; TLS, SSH and proxies go through the SDK.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import docker
from docker.utils.config import find_config_file
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, get_netrc_auth, select_proxy

from exporter.engine import contexts, payload
from exporter.engine.base import too_late
from exporter.engine.connections import Connections, Endpoint
from exporter.engine.contexts import Place
from exporter.engine.docker_sdk import NARROW, WIDE, SdkEngine
from exporter.engine.parameters import sdk_parameters, sdk_url
from exporter.engine.sdk_errors import translated
from exporter.engine.session import Session
from exporter.engine.threads import each
from exporter.engine.transport import Answer, Request, good_body
from exporter.errors import EngineError, EngineResponseError, EngineUnavailableError

if TYPE_CHECKING:
    from exporter.deadline import Deadline
    from exporter.engine.base import Observer
    from exporter.engine.transport import Transport

# The API of Docker 25, which later engines speak as well: what they answer keeps its shape. An
# engine that is older, or no longer goes so far back, is spoken to in its own.
API_VERSION = "1.44"

_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)
_UNIX = "http+unix://"
_FIRST_AT_ONCE = 24


# Seconds of silence until the other side is asked whether it is there, and between three askings.
_KEEP_ALIVE = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class _KeepAlive(HTTPAdapter):
    """Opens TCP connections that notice when the other host is gone.

    Who waits for events sends nothing, and would wait for ever.
    """

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (the base's)
        """Make the pool with these connections."""
        super().init_poolmanager(*arguments, **options, socket_options=_KEEP_ALIVE)


def locate(where: str | None) -> Place:
    """Return where the engine is looked for: here, in the environment, or by the CLI's context.

    Raises:
        EngineUnavailableError: The context cannot be used; no other engine is meant.
    """
    named = where or os.environ.get("DOCKER_HOST")
    return Place(named) if named else contexts.current()


def address(where: str | None) -> str:
    """Return where the engine is looked for.

    Raises:
        EngineUnavailableError: The context cannot be used.
    """
    return locate(where).address


def connect(place: Place, deadline: Deadline, *, observe: Observer, timeout: float) -> SdkEngine:
    """Return the engine, which has said which version it is.

    Args:
        place: Where it is, see `locate`.
        deadline: By when.
        observe: Told of each request from then on.
        timeout: What a request that has no deadline may take from then on, in seconds.

    Raises:
        EngineError: Nobody answers there, or not as an engine does.
    """
    named = place.address

    def attempt(_: str) -> SdkEngine | EngineError:
        try:
            with translated(named):
                engine = _connect(place, deadline, observe, timeout)
        except EngineError as error:
            return error
        if deadline.expired:
            # Nobody waits for it any longer.
            engine.close()
        return engine

    # Names are resolved and SSH connects without regard for a deadline.
    ((_, found),) = each([named], attempt, width=1, deadline=deadline)
    if found is None:
        raise too_late(named)
    if isinstance(found, EngineError):
        raise found
    return found


def stats_width(version: payload.VersionPayload) -> int:
    """Return how many stats calls this engine should be given at the same time.

    Examples:
        >>> stats_width(payload.VersionPayload(version="28.5.2"))
        8
        >>> stats_width(payload.VersionPayload(version="20.10.24+dfsg1"))
        256
    """
    major = version.version.partition(".")[0]
    waits_for_tick = major.isdecimal() and int(major) < _FIRST_AT_ONCE
    return WIDE if waits_for_tick and version.engine == "docker" else NARROW


def api_version(version: payload.VersionPayload) -> str:
    """Return the version of the API to speak with this engine.

    Raises:
        EngineResponseError: It does not say which it speaks.

    Examples:
        >>> api_version(payload.VersionPayload(api_version="1.51", min_api_version="1.24"))
        '1.44'
        >>> api_version(payload.VersionPayload(api_version="1.41", min_api_version="1.12"))
        '1.41'
        >>> api_version(payload.VersionPayload(api_version="1.60", min_api_version="1.48"))
        '1.60'
    """
    own = _VERSION.fullmatch(version.api_version)
    if own is None:
        raise EngineResponseError(
            f"The engine says that the version of its API is {version.api_version[:20]!r}."
        )
    oldest = _VERSION.fullmatch(version.min_api_version)
    spoken = _number(API_VERSION)
    fits = (_number(oldest[0]) if oldest else spoken) <= spoken <= _number(own[0])
    return API_VERSION if fits else own[0]


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _connect(place: Place, deadline: Deadline, observe: Observer, timeout: float) -> SdkEngine:
    named = place.address
    parameters = {**sdk_parameters(place), "timeout": timeout}
    endpoint = _endpoint(parameters, named, deadline)

    def engine_of(spoken: str) -> SdkEngine:
        # Given a version, the SDK asks nothing by itself.
        try:
            client = docker.DockerClient(version=spoken, **parameters)
        except (AttributeError, TypeError) as error:
            # It reads the command's settings as well, and trusts them to have the right shape.
            file = cast("str | None", find_config_file())
            raise EngineUnavailableError(
                f"The Docker SDK cannot use {file}: {error}. Repair or remove it."
            ) from error
        for scheme in ("http://", "https://"):
            client.api.mount(scheme, _KeepAlive())
        transport = Connections(endpoint) if endpoint else Session(client.api, named)
        return SdkEngine(client, transport, named, observe, timeout)

    engine = engine_of(API_VERSION)
    try:
        version, spoken = _version(engine.transport, named, deadline)
    except BaseException:
        engine.close()
        raise
    if spoken != API_VERSION:
        engine.close()
        engine = engine_of(spoken)
    return replace(engine, width=stats_width(version))


def _endpoint(parameters: dict[str, Any], named: str, deadline: Deadline) -> Endpoint | None:
    """Return where connections of our own lead; None for what only the SDK can reach."""
    url = sdk_url(parameters, named)
    if url.startswith(_UNIX):
        path = "/" + url.removeprefix(_UNIX).lstrip("/")
        return Endpoint(socket.AF_UNIX, path, named)
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.port is None or parts.username is not None:
        return None
    if select_proxy(url, get_environ_proxies(url)) or get_netrc_auth(url):
        return None
    # The first of the host's addresses that answers.
    with socket.create_connection((parts.hostname, parts.port), deadline.remaining()) as link:
        return Endpoint(link.family, link.getpeername(), named, parts.netloc, parts.path)


def _version(
    transport: Transport, named: str, deadline: Deadline
) -> tuple[payload.VersionPayload, str]:
    """Return what the engine says of its version, and the version of the API to speak with it.

    Raises:
        EngineError: There is no answer, or it is none of an engine.
    """
    (outcome,) = transport.fetch([Request("/version")], width=1, deadline=deadline)
    try:
        version = payload.decode(good_body(outcome, named), payload.VersionPayload, "version")
        return version, api_version(version)
    except EngineResponseError as error:
        result = outcome.result
        if isinstance(result, Answer) and result.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # An engine in trouble, or the proxy of one.
            raise
        said = str(error).rstrip(" .")
        raise EngineResponseError(
            f"{said}. What listens at {named} does not seem to be a Docker engine's API: check "
            "DOCKER_HOST or --docker.host."
        ) from error
