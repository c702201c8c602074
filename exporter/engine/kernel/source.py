"""Readings of containers, made of the kernel's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.engine.kernel.files import directory, read, read_all
from exporter.engine.kernel.finding import Cgroup, Finder, container_paths
from exporter.engine.kernel.machine import Machine, machine
from exporter.engine.kernel.network import networks
from exporter.errors import CgroupNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from exporter.model import Container, ContainerStats


class _Found(NamedTuple):
    """Where a container was found; `place` is what `/proc/<pid>/cgroup` held then."""

    place: bytes
    cgroup: Cgroup


class KernelFiles:
    """Reads what containers use from the files of the kernel that they run on.

    A container that is not here, because its engine runs elsewhere or the files of the machine
    are not mounted where they are looked for, is told from one that has ended. Nothing is read
    of a process whose cgroup does not bear the full id of the container.
    """

    def __init__(self, cgroup: Path, procfs: Path) -> None:
        """Prepare to read; nothing is opened before.

        Args:
            cgroup: Where the cgroup hierarchies are mounted, usually `/sys/fs/cgroup`.
            procfs: Where procfs is mounted, usually `/proc`.
        """
        self._root = cgroup
        self._procfs = procfs
        self._finder = Finder(cgroup)
        self._found: dict[str, _Found] = {}
        # Where containers were whose directories are not to be seen, not to look again each time.
        self._unseen: dict[str, bytes] = {}

    def read_stats_of(
        self, containers: Sequence[Container]
    ) -> Iterator[tuple[str, ContainerStats | CgroupNotFoundError | None]]:
        """Yield one reading of each container that runs, one after the other.

        None stands for a container that was here and has ended, or begun anew under another
        process: what was known of it must be asked for again.
        """
        ids = {container.id for container in containers}
        self._found = {one: found for one, found in self._found.items() if one in ids}
        self._unseen = {one: place for one, place in self._unseen.items() if one in ids}
        try:
            with directory(self._procfs) as procfs, directory(self._root) as root:
                whole = machine(read("stat", procfs), read("meminfo", procfs))
                for container in containers:
                    yield container.id, self._read(container, procfs, root, whole)
        except OSError as error:
            absent = CgroupNotFoundError(
                f"{error.filename} cannot be opened ({error.strerror}): --path.procfs and "
                "--path.cgroup must name the places where the machine's own are mounted."
            )
            yield from ((container.id, absent) for container in containers)

    def _read(
        self, container: Container, procfs: int, root: int, whole: Machine
    ) -> ContainerStats | CgroupNotFoundError | None:
        before = read(f"{container.pid}/cgroup", procfs) or b""
        try:
            cgroup = self._cgroup(container, before)
        except CgroupNotFoundError as error:
            return error
        if cgroup is None:
            return None
        files = read_all(cgroup.files, root)
        interfaces = read(f"{container.pid}/net/dev", procfs) if container.has_own_network else None
        after = read(f"{container.pid}/cgroup", procfs) or b""
        if after != before and not container_paths(after, container.id):
            # It has ended meanwhile, and the process may be another's.
            self._found.pop(container.id, None)
            return None
        return cgroup.stats(files, whole, None if interfaces is None else networks(interfaces))

    def _cgroup(self, container: Container, place: bytes) -> Cgroup | None:
        """Return the files of a container; None where its process has gone.

        Raises:
            CgroupNotFoundError: It has never been here, or its files are not to be seen.
        """
        found = self._found.get(container.id)
        if found is not None and found.place == place:
            return found.cgroup
        self._found.pop(container.id, None)
        paths = container_paths(place, container.id)
        if found is not None and not paths:
            return None
        if not paths:
            raise CgroupNotFoundError(
                f"Process {container.pid} is in no cgroup that bears the id of container "
                f"'{container.name}': its engine runs elsewhere or keeps no cgroup for it, or "
                f"{self._procfs} is not its machine's procfs (--path.procfs)."
            )
        cgroup = None if self._unseen.get(container.id) == place else self._finder.find(paths)
        if cgroup is None:
            self._unseen[container.id] = place
            raise CgroupNotFoundError(
                f"The cgroup {min(paths.values())} of container '{container.name}' is not below "
                f"{self._root}: that is not where its machine's are mounted (--path.cgroup)."
            )
        self._found[container.id] = _Found(place, cgroup)
        return cgroup
