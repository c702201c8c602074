"""The committed rules, as the tests read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "prometheus"
RULES = ("rules.yml", "alerts.yml", "alerts-restart-policy.yml")


def load(path: Path) -> Any:  # noqa: ANN401 (YAML of any shape)
    """Return the content of a YAML file."""
    return yaml.safe_load(path.read_text())


def rules(*files: str) -> list[dict[str, Any]]:
    """Return the rules of all groups of some files."""
    groups = [group for file in files for group in load(DIRECTORY / file)["groups"]]
    return [rule for group in groups for rule in group["rules"]]


RECORDED = {rule["record"]: rule for rule in rules("rules.yml")}
ALERTS = {rule["alert"]: rule for rule in rules(*RULES) if "alert" in rule}
