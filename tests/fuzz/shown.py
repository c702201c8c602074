"""Whether what has been read can be shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.metrics.exposition import Exposition
from exporter.metrics.labels import LabelOptions
from exporter.model import Container, ContainerReading, ContainerState, Snapshot

if TYPE_CHECKING:
    from exporter.disk import DiskUsage
    from exporter.model import ContainerStats, EngineInfo

_EXPOSITION = Exposition(
    LabelOptions(series=("id",), container_labels=("*",), everywhere=True),
)
_WEB = Container(
    id="f" * 64,
    name="web",
    image="web:1",
    image_id="",
    state=ContainerState.RUNNING,
    status="running",
)


def show(
    *,
    container: Container = _WEB,
    stats: ContainerStats | None = None,
    info: EngineInfo | None = None,
    disk: DiskUsage | None = None,
) -> None:
    """Show what was read in both formats: a parser takes it, and no number makes no sense.

    A counter below zero is an error of the parser's.
    """
    reading = ContainerReading(container=container, stats=stats)
    snapshot = Snapshot(
        taken_at=0.0,
        taken_monotonic=0.0,
        duration_seconds=0.0,
        info=info,
        disk=disk,
        states=dict.fromkeys(ContainerState, 0),
        containers=(reading,),
    )
    _EXPOSITION.write(snapshot, openmetrics=False)
    text = _EXPOSITION.write(snapshot, openmetrics=True).decode()
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call] # the library's
        for sample in family.samples:
            assert math.isfinite(sample.value), sample
