"""The metrics that rules and dashboards may ask for."""

from __future__ import annotations

from exporter.metrics import catalogue
from exporter.metrics.instruments import (
    ActionInstruments,
    ConfigReloads,
    ExhaustedHealing,
    Instruments,
)

# What Prometheus itself adds to a scrape.
OF_PROMETHEUS = frozenset({"up", "scrape_duration_seconds", "scrape_samples_scraped"})

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def known_metrics() -> set[str]:
    """Return the name of every metric that the exporter can show, or Prometheus adds."""
    registry = Instruments().registry
    ActionInstruments(registry, actions=(), triggers=(), outcomes=())
    registry.register(ExhaustedHealing(tuple))
    registry.register(ConfigReloads(tuple))
    own = {
        family.name + suffix
        for family in registry.collect()
        for suffix in _SUFFIXES.get(family.type, ("",))
    }
    return {row.name for row in catalogue.METRICS} | own | OF_PROMETHEUS
