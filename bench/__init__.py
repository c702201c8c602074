"""Measures what exporters cost: the exporter itself, and the engine that it asks."""
