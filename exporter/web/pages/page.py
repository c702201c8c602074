"""Answers for the page at `/`, and for the part of it that changes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import time
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from exporter import __version__, figures
from exporter.deadline import Deadline
from exporter.web.negotiation import accepts_gzip
from exporter.web.openapi import PREFIX
from exporter.web.pages.entries import Query
from exporter.web.pages.view import view_of

if TYPE_CHECKING:
    from jinja2 import Template
    from starlette.requests import Request
    from starlette.responses import Response

    from exporter.metrics.snapshot import Snapshots
    from exporter.model import Snapshot
    from exporter.web.lifecycle import Lifecycle
    from exporter.web.pages.view import Denials

WAIT_SECONDS = 5.0
"""How long somebody who looks waits for an engine before seeing what is known by then."""


class Page:
    """Shows an engine and all its containers to people.

    It reads the snapshots that scrapes share, and is whole without scripts. With them, it asks
    again and again for the part that changes, `/?part=live`, as HTML.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        lifecycle: Lifecycle,
        *,
        telemetry_path: str | None,
        denial: Denials | None = None,
    ) -> None:
        """Prepare to answer.

        Args:
            snapshots: Where snapshots come from.
            lifecycle: Cuts waits short when the server stops.
            telemetry_path: Where the metrics are; None where they are on another listener.
            denial: What the guard would say to an action; None where no admin API is beside.
        """
        self._snapshots = snapshots
        self._lifecycle = lifecycle
        self._denial = denial
        links = {
            "Metrics": telemetry_path,
            "API": f"{PREFIX}/openapi.json" if denial else None,
            "Health": "/-/healthy",
            "Readiness": "/-/ready",
        }
        # Relative, so that they work below any path that a proxy puts them under.
        self._links = {name: f".{path}" for name, path in links.items() if path is not None}

    async def show(self, request: Request) -> Response:
        """Answer one request."""
        deadline = Deadline(WAIT_SECONDS)
        source = self._snapshots.join(deadline)
        await self._lifecycle.wait(source.future, deadline)

        def respond() -> Response:
            known = source.future.result() if source.future.done() else source.partial()
            return self._respond(request, known)

        return await run_in_threadpool(respond)

    def _respond(self, request: Request, snapshot: Snapshot) -> Response:
        parameters = request.query_params
        assets = _assets()
        query = Query.of(parameters)
        template = assets.live if parameters.get("part") == "live" else assets.page
        body = template.render(
            view=view_of(snapshot, query, time.monotonic(), self._denial),
            links=self._links,
            version=__version__,
        ).encode()
        headers = dict(assets.headers)
        if accepts_gzip(",".join(request.headers.getlist("accept-encoding"))):
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return HTMLResponse(body, headers=headers)


@dataclass(frozen=True, slots=True)
class _Assets:
    """What every answer is made with.

    Attributes:
        page: The whole page.
        live: The part of it that changes.
    """

    page: Template
    live: Template
    headers: dict[str, str]


@cache
def _assets() -> _Assets:
    """Return the templates, and headers that allow the page's own style and scripts only.

    The template engine is loaded with the first answer: most exporters never give one.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 -- as said

    texts = {name: _read(name) for name in ("page.css", "page.js", "actions.js")}
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_read),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        size=figures.size, span=figures.span, percent=figures.percent, count=figures.count
    )
    environment.globals["inline"] = texts
    policy = {
        "default-src": "'none'",
        "style-src": _hash(texts["page.css"]),
        "script-src": f"{_hash(texts['page.js'])} {_hash(texts['actions.js'])}",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(f"{key} {value}" for key, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "deny",
    }
    return _Assets(
        environment.get_template("page.html"), environment.get_template("live.html"), headers
    )


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what allows an element with this text, in a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
