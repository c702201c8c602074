"""The settings: what they are, how they are read, and where they may be given."""

from exporter.settings.load import load
from exporter.settings.parsers import ListenAddress
from exporter.settings.table import Settings

__all__ = ["ListenAddress", "Settings", "load"]
