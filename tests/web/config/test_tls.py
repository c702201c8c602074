"""TLS as the web configuration has it: versions, ciphers, certificates of clients."""

from __future__ import annotations

import re
import ssl
from textwrap import indent
from typing import TYPE_CHECKING

import httpx
import pytest

from exporter.web.config.format import CIPHER_SUITES, CURVES
from tests.support.certificates import Authority
from tests.support.programs import run_program
from tests.web.config.files import tls
from tests.web.config.serving import REST, accepted, ask, configured, connect, trusting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Certificate

V10, V11 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

ECDSA_128, ECDSA_256 = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"
GO_OLD = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
GO_128 = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
GO_256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
REQUIRE = "client_ca_file: authority.pem, client_auth_type: RequireAndVerifyClientCert"
IF_GIVEN = "client_ca_file: authority.pem, client_auth_type: VerifyClientCertIfGiven"

# Versions of TLS that Python warns of are asked for.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")


@pytest.fixture
def config(directory: Path) -> Path:
    """Give the path of a configuration, beside the certificates."""
    return directory / "web.yml"


@pytest.fixture(scope="module")
def client(authority: Authority) -> Certificate:
    """Give a client's certificate."""
    return authority.issue(
        "client",
        *("DNS:prometheus.example", "IP:10.0.0.1", "IP:2001:db8::1"),
        *("email:ops@example.org", "URI:spiffe://example.org/prometheus"),
    )


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give a certificate that somebody else has issued, under a name that is allowed."""
    other = Authority(tmp_path_factory.mktemp("others"))
    return other.issue("stranger", "DNS:prometheus.example")


def only(authority: Authority, version: ssl.TLSVersion, ciphers: str = "") -> ssl.SSLContext:
    """Return what a client needs that speaks one version."""
    context = trusting(authority.certificate)
    context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
    context.minimum_version = V10
    context.maximum_version = version
    context.minimum_version = version
    return context


# -- versions, ciphers, curves ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "spoken"),
    [
        ("", {V12, V13}),
        ("min_version: TLS13", {V13}),
        ("max_version: TLS12", {V12}),
        ("min_version: TLS10", {V10, V11, V12, V13}),
        ("min_version: TLS11, max_version: TLS12", {V11, V12}),
        # As in Go: those of TLS 1.3 cannot be chosen, and of the others none is left.
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", {V13}),
        (f"min_version: TLS10, cipher_suites: [{GO_OLD}]", {V10, V11, V12, V13}),
    ],
)
def test_versions_are_those_that_are_asked_for(
    authority: Authority, config: Path, section: str, spoken: set[ssl.TLSVersion]
) -> None:
    """The others come to no handshake."""
    config.write_text(tls(section))
    works = set()
    with configured(config) as served:
        for version in (V10, V11, V12, V13):
            if accepted(served, only(authority, version)):
                works.add(version)
    assert works == spoken


@pytest.mark.parametrize(
    ("section", "chosen"),
    [
        # The client would rather have the stronger one.
        (f"cipher_suites: [{GO_128}, {GO_256}]", ECDSA_128),
        (f"cipher_suites: [{GO_256}, {GO_128}]", ECDSA_256),
        (f"cipher_suites: [{GO_128}]", ECDSA_128),
        (f"cipher_suites: [{GO_128}, {GO_256}], prefer_server_cipher_suites: false", ECDSA_256),
    ],
)
def test_ciphers_are_those_that_are_listed(
    authority: Authority, config: Path, section: str, chosen: str
) -> None:
    """In the order of the list, unless the client's is preferred."""
    config.write_text(tls(section))
    with (
        configured(config) as served,
        connect(served, only(authority, V12, f"{ECDSA_256}:{ECDSA_128}")) as link,
    ):
        cipher = link.cipher()
        assert cipher is not None
        assert cipher[0] == chosen


def test_cipher_that_is_not_listed_is_not_spoken(authority: Authority, config: Path) -> None:
    """It comes to no handshake."""
    config.write_text(tls(f"cipher_suites: [{GO_128}]"))
    with configured(config) as served:
        assert not accepted(served, only(authority, V12, ECDSA_256))


def test_names_of_ciphers_are_those_of_openssl() -> None:
    """OpenSSL gives its own names beside those of the standard, which Go has."""
    listed = run_program("openssl", "ciphers", "-stdname", "ALL:@SECLEVEL=0")
    names = dict(re.findall(r"^(\S+) +- (\S+)", listed, re.MULTILINE))
    assert {name: names.get(name) for name in CIPHER_SUITES} == CIPHER_SUITES


