"""What the SDK is made with for an engine, from its place and the TLS variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker.errors
from docker.utils import kwargs_from_env, parse_host

from exporter.engine.base import unreachable
from exporter.engine.contexts import home_directory
from exporter.engine.remedies import has_ssh, kind
from exporter.errors import NO_ADDRESS, EngineUnavailableError

if TYPE_CHECKING:
    from exporter.engine.contexts import Place

_TLS_FILES = ("ca.pem", "cert.pem", "key.pem")


def sdk_parameters(place: Place) -> dict[str, Any]:
    """Return what the SDK is made with: `base_url`, and `tls` where there is some.

    Raises:
        EngineUnavailableError: A file for TLS is missing.
    """
    environment = os.environ | {"DOCKER_HOST": place.address}
    try:
        named: dict[str, Any] = {**kwargs_from_env(environment=environment)}
    except docker.errors.TLSParameterError as error:
        raise _no_certificates(place.address) from error
    return ({"tls": place.tls} if place.tls else {}) | named


def sdk_url(parameters: dict[str, Any], named: str) -> str:
    """Return the address among the SDK's parameters, as the SDK writes it.

    Args:
        parameters: See `sdk_parameters`.
        named: The same address for messages.

    Raises:
        EngineUnavailableError: The SDK cannot use it.
    """
    try:
        url = parse_host(parameters["base_url"], is_win32=False, tls="tls" in parameters)
    except (docker.errors.DockerException, ValueError) as error:
        raise EngineUnavailableError(
            f'Docker engine not reachable: "{named}" {NO_ADDRESS}. Check DOCKER_HOST, '
            "--docker.host or the docker context."
        ) from error
    if kind(url) == "ssh" and not has_ssh():
        raise unreachable(named, "paramiko is not installed")
    return str(url)


def _no_certificates(named: str) -> EngineUnavailableError:
    """Return the error for TLS that the environment asks for, without the files that it takes."""
    variable = os.environ.get("DOCKER_CERT_PATH")
    directory = Path(variable) if variable else home_directory()
    missing = [file for file in _TLS_FILES if not (directory / file).is_file()]
    said = "is not set" if not variable else f"is {variable}"
    return EngineUnavailableError(
        f"Docker engine not reachable at {named} by TLS: DOCKER_CERT_PATH {said}, and {directory} "
        f"has no {' and no '.join(missing)}. Let DOCKER_CERT_PATH name the directory with ca.pem, "
        "cert.pem and key.pem, or unset it and DOCKER_TLS_VERIFY for an engine without TLS."
    )
