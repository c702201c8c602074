"""The context of the `docker` command, which says where the engine is when nobody else does.

Read as the command reads it. The SDK would take the default engine for a context that it does not
find, and finds none where there is no `config.json` beside them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
from docker.tls import TLSConfig

from exporter.errors import EngineUnavailableError

logger = logging.getLogger(__name__)

DEFAULT = "unix:///var/run/docker.sock"

_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine is.

    Attributes:
        address: As `DOCKER_HOST` has it.
        tls: The certificates to use there, where the context has some.
    """

    address: str = DEFAULT
    tls: TLSConfig | None = None


class _Config(msgspec.Struct):
    current: str | None = msgspec.field(name="currentContext", default=None)


class _Endpoint(msgspec.Struct):
    host: str = msgspec.field(name="Host", default="")
    skips_verification: bool = msgspec.field(name="SkipTLSVerify", default=False)


class _Endpoints(msgspec.Struct):
    docker: _Endpoint


class _Meta(msgspec.Struct):
    endpoints: _Endpoints = msgspec.field(name="Endpoints")


def home_directory() -> Path:
    """Return where the command keeps its files where no variable says otherwise."""
    # Unlike that of `Path`, this one does not fail for a user who has no home.
    return Path(os.path.expanduser("~/.docker"))  # noqa: PTH111 -- as just said


def current() -> Place:
    """Return where the engine of the context in use is; without one, at the usual socket.

    Raises:
        EngineUnavailableError: There is no such context, or it cannot be read; the message names
            it and who has named it.
    """
    directory = Path(os.environ.get("DOCKER_CONFIG") or home_directory())
    variable = os.environ.get("DOCKER_CONTEXT")
    name = variable or _configured(directory / "config.json")
    if not name or name == "default":
        return Place()
    named_by = "DOCKER_CONTEXT" if variable else f"currentContext in {directory / 'config.json'}"
    key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    meta = directory / "contexts" / "meta" / key / "meta.json"
    try:
        endpoint = msgspec.json.decode(meta.read_bytes(), type=_Meta).endpoints.docker
    except (FileNotFoundError, NotADirectoryError):
        raise _unusable(name, named_by, "there is no such context") from None
    except OSError as error:
        raise _unusable(name, named_by, f"{meta}: {error.strerror}") from error
    except _NO_JSON as error:
        raise _unusable(name, named_by, f"{meta} makes no sense: {error}") from error
    certificates = directory / "contexts" / "tls" / key / "docker"
    return Place(
        endpoint.host or DEFAULT, _tls(certificates, verify=not endpoint.skips_verification)
    )


def _configured(file: Path) -> str | None:
    """Return which context the command's settings name.

    What is no JSON names none, as for the command, which complains and goes on.
    """
    try:
        body = file.read_bytes()
        return msgspec.json.decode(body, type=_Config).current if body.strip() else None
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        _warn(str(file), error.strerror)
    except _NO_JSON as error:
        _warn(str(file), str(error))
    return None


@cache
def _warn(file: str, cause: str) -> None:
    """Tell of settings that are not followed: once, though each attempt to connect reads them."""
    logger.warning(
        "docker config not readable, default context used", extra={"file": file, "error": cause}
    )


def _unusable(name: str, named_by: str, cause: str) -> EngineUnavailableError:
    # A file of settings may have anything for a name.
    quoted = json.dumps(name)
    return EngineUnavailableError(
        f"Docker context {quoted}, named by {named_by}, cannot be used: {cause}. Name one that "
        "'docker context ls' shows, or the engine itself by DOCKER_HOST or --docker.host."
    )


def _tls(directory: Path, *, verify: bool) -> TLSConfig | None:
    """Return the certificates of a context; None where it has none."""
    ca, cert, key = (directory / f"{name}.pem" for name in ("ca", "cert", "key"))
    pair = (str(cert), str(key)) if cert.is_file() and key.is_file() else None
    authority = str(ca) if ca.is_file() else None
    if pair is None and authority is None:
        return None
    return TLSConfig(client_cert=pair, ca_cert=authority, verify=verify)
