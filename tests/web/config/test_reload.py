"""Files that change while the exporter runs."""

from __future__ import annotations

import os
import resource
import shutil
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from exporter.errors import SettingsError
from exporter.metrics.instruments import ConfigReloads
from exporter.web.config.live import LiveWebConfig
from tests.support.certificates import Authority, Certificate
from tests.support.waiting import wait_until
from tests.web.config.files import HASH, tls
from tests.web.config.serving import (
    accepted,
    configured,
    connect,
    greet,
    replace,
    serial,
    trusting,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "docker_exporter_config_last_reload"
REQUIRE = "client_ca_file: trusted.pem, client_auth_type: RequireAndVerifyClientCert"


class Site:
    """A configuration, and the files that it names, in a directory of their own."""

    def __init__(self, directory: Path, first: Certificate, second: Certificate) -> None:
        """Begin with the first certificate."""
        self.config = directory / "web.yml"
        self.first, self.second = first, second
        self._directory = directory
        self.put(cert=first, key=first)
        self.config.write_text(tls())

    def put(self, cert: Certificate | None = None, key: Certificate | None = None) -> None:
        """Put another certificate, or key, where the configuration expects it."""
        if cert is not None:
            self._copy(cert.cert, "server.pem")
        if key is not None:
            self._copy(key.key, "server.key")

    def trust(self, certificate: Certificate) -> None:
        """Put another authority there, for clients."""
        self._copy(certificate.cert, "trusted.pem")

    def _copy(self, source: Path, name: str) -> None:
        new = self._directory / "new"
        shutil.copy(source, new)
        new.rename(self._directory / name)


@pytest.fixture(scope="module")
def first(authority: Authority) -> Certificate:
    """Give the certificate that a site begins with."""
    return authority.issue("first")


@pytest.fixture(scope="module")
def second(authority: Authority) -> Certificate:
    """Give another one for the same server."""
    return authority.issue("second")


@pytest.fixture
def site(tmp_path: Path, first: Certificate, second: Certificate) -> Site:
    """Give a site."""
    return Site(tmp_path, first, second)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """Give what has been logged since it was last asked, as level and message."""
    caplog.set_level("INFO", "exporter.web.config.live")

    def take() -> list[tuple[str, str]]:
        taken = [(record.levelname, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return taken

    return take


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Let this process open so many files and no more until the context ends."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.dup(0) for _ in range(count + 1)]
    for one in free:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


LATE = 30.0
READ = ("INFO", "web configuration read")
KEPT = ("ERROR", "web configuration not usable: what was good last stays in force")


# -- certificates -----------------------------------------------------------------------------


def test_new_connections_get_the_new_certificate(authority: Authority, site: Site) -> None:
    """One that is open goes on as it was."""
    client = trusting(authority.certificate)
    with configured(site.config) as served, connect(served, client) as old:
        site.put(cert=site.second, key=site.second)
        with connect(served, client) as new:
            assert serial(new) != serial(old)
        assert greet(old).startswith(b"HTTP/1.1 200")
        with connect(served, client) as new:
            assert serial(new) != serial(old)


def test_half_a_pair_changes_nothing(
    authority: Authority, site: Site, said: Callable[[], list[tuple[str, str]]]
) -> None:
    """Until the other half is there, the pair before it serves; that is said once."""
    client = trusting(authority.certificate)
    with configured(site.config) as served:
        with connect(served, client) as link:
            old = serial(link)
        said()
        site.put(cert=site.second)
        for _ in range(3):
            with connect(served, client) as link:
                assert serial(link) == old
        assert said() == [KEPT]
        site.put(key=site.second)
        with connect(served, client) as link:
            assert serial(link) != old
        assert said() == [READ]


def test_session_of_before_is_not_taken_up(authority: Authority, site: Site) -> None:
    """A client that was trusted has to show its certificate to the new authority."""
    stranger = Authority(site.config.parent, "other")
    site.trust(authority.certificate)
    site.config.write_text(tls(REQUIRE))
    client = trusting(authority.certificate, authority.issue("visitor"))
    with configured(site.config) as served:
        with connect(served, client) as link:
            session = link.session
        with connect(served, client, session) as link:
            assert link.session_reused
        site.trust(stranger.certificate)
        assert not accepted(served, client, session)
        site.trust(authority.certificate)
        assert accepted(served, client)


def test_the_rest_of_tls_changes_as_well(authority: Authority, site: Site) -> None:
    """Versions and policies hold from the next connection on."""
    client = trusting(authority.certificate)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    site.trust(authority.certificate)
    with configured(site.config) as served:
        assert accepted(served, client)
        replace(site.config, tls("min_version: TLS13"))
        assert not accepted(served, client)
        replace(site.config, tls(REQUIRE))
        assert not accepted(served, client)
        replace(site.config, tls())
        assert accepted(served, client)


def test_names_of_clients_change_on_open_connections(authority: Authority, site: Site) -> None:
    """Who is no longer allowed gets no further answer."""
    site.trust(authority.certificate)
    site.config.write_text(tls(f"{REQUIRE}, client_allowed_sans: [a.example]"))
    client = trusting(authority.certificate, authority.issue("a", "DNS:a.example"))
    with configured(site.config) as served, connect(served, client) as link:
        replace(site.config, tls(f"{REQUIRE}, client_allowed_sans: [b.example]"))
        link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert link.recv(65536).startswith(b"HTTP/1.1 403")


# -- what went bad ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("basic_auth_users: {alice: hidden}", "is not a bcrypt hash"),
        ("rate_limits: {}", 'unknown key "rate_limits"'),
        ("{", "is not YAML"),
        ("", "asks for nothing"),
        ("# soon", "asks for nothing"),
        ("tls_server_config: {cert_file: server.pem}", "missing one of key or key_file"),
        (None, "is not readable (No such file or directory)"),
    ],
)
def test_bad_configuration_leaves_the_last_good_one(
    site: Site, caplog: pytest.LogCaptureFixture, text: str | None, complaint: str
) -> None:
    """It says so once, in the log and in the metrics, and nothing of what is in the file."""
    site.config.write_text(f"basic_auth_users: {{alice: {HASH}}}")
    time = 1000.0
    live = LiveWebConfig(site.config, clock=lambda: time)
    good = live.config()
    registry = CollectorRegistry()
    registry.register(ConfigReloads(live.reloads))
    labels = {"file": str(site.config)}

    def metrics() -> tuple[float | None, float | None]:
        return (
            registry.get_sample_value(f"{NAME}_successful", labels),
            registry.get_sample_value(f"{NAME}_success_timestamp_seconds", labels),
        )

    assert metrics() == (1.0, 1000.0)
    caplog.clear()
    time = 2000.0
    if text is None:
        site.config.unlink()
    else:
        replace(site.config, text)
    for _ in range(3):
        assert live.config() is good
    assert metrics() == (0.0, 1000.0)
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == KEPT
    assert record.__dict__["file"] == str(site.config)
    assert complaint in record.__dict__["error"]
    assert "hidden" not in record.__dict__["error"]

    time = 3000.0
    replace(site.config, f"basic_auth_users: {{bob: {HASH}}}")
    assert live.config().basic_auth_users == (("bob", HASH),)
    assert metrics() == (1.0, 3000.0)


def test_same_fault_is_not_said_again(
    site: Site, said: Callable[[], list[tuple[str, str]]]
) -> None:
    """However often a bad file is written; another fault is."""
    live = LiveWebConfig(site.config)
    said()
    for text in ("foo: 1", "foo: 2", "bar: 1"):
        replace(site.config, text)
        live.config()
    assert said() == [KEPT, KEPT]


def test_bad_certificate_does_not_hold_up_users(site: Site) -> None:
    """Who has been taken out is out, whatever became of the certificate."""
    site.config.write_text(f"{tls()}\nbasic_auth_users: {{alice: {HASH}, bob: {HASH}}}")
    live = LiveWebConfig(site.config)
    context = live.tls()
    site.put(cert=site.second)
    replace(site.config, f"{tls()}\nbasic_auth_users: {{alice: {HASH}}}")
    assert live.config().basic_auth_users == (("alice", HASH),)
    assert live.tls() is context
    assert [good for _, good, _ in live.reloads()] == [False]


@pytest.mark.parametrize(
    ("what", "left"),
    [("configuration", 0), ("certificate", 0), ("certificate", 1), ("certificate", 2)],
)
def test_what_could_not_be_opened_is_tried_again(site: Site, what: str, left: int) -> None:
    """A file that changed while no descriptor was left is not wrong: it is read a second later."""
    live = LiveWebConfig(site.config)
    context = live.tls()
    if what == "certificate":
        site.put(cert=site.second, key=site.second)
    else:
        replace(site.config, tls("min_version: TLS13"))
    with descriptors_left(left):
        assert live.tls() is context
    assert [good for _, good, _ in live.reloads()] == [False]
    wait_until(lambda: live.tls() is not context, LATE, "the change is taken in")
    assert [good for _, good, _ in live.reloads()] == [True]


def test_each_fault_is_said_and_only_the_end_of_all_is_well(
    site: Site, said: Callable[[], list[tuple[str, str]]]
) -> None:
    """Two files went bad: mending one is not enough."""
    live = LiveWebConfig(site.config)
    said()
    site.put(cert=site.second)
    live.config()
    assert said() == [KEPT]
    replace(site.config, "{")
    live.config()
    assert said() == [KEPT]
    site.put(key=site.second)
    live.config()
    assert [good for _, good, _ in live.reloads()] == [False]
    said()
    replace(site.config, tls())
    live.config()
    assert said() == [READ]
    assert [good for _, good, _ in live.reloads()] == [True]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (tls(), f"basic_auth_users: {{alice: {HASH}}}"),
        (f"basic_auth_users: {{alice: {HASH}}}", tls()),
    ],
)
def test_tls_is_switched_by_a_restart_only(
    site: Site, caplog: pytest.LogCaptureFixture, before: str, after: str
) -> None:
    """A file that is being written must not put passwords in the clear."""
    site.config.write_text(before)
    live = LiveWebConfig(site.config)
    context = live.tls()
    caplog.clear()
    replace(site.config, after)
    assert live.tls() is context
    [record] = caplog.records
    assert record.__dict__["error"].endswith("switching TLS on or off takes a restart")


def test_what_has_no_effect_is_said_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """At the start, or when it comes; not each time that the file changes."""
    caplog.set_level("INFO", "exporter.web.config.live")
    both = tls("curve_preferences: [X25519, CurveP256]") + "\nhttp_server_config: {http2: true}"
    site.config.write_text(both)
    live = LiveWebConfig(site.config)
    replace(site.config, f"{both}\nrate_limit: {{interval: 1s, burst: 1}}")
    live.config()
    assert [record.__dict__["key"] for record in caplog.records if "key" in record.__dict__] == [
        "http_server_config.http2",
        "tls_server_config.curve_preferences",
    ]


def test_bad_configuration_is_an_error_at_the_start(site: Site) -> None:
    """There is nothing good before it."""
    site.put(key=site.second)
    with pytest.raises(SettingsError, match="do not belong together"):
        LiveWebConfig(site.config)


def test_nothing_is_read_while_nothing_changes(
    site: Site, said: Callable[[], list[tuple[str, str]]]
) -> None:
    """The same values are given out."""
    live = LiveWebConfig(site.config)
    config, context = live.config(), live.tls()
    said()
    assert live.config() is config
    assert live.tls() is context
    assert said() == []
