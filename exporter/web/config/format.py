"""The format of the web configuration file: its sections, its words, and what must hold in it.

Where exporter-toolkit complains of something, the complaint here has its words.
"""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.settings.document import line
from exporter.web.config.readers import (
    duration,
    entry,
    list_of,
    mapping_of,
    one_of,
    section,
    text,
    truth,
    whole_number,
)

if TYPE_CHECKING:
    import yaml

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
"""The names of the versions of TLS."""

CIPHER_SUITES = {
    "TLS_AES_128_GCM_SHA256": "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384": "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256": "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
}
"""What Go's `tls.CipherSuites` has (the last four until Go 1.21), and OpenSSL's names of it."""

CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""The names of curves, and OpenSSL's names of them."""

# The keys that ask for TLS; the others only say how it is to be.
_ASKING = (
    *("cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file"),
    *("client_auth_type", "client_allowed_sans"),
)

VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"
_POLICIES = ("NoClientCert", VERIFY_IF_GIVEN, REQUIRE_AND_VERIFY)
_UNVERIFIED_POLICIES = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")

_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")

# 22 characters of salt, of which the last has but two bits to tell; then 31 of the hash.
_BCRYPT = re.compile(
    r"\$2[abxy]\$(?:0[4-9]|[12]\d|3[01])\$[./a-zA-Z0-9]{21}[.Oeu][./a-zA-Z0-9]{31}", re.ASCII
)


def _header_value(node: yaml.Node, where: str) -> str:
    """Read the value of a header; line ends become blanks, as in Go."""
    value = " ".join(text(node, where).splitlines()).strip()
    if _HEADER_VALUE.fullmatch(value) is None:
        raise ValueError(f"{where} is no value for a header ({line(node)}); allowed: visible ASCII")
    return value


def _bcrypt_hash(node: yaml.Node, where: str) -> str:
    """Read the hash of a password."""
    hashed = text(node, where)
    if _BCRYPT.fullmatch(hashed) is None:
        raise ValueError(
            f"{where} is not a bcrypt hash ({line(node)}); allowed: such as"
            " `htpasswd -nBC 10 USER` prints after the colon"
        )
    return hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsServerConfig:
    """The section `tls_server_config`; what is not given is empty."""

    cert: str = entry(text, "")
    cert_file: str = entry(text, "")
    key: str = entry(text, "", secret=True)
    key_file: str = entry(text, "")
    client_ca: str = entry(text, "")
    client_ca_file: str = entry(text, "")
    client_auth_type: str = entry(text, "")
    client_allowed_sans: tuple[str, ...] | None = entry(list_of(text), None)
    min_version: str = entry(one_of(VERSIONS), "TLS12")
    max_version: str = entry(one_of(VERSIONS), "TLS13")
    cipher_suites: tuple[str, ...] = entry(list_of(one_of(CIPHER_SUITES)), ())
    curve_preferences: tuple[str, ...] = entry(list_of(one_of(CURVES)), ())
    prefer_server_cipher_suites: bool = entry(truth, default=True)

    @property
    def enabled(self) -> bool:
        """Whether TLS is asked for: as in exporter-toolkit, not every key does."""
        return any(getattr(self, name) not in ("", None) for name in _ASKING)

    @property
    def asks_for_certificate(self) -> bool:
        """Whether clients are asked for a certificate."""
        return self.client_auth_type in (VERIFY_IF_GIVEN, REQUIRE_AND_VERIFY)

    def __post_init__(self) -> None:
        """Make sure that the parts go together.

        Raises:
            ValueError: They do not.
        """
        if not self.enabled:
            return
        for name in ("cert", "key"):
            if not (getattr(self, name) or getattr(self, f"{name}_file")):
                raise ValueError(f"missing one of {name} or {name}_file")
        for name in ("cert", "key", "client_ca"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise ValueError(f"both {name} and {name}_file are given; allowed: one of them")
        self._check_policy()
        versions = list(VERSIONS)
        if versions.index(self.min_version) > versions.index(self.max_version):
            raise ValueError(
                f"min_version {self.min_version} is above max_version {self.max_version}"
            )

    def _check_policy(self) -> None:
        policy = self.client_auth_type
        if policy in _UNVERIFIED_POLICIES:
            raise ValueError(
                f"client_auth_type {policy} accepts a certificate that nobody has verified, which"
                f" Python's TLS cannot do; allowed: {', '.join(_POLICIES)}"
            )
        if policy not in (*_POLICIES, ""):
            raise ValueError(f"invalid ClientAuth: {policy}; allowed: {', '.join(_POLICIES)}")
        if (self.client_ca or self.client_ca_file) and not self.asks_for_certificate:
            raise ValueError("client CA's have been configured without a Client Auth Policy")
        if self.client_allowed_sans is not None and policy != REQUIRE_AND_VERIFY:
            raise ValueError(f"client_allowed_sans requires client_auth_type {REQUIRE_AND_VERIFY}")
        if self.client_allowed_sans == ():
            raise ValueError("client_allowed_sans is empty, which would let nobody in")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServerConfig:
    """The section `http_server_config`."""

    http2: bool = entry(truth, default=False)
    headers: tuple[tuple[str, str], ...] = entry(mapping_of(_header_value), ())

    def __post_init__(self) -> None:
        """Make sure that the headers are those that can be set.

        Raises:
            ValueError: One is not, or has another value than it can have.
        """
        for name, value in self.headers:
            if name not in _HEADERS:
                raise ValueError(
                    f"HTTP header {json.dumps(name)} can not be configured; allowed:"
                    f" {', '.join(_HEADERS)}"
                )
            if _HEADERS[name] and value not in _HEADERS[name]:
                allowed = " or ".join(_HEADERS[name])
                raise ValueError(f"invalid value for {name}; allowed: {allowed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The section `rate_limit`: so many seconds for each request, and how many may come at once.

    There is no limit where the interval is 0.
    """

    interval: float = entry(duration, 0.0)
    burst: int = entry(whole_number, 0)

    def __post_init__(self) -> None:
        """Make sure that any request can pass.

        Raises:
            ValueError: None could.
        """
        if self.interval and not self.burst:
            raise ValueError("a burst of 0 lets no request pass; allowed: 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """The whole file."""

    tls_server_config: TlsServerConfig = entry(section(TlsServerConfig), TlsServerConfig())
    http_server_config: HttpServerConfig = entry(section(HttpServerConfig), HttpServerConfig())
    basic_auth_users: tuple[tuple[str, str], ...] = entry(mapping_of(_bcrypt_hash), (), secret=True)
    rate_limit: RateLimit = entry(section(RateLimit), RateLimit())
