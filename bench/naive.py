"""A baseline: what most first exporters do, with the Docker SDK.

`python -m bench.naive HOST PORT THREADS`
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import docker
from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker.models.containers import Container
    from prometheus_client import Metric

_LABELS = ("name", "image")


class NaiveCollector(Collector):
    """Lists the containers, and asks each for two samples of its stats."""

    def __init__(self, host: str, threads: int) -> None:
        """Connect; as many containers are asked at once as there are threads."""
        self._client = docker.DockerClient(host)
        self._threads = threads

    def describe(self) -> Iterator[Metric]:
        """Yield nothing, so that registering asks nothing."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        cpu = CounterMetricFamily("container_cpu_usage_seconds", "CPU time.", labels=_LABELS)
        memory = GaugeMetricFamily("container_memory_usage_bytes", "Memory.", labels=_LABELS)
        limit = GaugeMetricFamily("container_memory_limit_bytes", "Its limit.", labels=_LABELS)
        pids = GaugeMetricFamily("container_pids", "Processes.", labels=_LABELS)
        received = CounterMetricFamily("container_network_receive_bytes", "In.", labels=_LABELS)
        sent = CounterMetricFamily("container_network_transmit_bytes", "Out.", labels=_LABELS)
        with ThreadPoolExecutor(self._threads) as pool:
            for labels, stats in pool.map(_read, self._client.containers.list()):
                cpu.add_metric(labels, stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9)
                memory.add_metric(labels, stats["memory_stats"]["usage"])
                limit.add_metric(labels, stats["memory_stats"]["limit"])
                pids.add_metric(labels, stats["pids_stats"]["current"])
                networks = stats.get("networks", {}).values()
                received.add_metric(labels, sum(one["rx_bytes"] for one in networks))
                sent.add_metric(labels, sum(one["tx_bytes"] for one in networks))
        yield from (cpu, memory, limit, pids, received, sent)


def _read(container: Container) -> tuple[tuple[str, str], dict[str, Any]]:
    image = container.attrs["Config"]["Image"]
    stats: Any = container.stats(stream=False)
    return (str(container.name), image), stats


if __name__ == "__main__":
    _, its_host, its_port, its_threads = sys.argv
    REGISTRY.register(NaiveCollector(its_host, int(its_threads)))
    start_http_server(int(its_port), "127.0.0.1")
    Event().wait()
