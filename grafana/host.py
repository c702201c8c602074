"""The containers of a host: what each is doing, and what it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana import frame, look
from grafana.frame import CONTAINER_OF_ROW, NAMED, TO_CONTAINER
from grafana.panels import Column, Query, bars, lines, listing, number, timeline
from grafana.promql import (
    HEALTHS,
    MOST,
    STATES,
    events,
    highest,
    in_project,
    increase,
    mean,
    numbered,
    of,
    per_container,
    rate,
    select,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import Dashboard

    from grafana.panels import Panel


def dashboard() -> Dashboard:
    """Return the dashboard of the containers of a host."""
    return frame.build(
        frame.HOST,
        "The containers of one host, or of several: state, health and use of each.",
        variables=(frame.job(), frame.instance(), frame.project(), frame.container(single=False)),
        rows={
            "At a glance": _glance(),
            "State": _state(),
            "Containers": (_table(),),
            "CPU": _cpu(),
            "Memory": _memory(),
            "Network": _network(),
            "Block I/O and processes": _io(),
        },
    )


def _glance() -> Sequence[Panel]:
    running = in_project(of("container_state", 'state="running"'))
    known = in_project(of("container_up"))
    unhealthy = in_project(of("container_health", 'status="unhealthy"'))
    busy = in_project(of("container_cpu_usage_ratio"))
    used = in_project(of("container_memory_working_set_bytes"))
    restarts = in_project(increase(of("container_restarts_total")))
    return (
        number("Running", "Chosen containers that are running.", f"sum({running})"),
        number(
            "Not running",
            "Chosen containers in any other state.",
            f"count({known}) - sum({known})",
        ),
        number(
            "Unhealthy",
            "Running containers whose health check fails; unknown where none has a health check.",
            f"sum({unhealthy})",
            warn=1,
        ),
        number(
            "Restarts",
            "Restarts by the restart policies in the chosen time.",
            f"sum({restarts})",
            warn=1,
        ),
        number(
            "CPU",
            "Share of the hosts' processors that the chosen containers keep busy.",
            f"sum({busy}) / sum({select('machine_cpu_cores')})",
            warn=0.9,
        )
        .unit("percentunit")
        .decimals(1),
        number(
            "Memory",
            "Share of the hosts' memory that the chosen containers use (working set).",
            f"sum({used}) / sum({select('machine_memory_bytes')})",
            warn=0.9,
        )
        .unit("percentunit")
        .decimals(1),
    )


def _state() -> Sequence[Panel]:
    return (
        timeline(
            "State",
            "What state each container was in, the stopped ones too.",
            Query(in_project(numbered("container_state", "state", STATES)), NAMED),
            mappings=look.STATE,
            links=[TO_CONTAINER],
        )
        .span(24)
        .height(14),
        timeline(
            "Health",
            "What the health checks found; containers without one, or that do not run, have none.",
            Query(in_project(numbered("container_health", "status", HEALTHS)), NAMED),
            mappings=look.HEALTH,
            links=[TO_CONTAINER],
        ).height(12),
        bars(
            lines(
                "Restarts",
                "Restarts by the restart policy, when they happened.",
                Query(in_project(events(of("container_restarts_total"))), NAMED),
                unit="short",
                crowded=True,
                links=[TO_CONTAINER],
            )
        ).height(12),
    )


def _table() -> Panel:
    def last(metric: str) -> str:
        return per_container("max", in_project(of(metric)))

    state = in_project(f"{of('container_state')} == 1")
    health = in_project(f"{of('container_health')} == 1")
    return listing(
        "Containers",
        "One row for each container; its name leads to everything about it.",
        (
            Column(
                "Project",
                per_container(
                    "max",
                    of("container_info", 'compose_project=~"$project"'),
                    "compose_project",
                    "image",
                ),
                label="compose_project",
            ),
            Column(
                "State",
                per_container("max", state, "state"),
                label="state",
                mappings=look.STATE,
            ),
            Column(
                "Health",
                per_container("max", health, "status"),
                label="status",
                mappings=look.HEALTH,
            ),
            Column(
                "Restarts",
                per_container("max", in_project(increase(of("container_restarts_total")))),
                warn=1,
            ),
            Column("Exit code", last("container_exit_code"), unit="none"),
            Column(
                "Started",
                f"1000 * {last('container_start_time_seconds')}",
                unit="dateTimeFromNow",
            ),
            Column("Processors busy", last("container_cpu_usage_ratio")),
            Column("Memory used", last("container_memory_working_set_bytes"), unit="bytes"),
            Column("Memory", last("container_memory_usage_ratio"), unit="percentunit", warn=0.9),
        ),
        keys={"name": "Container", "image": "Image", "instance": "Host", "job": ""},
        links={"Container": [CONTAINER_OF_ROW]},
        sort_by="Processors busy",
    ).height(12)


def _busiest(
    title: str, description: str, expression: str, unit: str, warn: float | None = None
) -> Panel:
    """Return a graph with a line for each container, of the highest if there are many."""
    return lines(
        title,
        f"{description} Of many containers, the {MOST} highest at each moment.",
        Query(highest(in_project(expression)), NAMED),
        unit=unit,
        warn=warn,
        crowded=True,
        links=[TO_CONTAINER],
    ).height(9)


def _cpu() -> Sequence[Panel]:
    limit = of("container_spec_cpu_limit_ratio")
    throttled = of("container_cpu_cfs_throttled_periods_total")
    periods = of("container_cpu_cfs_periods_total")
    return (
        _busiest(
            "Processors busy",
            "Processors that each container keeps busy, 1 for one.",
            mean(of("container_cpu_usage_ratio")),
            "short",
        ),
        _busiest(
            "CPU of the limit",
            "Share of the CPU limit that each container uses; only those with a limit.",
            f"{mean(of('container_cpu_usage_ratio'))} / {limit}",
            "percentunit",
            warn=0.9,
        ),
        _busiest(
            "Throttled",
            "Share of the scheduling periods in which a container had used up its CPU limit.",
            f"{rate(throttled)} / {rate(periods)}",
            "percentunit",
            warn=0.25,
        ),
        _busiest(
            "Time lost to throttling",
            "Seconds in each second that the container's processes were held back, added up.",
            rate(of("container_cpu_cfs_throttled_seconds_total")),
            "s",
        ),
    )


def _memory() -> Sequence[Panel]:
    limited = f"{of('container_spec_memory_limit_bytes')} > 0"
    return (
        _busiest(
            "Memory used",
            "Working set: memory less page cache that can be taken back at once.",
            of("container_memory_working_set_bytes"),
            "bytes",
        ),
        _busiest(
            "Memory of the limit",
            "Share of the memory limit that each container uses; only those with a limit.",
            f"{of('container_memory_usage_ratio')} and {limited}",
            "percentunit",
            warn=0.9,
        ),
    )


def _network() -> Sequence[Panel]:
    def traffic(way: str) -> str:
        return per_container("sum", rate(of(f"container_network_{way}_total")))

    return (
        _busiest(
            "Received",
            "Bytes received in a second, over all interfaces of the container.",
            traffic("receive_bytes"),
            "Bps",
        ),
        _busiest(
            "Sent",
            "Bytes sent in a second, over all interfaces of the container.",
            traffic("transmit_bytes"),
            "Bps",
        ),
    )


def _io() -> Sequence[Panel]:
    def transfer(way: str) -> str:
        return per_container("sum", rate(of(f"container_fs_{way}_bytes_total")))

    return (
        _busiest("Read", "Bytes read from block devices in a second.", transfer("reads"), "Bps"),
        _busiest(
            "Written", "Bytes written to block devices in a second.", transfer("writes"), "Bps"
        ),
        _busiest(
            "Processes and threads",
            "Processes and threads of each container.",
            of("container_threads"),
            "short",
        ),
        _busiest(
            "Processes of the limit",
            "Share of the limit of processes that each container uses; only those with a limit.",
            f"{of('container_threads')} / ({of('container_threads_max')} > 0)",
            "percentunit",
            warn=0.9,
        ),
    )
