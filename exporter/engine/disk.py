"""What `/system/df` answers and `docker system df` prints, turned into values.

The answer has two shapes. Up to API 1.51 it lists every image, container, volume and record of
the build cache, and who asks adds them up (as docker/cli does). Since API 1.52 the engine has
added them up itself; with `verbose`, which older ones pass over, the lists come along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from exporter.disk import DiskKind, DiskSpace, DiskUsage
from exporter.engine.payload import Count, Whole, decode
from exporter.engine.text import parse_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

T = TypeVar("T")

TARGET = "system/df?verbose=1"

# The states of containers whose layers are in use (docker/cli, `isActive`).
_ACTIVE = ("running", "paused", "restarting")


class _Image(msgspec.Struct, rename="pascal"):
    """The numbers are -1 where they have not been counted."""

    containers: Whole = -1
    size: Whole = -1
    shared_size: Whole = -1


class _Container(msgspec.Struct, rename="pascal"):
    """`SizeRw` is left out when it is 0, and -1 where the layer could not be measured."""

    id: str
    state: str = ""
    size_rw: Whole = 0


class _VolumeUsage(msgspec.Struct, rename="pascal"):
    """The numbers are -1 where they are not known, as with most volume plugins."""

    size: Whole = -1
    ref_count: Whole = -1


class _Volume(msgspec.Struct, rename="pascal"):
    usage_data: _VolumeUsage | None = None


class _CacheRecord(msgspec.Struct, rename="pascal"):
    size: Whole = 0
    in_use: bool = False
    shared: bool = False


class _Usage(msgspec.Struct, rename="pascal"):
    """One kind as the engine has added it up; a number that is 0 is left out."""

    total_size: Count = 0
    reclaimable: Count = 0

    def space(self) -> DiskSpace:
        return DiskSpace(used=self.total_size, reclaimable=self.reclaimable)


class _ContainerUsage(_Usage, rename="pascal"):
    items: list[_Container] | None = None


class _Answer(msgspec.Struct, rename="pascal"):
    """Both shapes. A list that is missing is not known; null is an empty one."""

    layers_size: Count | None = None
    images: list[_Image] | msgspec.UnsetType | None = msgspec.UNSET
    containers: list[_Container] | msgspec.UnsetType | None = msgspec.UNSET
    volumes: list[_Volume] | msgspec.UnsetType | None = msgspec.UNSET
    build_cache: list[_CacheRecord] | msgspec.UnsetType | None = msgspec.UNSET
    # What moby sends (`api/types/system`); its description of the API has other names.
    image_usage: _Usage | None = None
    container_usage: _ContainerUsage | None = None
    volume_usage: _Usage | None = None
    build_cache_usage: _Usage | None = None


class _Row(msgspec.Struct, rename="pascal"):
    """One line of `docker system df --format '{{json .}}'`; all values are text."""

    type: str
    total_count: str
    size: str
    reclaimable: str


_TYPES = {
    "Images": DiskKind.IMAGES,
    "Containers": DiskKind.CONTAINERS,
    "Local Volumes": DiskKind.VOLUMES,
    "Build Cache": DiskKind.BUILD_CACHE,
}


def from_api(body: bytes | bytearray) -> DiskUsage:
    """Return what an engine has answered, in either shape.

    Raises:
        EngineResponseError: It makes no sense.
    """
    answer = decode(body, _Answer, "system/df")
    usage = answer.container_usage
    containers = _listed(answer.containers) if usage is None else usage.items
    spaces = {
        DiskKind.IMAGES: _images(answer),
        DiskKind.CONTAINERS: usage.space() if usage else _containers(containers),
        DiskKind.VOLUMES: _volumes(answer),
        DiskKind.BUILD_CACHE: _build_cache(answer),
    }
    return DiskUsage(
        kinds={kind: space for kind, space in spaces.items() if space is not None},
        containers={one.id: one.size_rw for one in containers or () if one.size_rw >= 0},
    )


def from_command(lines: Iterable[bytes], containers: Mapping[str, int]) -> DiskUsage:
    """Return what the docker command has printed, which is rounded to four digits.

    What could be reclaimed of images is left out: commands before 29.0 count layers that images
    in use share. So are images without a size, as Podman's are.

    Args:
        lines: One of each kind.
        containers: The sizes of the containers, which the command tells elsewhere.

    Raises:
        EngineResponseError: A line makes no sense.
    """
    kinds: dict[DiskKind, DiskSpace] = {}
    for line in lines:
        row = decode(line, _Row, "docker system df")
        kind, used = _TYPES.get(row.type), parse_size(row.size)
        if kind is None or used is None:
            continue
        if kind is not DiskKind.IMAGES:
            reclaimable = parse_size(row.reclaimable.partition("(")[0])
            kinds[kind] = DiskSpace(used=used, reclaimable=reclaimable)
        elif used > 0 or row.total_count == "0":
            kinds[kind] = DiskSpace(used=used)
    return DiskUsage(kinds=kinds, containers=containers)


def _listed(items: list[T] | msgspec.UnsetType | None) -> list[T] | None:
    """Return a list; None where it is not known."""
    return None if isinstance(items, msgspec.UnsetType) else items or []


def _images(answer: _Answer) -> DiskSpace | None:
    """Return what images take; None for Podman's, which are there and have no size.

    Reclaimable are the layers that no other image has, of the images that no container uses.
    """
    if answer.image_usage is not None:
        return answer.image_usage.space()
    images = _listed(answer.images)
    used = answer.layers_size
    if images is None or used is None or (used == 0 and images):
        return None
    reclaimable = sum(
        one.size - one.shared_size
        for one in images
        if one.containers == 0 and one.size >= 0 and one.shared_size >= 0
    )
    return DiskSpace(used=used, reclaimable=reclaimable)


def _containers(containers: list[_Container] | None) -> DiskSpace | None:
    if containers is None:
        return None
    return _space([(one.size_rw, one.state in _ACTIVE) for one in containers])


def _volumes(answer: _Answer) -> DiskSpace | None:
    if answer.volume_usage is not None:
        return answer.volume_usage.space()
    volumes = _listed(answer.volumes)
    if volumes is None:
        return None
    usages = [one.usage_data or _VolumeUsage() for one in volumes]
    return _space([(one.size, one.ref_count != 0) for one in usages])


def _build_cache(answer: _Answer) -> DiskSpace | None:
    if answer.build_cache_usage is not None:
        return answer.build_cache_usage.space()
    records = _listed(answer.build_cache)
    if records is None:
        return None
    # What is shared is counted where it comes from, among the images.
    return _space([(one.size, one.in_use) for one in records if not one.shared])


def _space(objects: Sequence[tuple[int, bool]]) -> DiskSpace | None:
    """Add up sizes, each with whether it is in use; -1 is one that is not known.

    Returns:
        None where there are objects, and no size of any is known.
    """
    if objects and all(size < 0 for size, _ in objects):
        return None
    return DiskSpace(
        used=sum(size for size, _ in objects if size > 0),
        reclaimable=sum(size for size, in_use in objects if size > 0 and not in_use),
    )
