"""The TLS of a server, as Python's `ssl` can do it."""

from __future__ import annotations

import json
import os
import ssl
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.errors import SettingsError
from exporter.web.config.file import FLAG
from exporter.web.config.format import (
    CIPHER_SUITES,
    CURVES,
    REQUIRE_AND_VERIFY,
    VERIFY_IF_GIVEN,
    VERSIONS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.web.config.format import TlsServerConfig

# What TLS 1.0 and 1.1 need of OpenSSL, which has retired their signatures; and the strongest that
# they know of what Go would offer.
_OLD_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:@SECLEVEL=0"

_VERIFY_MODES = {
    VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    REQUIRE_AND_VERIFY: ssl.CERT_REQUIRED,
}


def server_context(config: TlsServerConfig) -> ssl.SSLContext | None:
    """Return the context that new connections are secured by; None where TLS is not asked for.

    Raises:
        SettingsError: A file cannot be read, or does not hold what it should, or OpenSSL lacks
            something.
    """
    if not config.enabled:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_versions_and_ciphers(context, config)
    if not config.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if len(config.curve_preferences) == 1:
        context.set_ecdh_curve(CURVES[config.curve_preferences[0]])
    _load_certificate(context, config)
    if config.asks_for_certificate:
        context.verify_mode = _VERIFY_MODES[config.client_auth_type]
        _load_authorities(context, config)
    return context


def _set_versions_and_ciphers(context: ssl.SSLContext, config: TlsServerConfig) -> None:
    minimum, maximum = VERSIONS[config.min_version], VERSIONS[config.max_version]
    wanted = {name: CIPHER_SUITES[name] for name in config.cipher_suites}
    # Those of TLS 1.3 have the same names everywhere, and cannot be chosen, neither here nor in Go.
    chosen = [suite for name, suite in wanted.items() if name != suite]
    is_old = minimum < ssl.TLSVersion.TLSv1_2
    try:
        if chosen:
            context.set_ciphers(":".join(chosen) + (":@SECLEVEL=0" if is_old else ""))
        elif is_old and not wanted:
            context.set_ciphers(_OLD_CIPHERS)
    except ssl.SSLError:
        pass  # None is known: all are missing.
    known = {suite["name"] for suite in context.get_ciphers()}
    missing = [name for name, suite in wanted.items() if suite not in known]
    if missing:
        raise _error(f"cipher_suites: OpenSSL lacks {', '.join(missing)}")
    if wanted and not chosen:
        if maximum < ssl.TLSVersion.TLSv1_3:
            raise _error(f"cipher_suites: none of them is for {config.max_version}")
        minimum = ssl.TLSVersion.TLSv1_3
    context.minimum_version = minimum
    context.maximum_version = maximum


def _load_certificate(context: ssl.SSLContext, config: TlsServerConfig) -> None:
    cert, key = _pem(config, "cert", "CERTIFICATE"), _pem(config, "key", "PRIVATE KEY")

    def no_password() -> str:
        raise ValueError

    try:
        with _as_file(cert) as cert_path, _as_file(key) as key_path:
            # Without a password of ours, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(cert_path, key_path, no_password)
    except ValueError:
        raise _error(f"{_place(config, 'key')} is encrypted; allowed: one that is not") from None
    except ssl.SSLError as exc:
        pair = f"{_place(config, 'cert')} and {_place(config, 'key')}"
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise _error(f"{pair} do not belong together") from None
        raise _error(f"{pair} cannot be used ({_reason(exc)})") from None


def _load_authorities(context: ssl.SSLContext, config: TlsServerConfig) -> None:
    if not (config.client_ca or config.client_ca_file):
        # As in Go.
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    # As in Go, whatever is trusted need not be a root.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        with _as_file(_pem(config, "client_ca", "CERTIFICATE")) as path:
            context.load_verify_locations(path)
    except ssl.SSLError as exc:
        raise _error(f"{_place(config, 'client_ca')} cannot be used ({_reason(exc)})") from None


def _pem(config: TlsServerConfig, name: str, kind: str) -> bytes:
    """Return what is given as a text or as a file."""
    given: str = getattr(config, name)
    pem = given.encode() or _read(config, name)
    if f"{kind}-----".encode() not in pem:
        raise _error(f"{_place(config, name)} holds no {kind.lower()} in PEM")
    return pem


def _read(config: TlsServerConfig, name: str) -> bytes:
    path: str = getattr(config, f"{name}_file")
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise _error(f"failed to read {name}_file {json.dumps(path)} ({exc.strerror})") from None


def _place(config: TlsServerConfig, name: str) -> str:
    """Return where something is given, for an error."""
    path: str = getattr(config, f"{name}_file")
    return f"{name}_file {json.dumps(path)}" if path else name


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give content a name in the file system, as `ssl` takes only that, but no place on a disk."""
    try:
        with os.fdopen(os.memfd_create("pem"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    except ssl.SSLError:
        raise
    except OSError as exc:
        raise _error(
            f"a certificate cannot be passed to OpenSSL ({exc.strerror}); that takes /proc and"
            " three more open files"
        ) from None


def _reason(error: ssl.SSLError) -> str:
    """Return what OpenSSL says; of PEM that is broken it says nothing."""
    return (error.reason or "broken PEM").replace("_", " ")


def _error(text: str) -> SettingsError:
    return SettingsError(f"{FLAG}: tls_server_config: {text}")