@pytest.mark.parametrize(
    ("curves", "spoken"),
    [
        ("[CurveP384]", {"secp384r1"}),
        ("[X25519]", {"X25519"}),
        # Python's TLS takes one or all.
        ("[X25519, CurveP384]", {"X25519", "secp384r1", "prime256v1", "secp521r1"}),
    ],
)
def test_one_curve_can_be_chosen(
    authority: Authority, config: Path, curves: str, spoken: set[str]
) -> None:
    """The others come to no handshake."""
    config.write_text(tls(f"curve_preferences: {curves}"))
    works = set()
    with configured(config) as served:
        for curve in CURVES.values():
            context = only(authority, V13)
            context.set_ecdh_curve(curve)
            if accepted(served, context):
                works.add(curve)
    assert works == spoken


# -- certificates of clients ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "without", "with_own", "with_strange"),
    [
        ("", True, True, True),
        ("client_auth_type: NoClientCert", True, True, True),
        (IF_GIVEN, True, True, False),
        (REQUIRE, False, True, False),
        # Without an authority of its own it trusts those that the system does.
        ("client_auth_type: RequireAndVerifyClientCert", False, False, False),
    ],
)
@pytest.mark.parametrize("version", [V12, V13])
def test_certificates_of_clients(  # noqa: PLR0913 -- a table of what comes of what
    authority: Authority,
    client: Certificate,
    stranger: Certificate,
    config: Path,
    *,
    section: str,
    version: ssl.TLSVersion,
    without: bool,
    with_own: bool,
    with_strange: bool,
) -> None:
    """Who needs one, and whose is good, is as the policy says."""
    config.write_text(tls(section))
    works = []
    with configured(config) as served:
        for shown in (None, client, stranger):
            context = trusting(authority.certificate, shown)
            context.maximum_version = version
            works.append(accepted(served, context))
    assert works == [without, with_own, with_strange]


def test_what_is_trusted_need_not_be_a_root(
    authority: Authority, client: Certificate, config: Path
) -> None:
    """As in Go, a client's certificate may itself be what is trusted."""
    section = "client_ca_file: client.pem, client_auth_type: RequireAndVerifyClientCert"
    config.write_text(tls(section))
    with configured(config) as served:
        assert accepted(served, trusting(authority.certificate, client))


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        ("prometheus.example", 200),
        ("10.0.0.1", 200),
        ('"2001:db8:0::1"', 200),
        ("ops@example.org", 200),
        ("spiffe://example.org/prometheus", 200),
        ("nobody.example, prometheus.example", 200),
        ("nobody.example", 403),
        # Neither a part of a name, nor the common name.
        ("example", 403),
        ("client", 403),
        ('"*.example"', 403),
        ('""', 403),
    ],
)
def test_names_of_clients(
    authority: Authority, client: Certificate, config: Path, allowed: str, status: int
) -> None:
    """A certificate must have one of the names, whole."""
    config.write_text(tls(f"{REQUIRE}, client_allowed_sans: [{allowed}]"))
    with configured(config) as served:
        answer = ask(served, trusting(authority.certificate, client), path=f"{REST}/anything")
    assert answer.status_code == status
    if status == 403:
        assert answer.text == (
            "The client's certificate has none of the names in client_allowed_sans.\n"
        )


def test_texts_of_pem_serve_as_files_do(authority: Authority, config: Path) -> None:
    """The certificate, key and authority may stand in the configuration itself."""
    directory = config.parent
    server, key, trusted = (
        indent((directory / name).read_text(), "    ")
        for name in ("server.pem", "server.key", "authority.pem")
    )
    config.write_text(
        f"tls_server_config:\n  cert: |\n{server}\n  key: |\n{key}\n  client_ca: |\n{trusted}\n"
        "  client_auth_type: RequireAndVerifyClientCert"
    )
    with configured(config) as served:
        known = authority.issue("known")
        assert ask(served, trusting(authority.certificate, known)).text == "hello"
        with pytest.raises(httpx.TransportError):
            ask(served, trusting(authority.certificate))


def test_http_in_the_clear_is_refused(config: Path) -> None:
    """Where there is TLS there is nothing else; whoever has mistaken it is told so."""
    config.write_text(tls())
    with configured(config) as served:
        answer = httpx.get(served.url.replace("https", "http"), trust_env=False)
    assert answer.status_code == 400
    assert "This port speaks TLS" in answer.text
