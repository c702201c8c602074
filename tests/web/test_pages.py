"""The small pages around the metrics."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from exporter import __version__
from exporter.web.landing import landing_page
from tests.web.serving import HeldSnapshots, Served, done, exporting, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Give an exporter whose metrics have an unusual place."""
    snapshots = HeldSnapshots(done(snapshot_of()))
    with exporting(snapshots, telemetry_path="/a/b_c.d~e") as served:
        yield served


def ask(served: Served, path: str, method: str = "GET") -> httpx.Response:
    """Return the answer to one request."""
    return httpx.request(method, served.url + path, trust_env=False)


def test_landing_page_leads_to_the_others(served: Served) -> None:
    """It names program and version, and every link on it works."""
    page = ask(served, "/")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (
        f"docker-exporter</h1>\n<p>Every container of a Docker engine, as Prometheus metrics. \
Version {__version__}."
        in page.text
    )
    links = re.findall(r'href="([^"]*)"', page.text)
    assert links == ["/a/b_c.d~e", "/-/healthy", "/-/ready"]
    assert {ask(served, link).status_code for link in links} == {200}


def test_landing_page_is_safe_in_a_browser(served: Served) -> None:
    """Nothing runs on it, nobody frames it, and its one style is the one that is allowed."""
    page = ask(served, "/")
    policy = page.headers["Content-Security-Policy"].split("; ")
    [style] = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == [
        "default-src 'none'",
        f"style-src 'sha256-{allowed}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "deny"


def test_landing_page_escapes_what_it_is_given() -> None:
    """No path can become markup."""
    page = bytes(landing_page('/"><script>&').body).decode()
    assert "<script>" not in page
    assert 'href="/&quot;&gt;&lt;script&gt;&amp;"' in page


def test_metrics_may_take_the_place_of_the_landing_page() -> None:
    """At `/` there are the metrics then."""
    with exporting(HeldSnapshots(done(snapshot_of())), telemetry_path="/") as served:
        assert "docker_up 1.0" in ask(served, "/").text


@pytest.mark.parametrize(
    "path", ["/nothing", "/metrics", "/-/", "/-/healthy/", "//", "/a/b_c.d~e/", "/index.html"]
)
def test_there_is_nothing_else(served: Served, path: str) -> None:
    """What is not a page is a short 404, and no redirect."""
    answer = ask(served, path)
    assert (answer.status_code, answer.text) == (404, "Not Found")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/-/healthy", "docker-exporter is healthy.\n"),
        ("/-/ready", "docker-exporter is ready.\n"),
    ],
)
def test_probes(served: Served, path: str, text: str) -> None:
    """Both say that all is well, with and without a body."""
    answer = ask(served, path)
    assert (answer.status_code, answer.text) == (200, text)
    assert ask(served, path, "HEAD").status_code == 200


@pytest.mark.parametrize("path", ["/", "/-/healthy", "/-/ready"])
def test_pages_are_only_read(served: Served, path: str) -> None:
    """Other methods are refused, with those that are allowed."""
    answer = ask(served, path, "POST")
    assert (answer.status_code, answer.text) == (405, "Method Not Allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_server_does_not_say_what_it_is(served: Served) -> None:
    """There is no Server header."""
    assert "Server" not in ask(served, "/").headers
