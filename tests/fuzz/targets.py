"""What reads foreign input: each target is given bytes, and may raise what it says it raises."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request

from exporter.actions.healing import wish
from exporter.deadline import Deadline
from exporter.engine import disk, payload, text
from exporter.engine.base import check_name
from exporter.engine.devices import number
from exporter.engine.events import EventFollower
from exporter.engine.http1 import ResponseReader
from exporter.engine.kernel import network, v1, v2
from exporter.engine.kernel.finding import container_paths
from exporter.engine.kernel.machine import machine
from exporter.engine.lines import lines
from exporter.engine.stats_payload import StatsPayload, container_stats
from exporter.errors import ExporterError
from exporter.settings import load
from exporter.settings.table import TABLE
from exporter.web.auth import is_allowed_host, is_cross_origin, presented_token
from exporter.web.body import Body
from exporter.web.config.file import read_web_config
from exporter.web.config.tls import server_context
from exporter.web.messages import ActionRequest, Webhook
from exporter.web.negotiation import accepts_gzip, negotiate
from exporter.web.problems import ProblemError
from exporter.web.telemetry import scrape_budget
from tests.fuzz.shown import show

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT_SETTINGS = [setting for setting in TABLE if setting.name != "config_file"]


def engine_stats(data: bytes) -> None:
    """Read the answer to a stats call."""
    stats = container_stats(payload.decode(data, StatsPayload, "stats"), number)
    show(stats=stats)


def engine_inspect(data: bytes) -> None:
    """Read the answer to an inspect."""
    show(container=payload.container(payload.decode(data, payload.InspectPayload, "inspect")))


def engine_list(data: bytes) -> None:
    """Read the list of containers."""
    for row in payload.decode(data, list[payload.SummaryPayload], "list"):
        payload.summary(row)


def engine_info(data: bytes) -> None:
    """Read the facts about an engine."""
    show(
        info=payload.info(
            payload.decode(data, payload.InfoPayload, "info"),
            payload.decode(data, payload.VersionPayload, "version"),
        )
    )


def engine_events(data: bytes) -> None:
    """Read a stream of events, and count them."""
    follower = EventFollower(lambda _: contextlib.nullcontext())  # type: ignore[arg-type, return-value] # never called
    for event in payload.events(data.split(b"\n")):
        follower._take(event)  # noqa: SLF001 -- what its thread calls
        follower.counts_of(event.name, event.image)
    follower.removed(set(), set())


def engine_disk(data: bytes) -> None:
    """Read what things take on disk."""
    show(disk=disk.from_api(data))


def engine_answer(data: bytes) -> None:
    """Read an HTTP answer, in pieces as long as the first byte says: it ends, or is refused."""
    size, rest = (data[0] % 16 + 1, data[1:]) if data else (1, b"")
    reader = ResponseReader(limit=1000)
    for start in range(0, len(rest), size):
        if reader.feed(rest[start : start + size]):
            break
    else:
        reader.end()
    assert reader.complete
    assert 200 <= reader.status <= 599
    assert len(reader.body) <= 1000


def engine_lines(data: bytes) -> None:
    """Cut a stream into lines: nothing of a whole line is lost, whatever the pieces are."""
    pieces = [data[start : start + 3] for start in range(0, len(data), 3)]
    assert list(lines(pieces)) == data.split(b"\n")[:-1]


def kernel_files(data: bytes) -> None:
    """Read the files of a container: each has a line `--- NAME` before it."""
    parts = [part.partition(b"\n") for part in data.split(b"--- ")]
    files = {name.decode("latin-1"): content for name, _, content in parts}
    networks = network.networks(files.get("net/dev", b""))
    whole = machine(files.get("stat"), files.get("meminfo"))
    for version in (v1, v2):
        show(stats=version.container_stats(files, whole, networks))
    container_paths(files.get("cgroup", b""), "f" * 64)


def docker_system_df(data: bytes) -> None:
    """Read what the docker command prints of what things take on disk."""
    show(disk=disk.from_command(data.split(b"\n"), {"f" * 64: 1}))


def docker_stats(data: bytes) -> None:
    """Read one line of `docker stats`."""
    _, stats = text.parse_row(data)
    show(stats=stats)


def web_config(data: bytes) -> None:
    """Read a web configuration, and make what TLS there is of it."""
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(data)
        server_context(read_web_config(path).tls_server_config)


def container_name(data: bytes) -> None:
    """Read the name of a container, which must not change the path of a request."""
    name = check_name(data.decode("utf-8", "surrogateescape"))
    assert not set(name) & set("/?#% \n"), name
    assert not name.startswith((".", "-")), name


def settings_file(data: bytes) -> None:
    """Read a file of settings."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        load({"config_file": file.name}, {})


def settings_values(data: bytes) -> None:
    """Read a text as the value of each setting."""
    value = data.decode("utf-8", "replace").replace("\0", "")
    for setting in _TEXT_SETTINGS:
        with contextlib.suppress(ExporterError):
            load({}, {setting.variable: value})


def request_body(data: bytes) -> None:
    """Read the body of an action, and one of Alertmanager's."""
    for kind in (ActionRequest, Webhook):
        with contextlib.suppress(ProblemError):
            _act_on(asyncio.run(Body(_request(data)).read(kind)))


def _act_on(body: Any) -> None:  # noqa: ANN401 -- either of the two
    if isinstance(body, Webhook):
        for alert in body.alerts:
            wish(alert, [("instance", "docker-1")])
            assert alert.firing
    msgspec.json.encode(body)


def _request(data: bytes) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    headers = [(b"content-type", b"application/json")]
    return Request({"type": "http", "headers": headers}, receive)


def request_headers(data: bytes) -> None:
    """Read a text as each of the headers that are looked at."""
    value = data.decode("latin-1")
    assert negotiate(value)[1].startswith(("text/plain", "application/openmetrics-text"))
    accepts_gzip(value)
    Deadline(scrape_budget(value))
    is_allowed_host(value, ())
    for name in ("authorization", "origin", "sec-fetch-site"):
        headers = Headers({name: value, "host": "localhost:9417"})
        presented_token(headers)
        is_cross_origin("POST", headers)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        container_name,
        docker_stats,
        docker_system_df,
        engine_answer,
        engine_disk,
        engine_events,
        engine_info,
        engine_inspect,
        engine_lines,
        engine_list,
        engine_stats,
        kernel_files,
        request_body,
        request_headers,
        settings_file,
        settings_values,
        web_config,
    )
}


def attempt(target: str, data: bytes) -> None:
    """Give a target some bytes: it may refuse them by an error of ours."""
    with contextlib.suppress(ExporterError):
        TARGETS[target](data)


CORPUS = Path(__file__).parent / "corpus"


def corpus(target: str) -> dict[str, bytes]:
    """Return the inputs that are kept for a target, by the names of their files."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / target).iterdir())}


def without_environment() -> None:
    """Keep the tester's own settings from what is read."""
    for variable in [name for name in os.environ if name.startswith("DOCKER_")]:
        del os.environ[variable]
