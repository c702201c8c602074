"""The fleet: every host at once, and where to look first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana import frame, look
from grafana.frame import CONTAINER_OF_ROW, HOST_OF_ROW, NAMED, TO_CONTAINER, TO_HOST
from grafana.panels import Column, Query, lines, listing, number, ranking, stack
from grafana.promql import CONTAINER, STATES, highest, increase, mean, per_container, rate, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.models.dashboard import Dashboard

    from grafana.panels import Panel

PER_HOST = "by (job, instance)"


def dashboard() -> Dashboard:
    """Return the dashboard of the fleet."""
    return frame.build(
        frame.FLEET,
        "All Docker hosts: which engines answer, which containers are in trouble, who uses most.",
        variables=(frame.job(), frame.instance()),
        rows={
            "At a glance": _glance(),
            "Hosts": _hosts(),
            "Containers in trouble": _trouble(),
            "Top consumers": _consumers(),
        },
    )


def _glance() -> Sequence[Panel]:
    containers = select("docker_containers")
    running = select("docker_containers", 'state="running"')
    restarting = select("docker_containers", 'state="restarting"')
    unhealthy = select("container_health", 'status="unhealthy"')
    return (
        number(
            "Exporters down",
            "Targets of the chosen jobs that Prometheus cannot scrape.",
            f"sum({select('up')} == bool 0)",
            warn=1,
        ),
        number(
            "Engines down",
            "Engines whose exporter answers but cannot list their containers.",
            f"sum({select('docker_up')} == bool 0)",
            warn=1,
        ),
        number(
            "Containers",
            "Containers in any state on all hosts, stopped ones included.",
            f"sum({containers})",
        ),
        number("Running", "Containers that are running.", f"sum({running})"),
        number(
            "Unhealthy",
            "Running containers whose health check fails; unknown where none has a health check.",
            f"sum({unhealthy})",
            warn=1,
        ),
        number(
            "Restarting",
            "Containers between two attempts of their restart policy.",
            f"sum({restarting})",
            warn=1,
        ),
    )


def _hosts() -> Sequence[Panel]:
    info = select("docker_engine_info")
    running = select("docker_containers", 'state="running"')
    unhealthy = select("container_health", 'status="unhealthy"')
    cpu = f"sum {PER_HOST} ({select('container_cpu_usage_ratio')})"
    cores = f"sum {PER_HOST} ({select('machine_cpu_cores')})"
    used = f"sum {PER_HOST} ({select('container_memory_working_set_bytes')})"
    memory = f"sum {PER_HOST} ({select('machine_memory_bytes')})"
    table = listing(
        "Hosts",
        "One row for each host; the name of a host leads to its containers.",
        (
            Column("Version", f"max by (job, instance, version) ({info})", label="version"),
            Column(
                "Engine up",
                f"max {PER_HOST} ({select('docker_up')})",
                unit="none",
                mappings=look.YES_IS_GOOD,
            ),
            Column("Containers", f"sum {PER_HOST} ({select('docker_containers')})"),
            Column("Running", f"sum {PER_HOST} ({running})"),
            Column("Unhealthy", f"sum {PER_HOST} ({unhealthy})", warn=1),
            Column("Processors busy", cpu),
            Column("CPU", f"{cpu} / {cores}", unit="percentunit", warn=0.9),
            Column("Memory used", used, unit="bytes"),
            Column("Memory", f"{used} / {memory}", unit="percentunit", warn=0.9),
        ),
        keys={"instance": "Host", "job": ""},
        links={"Host": [HOST_OF_ROW]},
        sort_by="CPU",
    ).height(9)
    states = ((state, select("docker_containers", f'state="{state}"')) for state in STATES)
    return (
        table,
        stack(
            lines(
                "Containers by state",
                "Containers on all chosen hosts in each state.",
                *(
                    Query(f"sum({selector})", state, look.STATE_COLOURS[state])
                    for state, selector in states
                ),
                unit="short",
            )
        ),
        lines(
            "Processors busy, by host",
            "What the containers of each host use, 1 for one processor.",
            Query(f"sum {PER_HOST} ({mean(select('container_cpu_usage_ratio'))})", "{{instance}}"),
            unit="short",
            crowded=True,
            links=[TO_HOST],
        ),
    )


def _trouble() -> Sequence[Panel]:
    unhealthy = select("container_health", 'status="unhealthy"')
    # How a container ends that somebody stopped is no error.
    failed = f"{select('container_exit_code')} != 0 != 130 != 137 != 143"
    ended = f"{select('container_finish_time_seconds')} and {failed}"
    image = f"{select('container_info')} and on ({CONTAINER}) ({failed})"
    return (
        ranking(
            "Unhealthy",
            "Failed health checks in a row, of the containers that are unhealthy.",
            Query(
                highest(
                    f"{select('container_health_failing_streak')}"
                    f" and on ({CONTAINER}) {unhealthy} == 1",
                    10,
                ),
                NAMED,
            ),
            unit="short",
            links=[TO_CONTAINER],
        ),
        ranking(
            "Restarts",
            "Restarts by the restart policy in the chosen time.",
            Query(highest(f"{increase(select('container_restarts_total'))} > 0", 10), NAMED),
            unit="short",
            links=[TO_CONTAINER],
        ),
        ranking(
            "Out of memory",
            "Times the kernel killed a process for lack of memory in the chosen time.",
            Query(highest(f"{increase(select('container_oom_events_total'))} > 0", 10), NAMED),
            unit="short",
            links=[TO_CONTAINER],
        ),
        listing(
            "Ended with an error",
            "Containers whose last run ended with an error, or could not begin, the latest first. "
            "130, 137 and 143 are left out: so ends what somebody stopped.",
            (
                Column("Image", per_container("max", image, "image"), label="image"),
                Column("Exit code", per_container("max", failed), unit="none"),
                Column("Ended", f"1000 * {per_container('max', ended)}", unit="dateTimeFromNow"),
            ),
            keys={"name": "Container", "instance": "Host", "job": ""},
            links={"Container": [CONTAINER_OF_ROW], "Host": [HOST_OF_ROW]},
            sort_by="Ended",
        ).height(8),
    )


def _consumers() -> Sequence[Panel]:
    def top(expression: str) -> Query:
        return Query(highest(per_container("sum", expression), 10), NAMED)

    def traffic(kind: str, first: str, second: str) -> str:
        return " + ".join(
            per_container("sum", rate(select(f"container_{kind}_{way}_total")))
            for way in (first, second)
        )

    throttled = (
        f"{rate(select('container_cpu_cfs_throttled_periods_total'))}"
        f" / {rate(select('container_cpu_cfs_periods_total'))}"
    )
    limited = f"{select('container_spec_memory_limit_bytes')} > 0"
    return (
        ranking(
            "CPU",
            "The ten that keep most processors busy, 1 for one processor.",
            top(select("container_cpu_usage_ratio")),
            unit="short",
            links=[TO_CONTAINER],
        ),
        ranking(
            "Memory",
            "The ten with the largest working sets.",
            top(select("container_memory_working_set_bytes")),
            unit="bytes",
            links=[TO_CONTAINER],
        ),
        ranking(
            "Memory of the limit",
            "The ten that are nearest to their memory limits; those without a limit are left out.",
            top(f"{select('container_memory_usage_ratio')} and {limited}"),
            unit="percentunit",
            links=[TO_CONTAINER],
        ),
        ranking(
            "Network",
            "The ten that receive and send most.",
            top(traffic("network", "receive_bytes", "transmit_bytes")),
            unit="Bps",
            links=[TO_CONTAINER],
        ),
        ranking(
            "Block I/O",
            "The ten that read and write most.",
            top(traffic("fs", "reads_bytes", "writes_bytes")),
            unit="Bps",
            links=[TO_CONTAINER],
        ),
        ranking(
            "Throttled",
            "The ten that are most often held back by their CPU limits, of all periods.",
            top(throttled),
            unit="percentunit",
            links=[TO_CONTAINER],
        ),
    )
