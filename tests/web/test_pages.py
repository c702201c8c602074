"""The small pages around the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

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
