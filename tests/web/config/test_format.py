"""The web configuration file: what is taken, what is not, and what promtool says of the same."""

from __future__ import annotations

import re
import subprocess
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from exporter.errors import SettingsError
from exporter.web.config.file import read_web_config
from exporter.web.config.format import (
    CIPHER_SUITES,
    HttpServerConfig,
    RateLimit,
    TlsServerConfig,
    WebConfig,
)
from exporter.web.config.tls import server_context
from tests.support.programs import program, run_program
from tests.web.config.files import BAD, GOOD, HASH, NEWER_BAD, NEWER_GOOD, STRICTER, tls

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.certificates import Authority


@pytest.fixture(autouse=True, scope="module")
def _broken_files(authority: Authority) -> None:
    """Add what is broken to the certificates."""
    directory = authority.certificate.cert.parent
    run_program(
        *("openssl", "pkcs8", "-topk8", "-in", f"{directory}/server.key"),
        *("-passout", "pass:hidden", "-out", f"{directory}/encrypted.key"),
    )
    whole = (directory / "server.pem").read_text()
    (directory / "broken.pem").write_text(whole[: len(whole) // 2])


def write(directory: Path, text: str, name: str = "web.yml") -> Path:
    """Write a configuration, in which the name of a file in braces stands for its text."""

    def inlined(match: re.Match[str]) -> str:
        return indent((directory / match[1]).read_text(), "    ")

    file = directory / name
    file.write_text(re.sub(r"\{(\w+\.(?:pem|key))\}", inlined, text))
    return file


def use(file: Path) -> WebConfig:
    """Read a configuration, and what it names."""
    config = read_web_config(file)
    server_context(config.tls_server_config)
    return config


def promtool_verdicts(directory: Path, texts: Iterable[str]) -> list[bool]:
    """Return what promtool says of each configuration."""
    files = [write(directory, text, f"{number}.yml") for number, text in enumerate(texts)]
    done = subprocess.run(
        [program("promtool"), "check", "web-config", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    said = dict(
        re.findall(r"^(\S+\.yml) (SUCCESS|FAILED)", done.stdout + done.stderr, re.MULTILINE)
    )
    return [said[str(file)] == "SUCCESS" for file in files]


# -- one verdict with promtool ----------------------------------------------------------------

# Versions of TLS that Python warns of are asked for.
OLD_TLS = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")


@OLD_TLS
@pytest.mark.parametrize("text", [*GOOD, *NEWER_GOOD])
def test_good_file_is_taken(directory: Path, text: str) -> None:
    """Nothing is said of it."""
    use(write(directory, text))


@pytest.mark.parametrize(("text", "complaint"), [*BAD, *STRICTER, *NEWER_BAD])
def test_bad_file_is_refused(directory: Path, text: str, complaint: str) -> None:
    """The flag, and what is wrong where, are named in one line; no secret is."""
    with pytest.raises(SettingsError) as caught:
        use(write(directory, text))
    said = str(caught.value)
    assert said.startswith("--web.config.file: ")
    assert complaint.replace("{directory}", str(directory)) in said
    assert "\n" not in said
    assert "hidden" not in said
    assert "$2" not in said


def test_promtool_takes_the_same(directory: Path) -> None:
    """Good files are good to it."""
    verdicts = promtool_verdicts(directory, GOOD)
    assert [text for text, good in zip(GOOD, verdicts, strict=True) if not good] == []


def test_promtool_refuses_the_same(directory: Path) -> None:
    """Bad files are bad to it."""
    texts = [text for text, _ in BAD]
    verdicts = promtool_verdicts(directory, texts)
    assert [text for text, good in zip(texts, verdicts, strict=True) if good] == []


def test_only_these_differ_on_purpose(directory: Path) -> None:
    """What is refused here and not there is on the list for that."""
    texts = [text for text, _ in STRICTER]
    verdicts = promtool_verdicts(directory, texts)
    assert [text for text, good in zip(texts, verdicts, strict=True) if not good] == []


def test_newer_keys_are_unknown_to_this_promtool(directory: Path) -> None:
    """Where it learns them, these belong to the other lists."""
    texts = [text for text in NEWER_GOOD if text != "rate_limit:"]
    assert not any(promtool_verdicts(directory, texts))


@pytest.mark.parametrize("others", [[], ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]])
def test_cipher_that_openssl_lacks_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    """Rather than left out; by the name that was given."""
    name = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    monkeypatch.setitem(CIPHER_SUITES, name, "FORGOTTEN")
    file = write(directory, tls(f"cipher_suites: [{', '.join([name, *others])}]"))
    with pytest.raises(SettingsError, match=f"cipher_suites: OpenSSL lacks {name}$"):
        use(file)


# -- values -----------------------------------------------------------------------------------


def test_everything_that_is_given_is_read(directory: Path) -> None:
    """Every key of the format has its value; names of files begin where the file is."""
    text = f"""
tls_server_config:
  cert_file: server.pem
  key_file: /else/where.key
  client_ca_file: deeper/ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example, 10.0.0.1]
  min_version: TLS13
  max_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: true
  headers:
    Content-Security-Policy: |
      default-src 'self';
      frame-ancestors 'none'
    X-XSS-Protection: 0
basic_auth_users:
  alice: {HASH}
  007: {HASH}
rate_limit:
  interval: 1m30s
  burst: 20
"""
    assert read_web_config(write(directory, text)) == WebConfig(
        tls_server_config=TlsServerConfig(
            cert_file=f"{directory}/server.pem",
            key_file="/else/where.key",
            client_ca_file=f"{directory}/deeper/ca.pem",
            client_auth_type="RequireAndVerifyClientCert",
            client_allowed_sans=("prometheus.example", "10.0.0.1"),
            min_version="TLS13",
            max_version="TLS13",
            cipher_suites=("TLS_AES_128_GCM_SHA256",),
            curve_preferences=("X25519", "CurveP256"),
            prefer_server_cipher_suites=False,
        ),
        http_server_config=HttpServerConfig(
            http2=True,
            headers=(
                ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"),
                ("X-XSS-Protection", "0"),
            ),
        ),
        basic_auth_users=(("alice", HASH), ("007", HASH)),
        rate_limit=RateLimit(interval=90.0, burst=20),
    )


def test_texts_of_pem_are_read_as_they_are(directory: Path) -> None:
    """An inline certificate, key and authority keep their lines."""
    text = (
        "tls_server_config:\n  cert: |\n{server.pem}\n  key: |\n{server.key}\n"
        "  client_auth_type: VerifyClientCertIfGiven\n  client_ca: |\n{authority.pem}"
    )
    section = read_web_config(write(directory, text)).tls_server_config
    given = {
        "server.pem": section.cert,
        "server.key": section.key,
        "authority.pem": section.client_ca,
    }
    for name, value in given.items():
        assert value.strip() == (directory / name).read_text().strip()


def test_secrets_are_not_in_the_text_of_the_value(directory: Path) -> None:
    """Neither the key nor a hash is where a configuration is printed."""
    text = f"tls_server_config:\n  cert: a\n  key: hidden\nbasic_auth_users: {{a: {HASH}}}"
    printed = repr(read_web_config(write(directory, text)))
    assert "cert='a'" in printed
    assert "hidden" not in printed
    assert HASH not in printed


def test_complaint_does_not_quote_the_file(directory: Path) -> None:
    """YAML's own complaint would have the line that it is about."""
    with pytest.raises(SettingsError) as caught:
        use(write(directory, "tls_server_config:\n  key: hidden: more"))
    assert "is not YAML (mapping values are not allowed here, line 2)" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the cause."""
    with pytest.raises(SettingsError, match=r"web.yml\" is not readable \(No such file"):
        read_web_config(tmp_path / "web.yml")
