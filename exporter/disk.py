"""What an engine's objects take on disk, as frozen values. Byte counts are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class DiskKind(StrEnum):
    """What an engine keeps on disk, as `docker system df` divides it."""

    IMAGES = "images"
    CONTAINERS = "containers"
    VOLUMES = "volumes"
    BUILD_CACHE = "build_cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """What all objects of one kind take.

    Attributes:
        used: All of them together, what they share counted once.
        reclaimable: What would be free if those that nothing uses were removed. None where the
            engine does not tell.
    """

    used: int
    reclaimable: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUsage:
    """One reading of what an engine's objects take.

    Attributes:
        kinds: What the engine tells of each kind; those that it says nothing of are not in it.
        containers: The size of the writable layer of each container, by id.
    """

    kinds: Mapping[DiskKind, DiskSpace] = field(default_factory=dict)
    containers: Mapping[str, int] = field(default_factory=dict)
