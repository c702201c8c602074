"""The engine, and how reading it went."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from exporter.metrics.catalogue.metric import ALL, Metric, of_engine, one_of
from exporter.model import Mode, Snapshot

if TYPE_CHECKING:
    from exporter.metrics.catalogue.metric import Values

_IT_TELLS = "engine up, and it tells"


def _engine_info(_: Snapshot, snapshot: Snapshot) -> Values:
    info = snapshot.info
    if info is None:
        return ()
    labels = (
        *(info.version, info.api_version, info.os, info.kernel_version),
        *(info.cgroup_version, info.storage_driver, info.engine),
    )
    return ((labels, 1.0),)


def _containers(_: Snapshot, snapshot: Snapshot) -> Values:
    return tuple(((state.value,), count) for state, count in (snapshot.states or {}).items())


def _modes(_: Snapshot, snapshot: Snapshot) -> Values:
    return one_of(Mode, snapshot.mode)


ENGINE: tuple[Metric[Snapshot], ...] = (
    of_engine(
        "docker_up",
        "gauge",
        "Whether this scrape could list the engine's containers (GET /containers/json).",
        ALL,
        lambda snapshot: float(snapshot.up),
    ),
    Metric(
        "docker_engine_info",
        "gauge",
        "Facts about the engine, at most a minute old (GET /info, /version); always 1.",
        (
            *("version", "api_version", "os", "kernel_version"),
            *("cgroup_version", "storage_driver", "engine"),
        ),
        _IT_TELLS,
        _engine_info,
    ),
    Metric(
        "docker_engine_mode",
        "gauge",
        "1 for the way in which the engine was reached: the Docker SDK or the docker command.",
        ("mode",),
        ALL,
        _modes,
    ),
    Metric(
        "docker_containers",
        "gauge",
        "Containers of the engine in each state, whether shown or not (GET /containers/json).",
        ("state",),
        "engine up",
        _containers,
    ),
    of_engine(
        "docker_images",
        "gauge",
        "Images that the engine holds, at most a minute old (GET /info Images).",
        _IT_TELLS,
        lambda snapshot: snapshot.info.images if snapshot.info else None,
    ),
    of_engine(
        "machine_cpu_cores",
        "gauge",
        "Processors of the engine's machine (GET /info NCPU).",
        _IT_TELLS,
        lambda snapshot: snapshot.info.cpus if snapshot.info else None,
    ),
    of_engine(
        "machine_memory_bytes",
        "gauge",
        "Memory of the engine's machine (GET /info MemTotal).",
        _IT_TELLS,
        lambda snapshot: snapshot.info.memory_bytes if snapshot.info else None,
    ),
)

OF_INFO = tuple(metric.name for metric in ENGINE if metric.present == _IT_TELLS)
"""The metrics that are missing where the engine does not tell of itself (GET /info)."""


def _without_stats(_: Snapshot, snapshot: Snapshot) -> Values:
    return tuple(((reason,), count) for reason, count in snapshot.without_stats.items())


SCRAPE: tuple[Metric[Snapshot], ...] = (
    of_engine(
        "docker_exporter_snapshot_age_seconds",
        "gauge",
        "How long ago the engine listed its containers for the snapshot that this scrape shows.",
        ALL,
        lambda snapshot: time.monotonic() - snapshot.taken_monotonic,
    ),
    of_engine(
        "docker_exporter_scrape_duration_seconds",
        "gauge",
        "How long it took to read the engine for the snapshot that this scrape shows.",
        ALL,
        lambda snapshot: snapshot.duration_seconds,
    ),
    Metric(
        "docker_exporter_containers_without_stats",
        "gauge",
        "Containers some of whose series are missing from this scrape, by reason.",
        ("reason",),
        "engine up",
        _without_stats,
    ),
    of_engine(
        "docker_exporter_events_connected",
        "gauge",
        "Whether the engine's event stream is up (GET /events).",
        ALL,
        lambda snapshot: (
            None if snapshot.events_connected is None else float(snapshot.events_connected)
        ),
    ),
)
