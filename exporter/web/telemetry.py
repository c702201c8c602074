"""The metrics page: waits for the shared snapshot, then renders it."""

from __future__ import annotations

import asyncio
import gzip
import logging
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from exporter.deadline import Deadline
from exporter.web.negotiation import Format, accepts_gzip, negotiate

if TYPE_CHECKING:
    from starlette.requests import Request

    from exporter.metrics.exposition import Exposition
    from exporter.metrics.snapshot import SharedSnapshot, Snapshots
    from exporter.web.lifecycle import Lifecycle

logger = logging.getLogger(__name__)

# What Prometheus waits by default, for a scraper that does not say.
DEFAULT_TIMEOUT_SECONDS = 10.0
# Left for rendering and for the way back, as blackbox_exporter does.
OFFSET_SECONDS = 0.5
MAX_BUDGET_SECONDS = 120.0
# Below this, compression costs more than it saves.
MIN_GZIP_BYTES = 1024


def scrape_budget(timeout: str | None) -> float:
    """Return how many seconds the engine may take for a scrape.

    Args:
        timeout: The header `X-Prometheus-Scrape-Timeout-Seconds`. None, or what is not a
            positive number, counts as Prometheus' default of 10 seconds.

    Examples:
        >>> scrape_budget("10"), scrape_budget("0.6"), scrape_budget("nan"), scrape_budget("600")
        (9.5, 0.3, 9.5, 120.0)
    """
    try:
        seconds = float(timeout or "")
    except ValueError:
        seconds = DEFAULT_TIMEOUT_SECONDS
    if not (math.isfinite(seconds) and seconds > 0):
        seconds = DEFAULT_TIMEOUT_SECONDS
    return min(max(seconds - OFFSET_SECONDS, seconds / 2), MAX_BUDGET_SECONDS)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a scrape wants rendered, and from what: equal ones can share one rendering.

    Attributes:
        source: The pass over the engine.
        complete: Whether it is over; if not, its part will do.
        names: The families and samples asked for; empty for all.
    """

    source: SharedSnapshot
    complete: bool
    format: Format
    content_type: str
    names: frozenset[str]
    gzip: bool


class Telemetry:
    """Answers scrapes.

    A scrape that waits holds no thread. Rendering is pure Python, of which the interpreter runs
    one thread at a time: one worker does it, and simultaneous scrapes that want the same share it.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        exposition: Exposition,
        *,
        max_requests: int,
        lifecycle: Lifecycle,
    ) -> None:
        """Prepare to answer.

        Args:
            snapshots: Where snapshots come from.
            exposition: Writes them.
            max_requests: How many different renderings may be in the making; 0 for any number.
            lifecycle: Cuts waits short when the server stops.
        """
        self._snapshots = snapshots
        self._exposition = exposition
        self._max_requests = max_requests
        self._lifecycle = lifecycle
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._renderings: dict[_Wanted, asyncio.Future[Response]] = {}

    def close(self) -> None:
        """Begin no further rendering."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def scrape(self, request: Request) -> Response:
        """Answer one scrape."""
        headers = request.headers
        deadline = Deadline(scrape_budget(headers.get("x-prometheus-scrape-timeout-seconds")))
        source = self._snapshots.join(deadline)
        await self._lifecycle.wait(source.future, deadline)
        format_, content_type = negotiate(",".join(headers.getlist("accept")))
        wanted = _Wanted(
            source=source,
            complete=source.future.done(),
            format=format_,
            content_type=content_type,
            names=frozenset(filter(None, request.query_params.getlist("name[]"))),
            gzip=accepts_gzip(",".join(headers.getlist("accept-encoding"))),
        )
        rendering = self._renderings.get(wanted) or self._begin(wanted)
        if rendering is None:
            return PlainTextResponse(
                f"Too many requests at once: --web.max-requests is {self._max_requests}.\n",
                status_code=503,
                headers={"Retry-After": "1"},
            )
        # Shielded, as others may share it.
        return await asyncio.shield(rendering)

    def _begin(self, wanted: _Wanted) -> asyncio.Future[Response] | None:
        """Begin a rendering; None when too many are in the making."""
        if 0 < self._max_requests <= len(self._renderings):
            return None
        loop = asyncio.get_running_loop()
        rendering = loop.run_in_executor(self._worker, self._respond, wanted)
        self._renderings[wanted] = rendering
        rendering.add_done_callback(lambda _: self._renderings.pop(wanted))
        return rendering

    def _respond(self, wanted: _Wanted) -> Response:
        """Return the answer for everyone who wants the same."""
        try:
            body = self._render(wanted)
        except Exception:
            logger.exception("rendering failed")
            return PlainTextResponse("The metrics cannot be rendered.\n", status_code=500)
        headers = {"Content-Type": wanted.content_type, "Vary": "Accept, Accept-Encoding"}
        if wanted.gzip and len(body) >= MIN_GZIP_BYTES:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    def _render(self, wanted: _Wanted) -> bytes:
        source = wanted.source
        snapshot = source.future.result() if wanted.complete else source.partial()
        openmetrics = wanted.format is Format.OPENMETRICS_1_0_0
        return self._exposition.write(snapshot, openmetrics=openmetrics, names=wanted.names)
