"""Counters of block devices, in cAdvisor's words for the operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.model import BlockIoStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# cgroup v1 has them so, the engine's answer on v2 and Podman in small letters. Matching whole
# words keeps Podman's `rios` and `wios` (counts) out of the bytes.
_OPERATIONS = {
    word.lower(): word for word in ("Read", "Write", "Sync", "Async", "Discard", "Total")
}


def block_io_stats(
    entries: Iterable[tuple[int, int, str, int]], name_device: Callable[[int, int], str]
) -> tuple[BlockIoStats, ...]:
    """Return the counters of known operations.

    Args:
        entries: The major and the minor number of a device, an operation, and its count.
        name_device: Names a device by its numbers.
    """
    return tuple(
        BlockIoStats(
            device=name_device(major, minor),
            major=major,
            minor=minor,
            operation=known,
            value=value,
        )
        for major, minor, operation, value in entries
        if (known := _OPERATIONS.get(operation.lower())) is not None
    )
