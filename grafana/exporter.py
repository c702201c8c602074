"""The exporter itself: what a scrape costs, and what the admin API and healing did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana import frame, look
from grafana.panels import Column, Query, bars, lines, listing, number, stack
from grafana.promql import events, increase, rate, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import Dashboard

    from grafana.panels import Panel

INSTANCE = "{{instance}}"


def dashboard() -> Dashboard:
    """Return the dashboard of the exporter and of healing."""
    return frame.build(
        frame.EXPORTER,
        "What scraping the engines costs, and what was done, denied and given up.",
        variables=(frame.job(), frame.instance()),
        rows={
            "At a glance": _glance(),
            "Scrapes": _scrapes(),
            "Requests to the engines": _requests(),
            "Actions and healing": _actions(),
            "Process": _process(),
        },
    )


def _glance() -> Sequence[Panel]:
    missing = select("docker_exporter_containers_without_stats")
    actions = increase(select("docker_exporter_actions_total", 'outcome="done"'))
    denied = increase(select("docker_exporter_actions_total", 'outcome="denied"'))
    exhausted = f"sum({select('docker_exporter_healing_exhausted')})"
    # There is a series only while healing is given up: where the admin API is on, none means 0.
    enabled = f"sum({increase(select('docker_exporter_auth_failures_total'))})"
    return (
        number("Exporters up", "Exporters that Prometheus can scrape.", f"sum({select('up')})"),
        number(
            "Slowest scrape",
            "The longest that it took to read an engine, of all chosen hosts.",
            f"max({select('docker_exporter_scrape_duration_seconds')})",
        ).unit("s"),
        number(
            "Containers without stats",
            "Containers some of whose metrics are missing.",
            f"sum({missing})",
            warn=1,
        ),
        number("Actions done", "In the chosen time.", f"sum({actions})"),
        number("Actions denied", "In the chosen time.", f"sum({denied})"),
        number(
            "Healing given up",
            "Containers that restarting has not made healthy, and that need a person.",
            f"{exhausted} or 0 * {enabled}",
            warn=1,
        ),
    )


def _scrapes() -> Sequence[Panel]:
    missing = select("docker_exporter_containers_without_stats")
    return (
        lines(
            "Time to read the engine",
            "How long the exporter took for the snapshot that a scrape shows.",
            Query(select("docker_exporter_scrape_duration_seconds"), INSTANCE),
            unit="s",
        ),
        lines(
            "Time to scrape the exporter",
            "How long Prometheus waited for the exporter, the engine's time included.",
            Query(select("scrape_duration_seconds"), INSTANCE),
            unit="s",
        ),
        lines(
            "Age of the snapshot",
            "How old a scrape is; several that come together share one reading of the engine.",
            Query(select("docker_exporter_snapshot_age_seconds"), INSTANCE),
            unit="s",
        ).span(8),
        stack(
            lines(
                "Containers without stats",
                "Containers some of whose metrics are missing, by reason.",
                Query(f"sum by (reason) ({missing})", "{{reason}}"),
                unit="short",
            )
        ).span(8),
        lines(
            "Samples in a scrape",
            "How much one scrape brings.",
            Query(select("scrape_samples_scraped"), INSTANCE),
            unit="short",
        ).span(8),
        listing(
            "Exporters",
            "One row for each exporter.",
            (
                Column(
                    "Version",
                    f"max by (job, instance, version) ({select('docker_exporter_build_info')})",
                    label="version",
                ),
                Column(
                    "Mode",
                    f"max by (job, instance, mode) ({select('docker_engine_mode')} == 1)",
                    label="mode",
                ),
                Column(
                    "Follows events",
                    f"max by (job, instance) ({select('docker_exporter_events_connected')})",
                    unit="none",
                    mappings=look.YES_IS_GOOD,
                ),
                Column(
                    "Seconds for a scrape",
                    f"max by (job, instance) ({select('docker_exporter_scrape_duration_seconds')})",
                    unit="s",
                ),
            ),
            keys={"instance": "Host", "job": ""},
            links={"Host": [frame.HOST_OF_ROW]},
            sort_by="Seconds for a scrape",
        ).height(7),
    )


def _requests() -> Sequence[Panel]:
    requests = rate(select("docker_exporter_engine_requests_total"))
    failed = rate(select("docker_exporter_engine_requests_failed_total"))
    duration = "docker_exporter_engine_request_duration_seconds"
    buckets = rate(select(f"{duration}_bucket"))
    return (
        lines(
            "Requests",
            "Requests to the engines in a second, by operation.",
            Query(f"sum by (operation) ({requests})", "{{operation}}"),
            unit="reqps",
        ),
        lines(
            "Failed requests",
            "Requests that failed in a second, by operation and reason; none has ever failed "
            "where this is empty.",
            Query(f"sum by (operation, reason) ({failed})", "{{operation}}: {{reason}}"),
            unit="reqps",
        ),
        lines(
            "Mean duration",
            "How long a request takes on average, by operation.",
            Query(
                f"sum by (operation) ({rate(select(f'{duration}_sum'))})"
                f" / sum by (operation) ({rate(select(f'{duration}_count'))})",
                "{{operation}}",
            ),
            unit="s",
        ),
        lines(
            "Slow requests",
            "95 % of the requests take no longer than this, by operation.",
            Query(f"histogram_quantile(0.95, sum by (operation, le) ({buckets}))", "{{operation}}"),
            unit="s",
        ),
    )


def _actions() -> Sequence[Panel]:
    actions = events(select("docker_exporter_actions_total"))
    denied = events(select("docker_exporter_actions_total", 'outcome="denied"'))
    failures = events(select("docker_exporter_auth_failures_total"))
    exhausted = select("docker_exporter_healing_exhausted")
    return (
        bars(
            lines(
                "Actions",
                "What was asked for, by kind and outcome.",
                Query(f"sum by (action, outcome) ({actions})", "{{action}}: {{outcome}}"),
                unit="short",
            )
        ),
        bars(
            lines(
                "Denials",
                "Actions that the guard denied, by who asked for them.",
                Query(f"sum by (trigger, instance) ({denied})", "{{trigger}} @ {{instance}}"),
                unit="short",
            )
        ),
        bars(
            lines(
                "Failed authentications",
                "Requests to the admin API without valid credentials.",
                Query(failures, INSTANCE),
                unit="short",
            )
        ),
        lines(
            "Containers given up",
            "Containers that restarting has not made healthy.",
            Query(f"{exhausted} == 1", frame.NAMED),
            unit="short",
            links=[frame.TO_CONTAINER],
        ),
    )


def _process() -> Sequence[Panel]:
    return (
        lines(
            "CPU",
            "Processors that the exporter itself keeps busy, 1 for one.",
            Query(rate(select("process_cpu_seconds_total")), INSTANCE),
            unit="short",
        ).span(8),
        lines(
            "Memory",
            "Memory that the exporter itself holds.",
            Query(select("process_resident_memory_bytes"), INSTANCE),
            unit="bytes",
        ).span(8),
        lines(
            "Open files",
            "Files and connections that the exporter has open.",
            Query(select("process_open_fds"), INSTANCE),
            unit="short",
        ).span(8),
    )
