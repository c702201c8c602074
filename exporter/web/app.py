"""The application: which path is answered by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from exporter.web.lifecycle import Lifecycle, RefuseWhenStopping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from exporter.web.pages.page import Page
    from exporter.web.telemetry import Telemetry


def create_app(
    telemetry: Telemetry,
    page: Page,
    lifecycle: Lifecycle,
    *,
    telemetry_path: str,
    admin: Sequence[BaseRoute] = (),
) -> Starlette:
    """Return the application.

    Args:
        telemetry: Answers scrapes.
        page: Shows the containers to people.
        lifecycle: Says when to refuse everything.
        telemetry_path: Where the metrics are. At `/` they leave no room for the page.
        admin: The routes of the admin API, unless that is served elsewhere.
    """
    routes = [
        *admin,
        Route(telemetry_path, telemetry.scrape),
        Route("/-/healthy", _healthy),
        Route("/-/ready", _ready),
    ]
    if telemetry_path != "/":
        routes.append(Route("/", page.show))
    return _app(routes, lifecycle)


def create_admin_app(page: Page, lifecycle: Lifecycle, admin: Sequence[BaseRoute]) -> Starlette:
    """Return an application that is the admin API and the page that uses it."""
    routes = [
        *admin,
        Route("/-/healthy", _healthy),
        Route("/-/ready", _ready),
        Route("/", page.show),
    ]
    return _app(routes, lifecycle)


def _app(routes: Sequence[BaseRoute], lifecycle: Lifecycle) -> Starlette:
    app = Starlette(routes=routes, middleware=[Middleware(RefuseWhenStopping, lifecycle)])
    # A redirect would be built from the client's own Host header.
    app.router.redirect_slashes = False
    return app


async def _healthy(_request: Request) -> Response:
    """Say that the process lives: nothing is asked of the engine."""
    return PlainTextResponse("docker-exporter is healthy.\n")


async def _ready(_request: Request) -> Response:
    """Say that scrapes are answered; what comes once stopping has begun is refused earlier."""
    return PlainTextResponse("docker-exporter is ready.\n")
