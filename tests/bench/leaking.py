"""The exporter with a leak: `python -m tests.bench.leaking` takes what the program takes."""

from __future__ import annotations

import os
import threading

from exporter.cli import main

_INTERVAL_SECONDS = 0.05


def leak() -> None:
    """Open one file after the other, each with a thread that waits for nothing, and close none."""
    never = threading.Event()
    while not never.wait(_INTERVAL_SECONDS):
        os.open(os.devnull, os.O_RDONLY)
        threading.Thread(target=never.wait, daemon=True).start()


if __name__ == "__main__":
    threading.Thread(target=leak, daemon=True).start()
    main()
