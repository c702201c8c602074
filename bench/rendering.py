"""What it costs to write one scrape: our own writer beside prometheus_client.

`python -m bench.rendering [CONTAINERS]` prints the milliseconds of processor time that each needs
for the same snapshots, and their ratio: in both formats, for containers that idle, where next to
nothing differs from one scrape to the next, and for busy ones, where every counter does.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.docker_client import DockerClient
from exporter.metrics.collector import ContainerCollector
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshots
from exporter.model import (
    BlockIoStats,
    Container,
    ContainerReading,
    ContainerState,
    ContainerStats,
    CpuCounters,
    EventCounts,
    MemoryStats,
    NetworkStats,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import Metric

CONTAINERS = 60
SCRAPES = 41


class Held(ContainerCollector):
    """Shows the snapshot that it holds."""

    snapshot: Snapshot

    def collect(self) -> Iterator[Metric]:
        """Yield its families."""
        return self.families(self.snapshot)


def snapshots(count: int, *, busy: bool) -> Iterator[Snapshot]:
    """Yield what one scrape after the other finds of so many running containers."""
    containers = [_container(number) for number in range(count)]
    for scrape in range(SCRAPES):
        moved = 1_234_567 * scrape if busy else 0
        yield Snapshot(
            taken_at=1.7e9 + scrape,
            taken_monotonic=time.monotonic(),
            duration_seconds=0.05,
            states=dict.fromkeys(ContainerState, 0) | {ContainerState.RUNNING: count},
            containers=tuple(
                ContainerReading(
                    container=container,
                    stats=_stats(1_000_003 * number + moved),
                    cpu_ratio=number / 1000 + moved / 1e10,
                    events=EventCounts(starts=1),
                )
                for number, container in enumerate(containers, 1)
            ),
            events_connected=True,
        )


def _container(number: int) -> Container:
    return Container(
        id=f"{number:064x}",
        name=f"shop-web-{number}",
        image="registry.example/shop/web:1.27",
        image_id=f"sha256:{number:064x}",
        state=ContainerState.RUNNING,
        status="running",
        created_at=1.6e9 + number / 7,
        started_at=1.65e9 + number / 7,
    )


def _stats(base: int) -> ContainerStats:
    return ContainerStats(
        cpu=CpuCounters(usage_ns=base, user_ns=base // 3, kernel_ns=base // 5),
        memory=MemoryStats(
            **dict.fromkeys(("failcnt", "file_dirty", "file_writeback", "major_page_faults"), 0),
            usage=base * 9,
            working_set=base * 7,
            limit=64 * 1024**3,
            max_usage=base * 11,
            cache=base * 2,
            rss=base * 5,
            mapped_file=base,
            active_file=base * 3,
            inactive_file=base * 4,
            page_faults=base // 7,
        ),
        networks=(
            NetworkStats(
                interface="eth0",
                receive_bytes=base * 13,
                transmit_bytes=base * 17,
                receive_packets=base // 11,
                receive_dropped=0,
                transmit_packets=base // 13,
                transmit_dropped=0,
            ),
        ),
        io_bytes=tuple(
            BlockIoStats(device="/dev/sda", major=8, minor=0, operation=operation, value=base * 19)
            for operation in ("Read", "Write", "Sync", "Async", "Discard", "Total")
        ),
        pids=7,
    )


def measure(taken: Sequence[Snapshot], *, openmetrics: bool) -> tuple[float, float, int]:
    """Return the median milliseconds of ours and of the library's, and the number of samples."""
    exposition = Exposition()
    collector = Held(Snapshots(DockerClient()), scrape_metrics=False)
    generate = generate_openmetrics if openmetrics else generate_latest
    ours, theirs = [], []
    body = b""
    for collector.snapshot in taken:
        began = time.process_time()
        body = exposition.write(collector.snapshot, openmetrics=openmetrics)
        between = time.process_time()
        reference = generate(collector, ALLOWUTF8)
        ended = time.process_time()
        if body != reference:
            sys.exit("The two differ: the comparison means nothing.")
        ours.append((between - began) * 1000)
        theirs.append((ended - between) * 1000)
    samples = sum(not line.startswith(b"#") for line in body.splitlines())
    return statistics.median(ours), statistics.median(theirs), samples


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CONTAINERS
    row = "{:<12} {:<6} {:>8} {:>10} {:>18} {:>6}\n"
    sys.stdout.write(f"{count} containers, median of {SCRAPES} scrapes\n")
    sys.stdout.write(
        row.format("format", "load", "samples", "ours, ms", "prometheus_client", "ratio")
    )
    for openmetrics in (False, True):
        for busy in (False, True):
            ours, theirs, samples = measure(
                list(snapshots(count, busy=busy)), openmetrics=openmetrics
            )
            sys.stdout.write(
                row.format(
                    "OpenMetrics" if openmetrics else "text",
                    "busy" if busy else "idle",
                    samples,
                    f"{ours:.1f}",
                    f"{theirs:.1f}",
                    f"{theirs / ours:.1f}",
                )
            )


if __name__ == "__main__":
    main()
