"""A Prometheus exporter for Docker, and the dual-mode Docker client it is built on."""

__version__ = "0.1.0"
