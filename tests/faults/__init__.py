"""Engines that hang, die, vanish and lie, and what a scrape makes of them: docs/faults.md."""
