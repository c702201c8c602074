"""The page at `/`: what this is, and where the metrics are."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from starlette.responses import HTMLResponse

from exporter import __version__

_STYLE = "body{font-family:sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>docker-exporter</title>
<style>{style}</style>
</head>
<body>
<h1>docker-exporter</h1>
<p>Every container of a Docker engine, as Prometheus metrics. Version {version}.</p>
<ul>
<li><a href="{telemetry_path}">Metrics</a></li>
<li><a href="/-/healthy">Health</a></li>
<li><a href="/-/ready">Readiness</a></li>
</ul>
</body>
</html>
"""


def landing_page(telemetry_path: str) -> HTMLResponse:
    """Return the page, which may be sent any number of times."""
    page = _PAGE.format(
        style=_STYLE, version=escape(__version__), telemetry_path=escape(telemetry_path)
    )
    return HTMLResponse(page, headers=_HEADERS)
