"""A baseline: what `docker stats --no-stream` prints, as metrics.

`python -m bench.docker_stats HOST PORT`
"""

from __future__ import annotations

import json
import subprocess
import sys
from threading import Event
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric


class DockerStatsCollector(Collector):
    """Runs the command, and reads what it prints."""

    def __init__(self, host: str) -> None:
        """Prepare the command."""
        self._command = ("docker", f"--host={host}", "stats", "--no-stream", "--format={{json .}}")

    def describe(self) -> Iterator[Metric]:
        """Yield nothing, so that registering runs nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        done = subprocess.run(self._command, check=True, capture_output=True)  # noqa: S603 -- what the command line says
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        cpu = GaugeMetricFamily("container_cpu_percent", "CPU.", labels=("name",))
        memory = GaugeMetricFamily("container_memory_percent", "Memory.", labels=("name",))
        pids = GaugeMetricFamily("container_pids", "Processes.", labels=("name",))
        for row in rows:
            cpu.add_metric((row["Name"],), float(row["CPUPerc"].rstrip("%")))
            memory.add_metric((row["Name"],), float(row["MemPerc"].rstrip("%")))
            pids.add_metric((row["Name"],), int(row["PIDs"]))
        yield from (cpu, memory, pids)


if __name__ == "__main__":
    _, its_host, its_port = sys.argv
    REGISTRY.register(DockerStatsCollector(its_host))
    start_http_server(int(its_port), "127.0.0.1")
    Event().wait()
