"""The OpenAPI document: valid, the same as the routes, and true of the live API."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.admin.exporting import ACT_TOKEN, READ_TOKEN, TIMEOUT_SECONDS, TOKEN, Exporter
from tests.support.engine import IMAGE
from tests.support.programs import start_program

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.engine import PrivateEngine

EVERYTHING = {
    ("GET", "/containers"),
    ("GET", "/containers/{name}"),
    ("POST", "/containers/{name}/restart"),
    ("POST", "/containers/{name}/start"),
    ("POST", "/containers/{name}/stop"),
    ("GET", "/actions"),
    ("POST", "/alerts"),
    ("GET", "/openapi.json"),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture(scope="module")
def exporter(engine: PrivateEngine) -> Iterator[Exporter]:
    """Give an exporter that carries nothing out, on an engine with a container.

    The container has never been started: its stats would take the engine two seconds each time.
    """
    engine.docker("create", "--name=described", IMAGE, "true")
    try:
        with Exporter(engine.host, "--admin.dry-run", "--admin.allow=described") as exporter:
            yield exporter
    finally:
        engine.docker("rm", "--force", "described")


@pytest.fixture(scope="module")
def document(exporter: Exporter) -> Any:  # noqa: ANN401 -- JSON of any shape
    """Give the document, which takes no token."""
    with exporter.client(token=None) as client:
        return client.get("/openapi.json").raise_for_status().json()


def operations(document: Any) -> set[tuple[str, str]]:  # noqa: ANN401 -- as above
    """Return the methods and paths in a document."""
    return {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }


def test_document_is_valid(document: Any) -> None:  # noqa: ANN401 -- as above
    """It is OpenAPI 3.1, without a complaint."""
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_document_has_every_operation(document: Any) -> None:  # noqa: ANN401 -- as above
    """None is missing, and none is there that is not meant to be."""
    assert operations(document) == EVERYTHING


def test_routes_are_those_of_the_document(exporter: Exporter, document: Any) -> None:  # noqa: ANN401 -- as above
    """Each path answers the methods of the document, HEAD with GET, and to others 405."""
    described = operations(document)
    described |= {("HEAD", path) for method, path in described if method == "GET"}
    served = set()
    with exporter.client() as client:
        for path in document["paths"]:
            for method in METHODS:
                answer = client.request(method, path.replace("{name}", "described"))
                if answer.status_code != 405:
                    served.add((method, path))
                else:
                    allowed = {one for one, where in described if where == path}
                    assert set(answer.headers["allow"].split(", ")) == allowed
    assert served == described


@pytest.mark.parametrize(
    ("number", "operation"), list(enumerate(sorted(EVERYTHING - {("GET", "/openapi.json")})))
)
def test_security_is_that_of_the_document(
    exporter: Exporter,
    document: Any,  # noqa: ANN401 -- as above
    number: int,
    operation: tuple[str, str],
) -> None:
    """Without a token it is 401, and with one of another scope 403; the document has both."""
    method, path = operation
    described = document["paths"][path][method.lower()]
    scope, wrong = ("read", ACT_TOKEN) if method == "GET" else ("act", READ_TOKEN)
    assert described["security"] == [{scope: []}]
    where = path.replace("{name}", "described")
    statuses = []
    for token in (None, "x" * 32, wrong):
        with exporter.client(token, address=f"127.0.1.{number}") as client:
            refused = client.request(method, where)
        statuses.append(refused.status_code)
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["www-authenticate"].startswith("Bearer realm=")
    assert statuses == [401, 401, 403]
    assert {"401", "403", "429"} <= described["responses"].keys()


def begin_schemathesis(
    exporter: Exporter, directory: Path, token: str | None
) -> subprocess.Popen[bytes]:
    """Begin to try everything that the document makes one think of.

    It leaves files where it runs, and its log `log` beside them.
    """
    directory.mkdir()
    authorization = [] if token is None else ["--header", f"Authorization: Bearer {token}"]
    return start_program(
        *("env", f"--chdir={directory}", sys.executable),
        *("-m", "schemathesis.cli", "run", f"{exporter.url}/api/v1/openapi.json"),
        *("--checks", "all", "--exclude-checks", "ignored_auth,missing_required_header"),
        *("--phases", "coverage,fuzzing", "--max-examples", "5", "--seed", "1"),
        *("--generation-database", "none", "--request-timeout", str(TIMEOUT_SECONDS)),
        "--no-color",
        *authorization,
        log=directory / "log",
    )


def test_live_api_is_as_described(exporter: Exporter, tmp_path: Path) -> None:
    """Whatever is sent, the answer is one that the document has, and none is a server's error.

    With every right, and with none. Two checks are left out that send bad tokens and expect 401
    however many they send: those are throttled. The test above is in their place.
    """
    directories = {tmp_path / "everybody": TOKEN, tmp_path / "nobody": None}
    runs = {one: begin_schemathesis(exporter, one, token) for one, token in directories.items()}
    for directory, process in runs.items():
        status = process.wait(TIMEOUT_SECONDS * 2)
        said = (directory / "log").read_text()
        assert (status, "Tested: 7" in said) == (0, True), said
    assert "Traceback" not in exporter.log
