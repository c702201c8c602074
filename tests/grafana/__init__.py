"""Tests of the dashboards, on their own and on a real Prometheus."""
