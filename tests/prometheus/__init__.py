"""Tests of the rules and of the example configurations, with Prometheus' own tools."""
