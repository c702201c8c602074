"""Parts that are made of the settings alike by serving and by `docker-exporter check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from exporter.engine.kernel.source import KernelFiles
from exporter.metrics.filters import Filters

if TYPE_CHECKING:
    from exporter.settings import Settings


def filters(settings: Settings) -> Filters:
    """Return which containers are shown."""
    return Filters(
        include=settings.collector_include,
        exclude=settings.collector_exclude,
        labels=settings.collector_include_label,
    )


def kernel_files(settings: Settings) -> KernelFiles | None:
    """Return the kernel's files that stats are read from; None where only the engine is asked."""
    if settings.collector_stats_source == "api":
        return None
    return KernelFiles(Path(settings.path_cgroup), Path(settings.path_procfs))


def asks_engine(settings: Settings) -> bool:
    """Return whether the engine is asked for the stats that the kernel's files do not have."""
    return settings.collector_stats_source != "cgroup"
