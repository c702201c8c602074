"""Everything about one container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders

from grafana import frame, look
from grafana.panels import DATASOURCE, Column, Query, bars, lines, listing, number, timeline
from grafana.promql import (
    HEALTHS,
    STATES,
    events,
    increase,
    mean,
    numbered,
    of,
    per_container,
    rate,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import Dashboard

    from grafana.panels import Panel

# A container of this name may exist on several of the chosen hosts.
AT = "@ {{instance}}"


def dashboard() -> Dashboard:
    """Return the dashboard of one container."""
    return frame.build(
        frame.CONTAINER,
        "Everything about one container; marks show when it was started and ran out of memory.",
        variables=(frame.job(), frame.instance(), frame.project(), frame.container(single=True)),
        rows={
            "At a glance": _glance(),
            "State": _state(),
            "CPU": _cpu(),
            "Memory": _memory(),
            "Network": _network(),
            "Block I/O and processes": _io(),
            "What it is": (_facts(),),
        },
        annotations=(_starts(), _ooms()),
    )


def _starts() -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name("Starts")
        .datasource(DATASOURCE)
        .icon_color(look.BLUE)
        .expr(f"1000 * {of('container_start_time_seconds')}")
        # The time of the mark is the value, so that it stands where the start was.
        .use_value_for_time(True)
        .title_format("{{name}} was started")
        .tag_keys("instance")
    )


def _ooms() -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name("Out of memory")
        .datasource(DATASOURCE)
        .icon_color(look.RED)
        .expr(f"increase({of('container_oom_events_total')}[2m]) > 0")
        .step("60s")
        .title_format("{{name}} ran out of memory")
        .tag_keys("instance")
    )


def _glance() -> Sequence[Panel]:
    return (
        number(
            "State",
            "What state it is in now.",
            numbered("container_state", "state", STATES),
            mappings=look.STATE,
            legend="{{instance}}",
        ),
        number(
            "Health",
            "What its health check found; unknown without one, and while it does not run.",
            numbered("container_health", "status", HEALTHS),
            mappings=look.HEALTH,
            legend="{{instance}}",
        ),
        number(
            "Started",
            "When it was last started.",
            f"1000 * {of('container_start_time_seconds')}",
            legend="{{instance}}",
        ).unit("dateTimeFromNow"),
        number(
            "Restarts",
            "Restarts by its restart policy in the chosen time.",
            increase(of("container_restarts_total")),
            warn=1,
            legend="{{instance}}",
        ),
        number(
            "Last exit code",
            "How its last run ended, or why it could not begin; unknown while it runs.",
            of("container_exit_code"),
            warn=1,
            legend="{{instance}}",
        ).unit("none"),
        number(
            "Out of memory",
            "Whether a process was killed for lack of memory in its last run.",
            of("container_oom_killed"),
            mappings=look.YES_IS_BAD,
            legend="{{instance}}",
        ),
    )


def _state() -> Sequence[Panel]:
    unhealthy = of("container_health_transitions_total", 'status="unhealthy"')
    return (
        timeline(
            "State",
            "What state it was in.",
            Query(numbered("container_state", "state", STATES), "{{instance}}"),
            mappings=look.STATE,
        ).height(6),
        timeline(
            "Health",
            "What its health check found.",
            Query(numbered("container_health", "status", HEALTHS), "{{instance}}"),
            mappings=look.HEALTH,
        ).height(6),
        bars(
            lines(
                "Events",
                "What happened to it, as the engine's event stream told.",
                Query(events(of("container_starts_total")), f"started {AT}", look.BLUE),
                Query(events(of("container_exits_total")), f"ended {AT}", look.GREY),
                Query(events(of("container_oom_events_total")), f"out of memory {AT}", look.RED),
                Query(events(unhealthy), f"became unhealthy {AT}", look.ORANGE),
                unit="short",
            )
        ),
        lines(
            "Failed health checks in a row",
            "How often its health check has failed since it last succeeded.",
            Query(of("container_health_failing_streak"), f"failed {AT}", look.RED),
            unit="short",
        ),
    )


def _cpu() -> Sequence[Panel]:
    throttled = rate(of("container_cpu_cfs_throttled_periods_total"))
    return (
        lines(
            "Processors busy",
            "Processors that it keeps busy, 1 for one, and how many it may.",
            Query(mean(of("container_cpu_usage_ratio")), f"all {AT}", look.BLUE),
            Query(rate(of("container_cpu_user_seconds_total")), f"user {AT}", look.SKY),
            Query(rate(of("container_cpu_system_seconds_total")), f"system {AT}", look.ORANGE),
            Query(of("container_spec_cpu_limit_ratio"), f"limit {AT}", look.RED, dashed=True),
            unit="short",
        ),
        lines(
            "Throttled",
            "Share of the scheduling periods in which it had used up its CPU limit.",
            Query(
                f"{throttled} / {rate(of('container_cpu_cfs_periods_total'))}",
                f"throttled {AT}",
                look.RED,
            ),
            unit="percentunit",
            warn=0.25,
        ).max(1),
    )


def _memory() -> Sequence[Panel]:
    faults = per_container(
        "sum",
        rate(of("container_memory_failures_total", 'scope="container"')),
        "failure_type",
    )
    return (
        lines(
            "Memory",
            "What it uses, in which ways, and how much it may.",
            Query(of("container_memory_working_set_bytes"), f"working set {AT}", look.BLUE),
            Query(of("container_memory_usage_bytes"), f"with all cache {AT}", look.SKY),
            Query(of("container_memory_rss"), f"anonymous {AT}", look.PURPLE),
            Query(of("container_memory_cache"), f"cache {AT}", look.GREEN),
            Query(
                f"{of('container_spec_memory_limit_bytes')} > 0",
                f"limit {AT}",
                look.RED,
                dashed=True,
            ),
            unit="bytes",
        ),
        lines(
            "Memory of the limit",
            "Working set, as a share of its limit or, without one, of the host's memory.",
            Query(of("container_memory_usage_ratio"), f"used {AT}", look.BLUE),
            unit="percentunit",
            warn=0.9,
        ).max(1),
        lines(
            "Page faults",
            "Page faults in a second; those called pgmajfault had to wait for a disk.",
            Query(faults, f"{{{{failure_type}}}} {AT}"),
            unit="short",
        ).span(24),
    )


def _network() -> Sequence[Panel]:
    def both_ways(title: str, description: str, what: str, unit: str) -> Panel:
        return lines(
            title,
            f"{description}, by interface; what it sends is below zero.",
            Query(
                rate(of(f"container_network_receive_{what}_total")),
                f"received, {{{{interface}}}} {AT}",
                look.BLUE,
            ),
            Query(
                rate(of(f"container_network_transmit_{what}_total")),
                f"sent, {{{{interface}}}} {AT}",
                look.ORANGE,
                below=True,
            ),
            unit=unit,
        ).span(8)

    return (
        both_ways("Traffic", "Bytes in a second", "bytes", "Bps"),
        both_ways("Packets", "Packets in a second", "packets", "pps"),
        both_ways("Packets dropped", "Packets lost in a second", "packets_dropped", "pps"),
    )


def _io() -> Sequence[Panel]:
    return (
        lines(
            "Block I/O",
            "Bytes read and written in a second, by device; what it writes is below zero.",
            Query(
                rate(of("container_fs_reads_bytes_total")),
                f"read, {{{{device}}}} {AT}",
                look.BLUE,
            ),
            Query(
                rate(of("container_fs_writes_bytes_total")),
                f"written, {{{{device}}}} {AT}",
                look.ORANGE,
                below=True,
            ),
            unit="Bps",
        ),
        lines(
            "Processes and threads",
            "How many it has, and how many it may have.",
            Query(of("container_threads"), f"now {AT}", look.BLUE),
            Query(f"{of('container_threads_max')} > 0", f"limit {AT}", look.RED, dashed=True),
            unit="short",
        ),
    )


def _facts() -> Panel:
    labels = {
        "image": "Image",
        "compose_project": "Compose project",
        "compose_service": "Compose service",
        "restart_policy": "Restart policy",
        "network_mode": "Network",
        "hostname": "Host name",
        "id": "Id",
    }
    info = f"max by (job, instance, {', '.join(labels)}) ({of('container_info')})"
    created = f"max by (job, instance) ({of('container_creation_time_seconds')})"
    shares = f"max by (job, instance) ({of('container_spec_cpu_shares')})"
    return listing(
        "What it is",
        "Its identity and settings, one row for each host that has a container of this name.",
        (
            Column("Image", info, label="image"),
            Column("Created", f"1000 * {created}", unit="dateTimeAsIso"),
            Column("CPU shares", shares, unit="none"),
        ),
        keys={"instance": "Host", "job": ""}
        | {label: title for label, title in labels.items() if label != "image"},
        links={"Host": [frame.HOST_OF_ROW]},
        sort_by="Host",
    ).height(5)
