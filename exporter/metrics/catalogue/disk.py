"""What an engine's objects take on disk, where that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.catalogue.metric import Metric, one

if TYPE_CHECKING:
    from exporter.disk import DiskSpace
    from exporter.metrics.catalogue.metric import Values
    from exporter.model import ContainerReading, Snapshot

WITH_DISK = "`--collector.disk-usage`; engine up; once it has told"


def _spaces(snapshot: Snapshot) -> dict[str, DiskSpace]:
    return {} if snapshot.disk is None else {k.value: v for k, v in snapshot.disk.kinds.items()}


def _used(_: Snapshot, snapshot: Snapshot) -> Values:
    return [((kind,), space.used) for kind, space in _spaces(snapshot).items()]


def _reclaimable(_: Snapshot, snapshot: Snapshot) -> Values:
    return [
        ((kind,), space.reclaimable)
        for kind, space in _spaces(snapshot).items()
        if space.reclaimable is not None
    ]


def _of_container(reading: ContainerReading, snapshot: Snapshot) -> Values:
    disk = snapshot.disk
    return () if disk is None else one(disk.containers.get(reading.container.id))


DISK: tuple[Metric[Snapshot], ...] = (
    Metric(
        "docker_disk_usage_bytes",
        "gauge",
        "What images, containers, volumes and the build cache take on disk, read every "
        "--collector.disk-usage-interval (GET /system/df).",
        ("kind",),
        f"{WITH_DISK}; images not with Podman",
        _used,
    ),
    Metric(
        "docker_disk_reclaimable_bytes",
        "gauge",
        "What removing all of a kind that nothing uses would free, read every "
        "--collector.disk-usage-interval (GET /system/df).",
        ("kind",),
        f"{WITH_DISK}; images in SDK mode, and not with Podman",
        _reclaimable,
    ),
)

CONTAINER_DISK: tuple[Metric[ContainerReading], ...] = (
    Metric(
        "container_fs_usage_bytes",
        "gauge",
        "What the container has written to its own layer, volumes not included, read every "
        "--collector.disk-usage-interval (SizeRw).",
        (),
        f"{WITH_DISK} of this container",
        _of_container,
    ),
)
