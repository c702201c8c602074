"""What the help around Prometheus promises."""

from __future__ import annotations

import prometheus_client

from tests.support.prometheus import Prometheus, promtool_complaints
from tests.support.waiting import wait_until


def test_prometheus_scrapes_what_it_is_told_to() -> None:
    """A real server scrapes a target, and its API tells what it got."""
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Gauge("answer", "It.", registry=registry).set(42)
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
    target = f"127.0.0.1:{server.server_port}"
    job = {"job_name": "it", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}
    try:
        with Prometheus({"scrape_configs": [job]}) as prometheus:
            series = wait_until(lambda: prometheus.query("answer"), 30, "a scrape")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert series == [({"__name__": "answer", "instance": target, "job": "it"}, 42)]


def test_promtool_has_nothing_to_say_of_a_good_exposition() -> None:
    """No complaint comes back for a metric as it should be."""
    good = "# HELP uptime_seconds How long.\n# TYPE uptime_seconds gauge\nuptime_seconds 1\n"
    assert promtool_complaints(good) == ""


def test_promtool_complains_of_a_bad_exposition() -> None:
    """A lint of promtool's comes back."""
    bad = "# HELP uptimeMinutes How long.\n# TYPE uptimeMinutes gauge\nuptimeMinutes 1\n"
    assert "uptimeMinutes" in promtool_complaints(bad)
