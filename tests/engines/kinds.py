"""The kinds of further engines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.debian_tree import DebianTreeEngine
from tests.support.podman import PrivatePodman

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine import LocalEngine

PODMAN = "podman"
DOCKER_26 = "docker-26"

_TREE = Path(__file__).parents[2] / ".cache/debian-13"

KINDS: dict[str, Callable[[], LocalEngine]] = {
    PODMAN: PrivatePodman,
    DOCKER_26: lambda: DebianTreeEngine(_TREE),
}
