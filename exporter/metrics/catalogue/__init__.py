"""Every metric that a snapshot gives, one row each: its name, type, help, labels, and where from.

Names and meanings are cAdvisor's where it has the metric; help texts name the source. A reader
that returns None, or yields nothing, leaves the series out: what is not known is never 0.
`docs/metrics.md` is made from these tables.
"""

from __future__ import annotations

from typing import Any

from exporter.metrics.catalogue.disk import CONTAINER_DISK, DISK
from exporter.metrics.catalogue.engine import ENGINE, SCRAPE
from exporter.metrics.catalogue.events import EVENTS
from exporter.metrics.catalogue.metric import Metric
from exporter.metrics.catalogue.pressure import PRESSURE
from exporter.metrics.catalogue.state import CONFIGURED, CONTAINER_INFO, STATE
from exporter.metrics.catalogue.traffic import BLOCK_IO, NETWORK
from exporter.metrics.catalogue.usage import CPU, MEMORY

__all__ = [
    "BLOCK_IO",
    "CONFIGURED",
    "CONTAINER_DISK",
    "CONTAINER_INFO",
    "CPU",
    "DISK",
    "ENGINE",
    "EVENTS",
    "MEMORY",
    "METRICS",
    "NETWORK",
    "PRESSURE",
    "READINGS",
    "SCRAPE",
    "STATE",
    "Metric",
]

READINGS = (
    *(*STATE, *CONFIGURED),
    *(*CPU, *MEMORY, *NETWORK, *BLOCK_IO, *PRESSURE, *CONTAINER_DISK),
)

METRICS: tuple[Metric[Any], ...] = (*ENGINE, *DISK, *SCRAPE, *READINGS, CONTAINER_INFO, *EVENTS)
