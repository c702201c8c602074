"""Writes the pages that are made from the code: `make docs`."""

from __future__ import annotations

from pathlib import Path

from exporter.metrics.reference import render_reference as render_metrics
from exporter.settings.reference import render_reference as render_configuration

PAGES = {"configuration.md": render_configuration, "metrics.md": render_metrics}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (Path(__file__).parent / name).write_text(render(), encoding="utf-8")
