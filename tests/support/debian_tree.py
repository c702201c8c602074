"""The Docker Engine of another Debian release, run from a directory that holds its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.engine import PrivateEngine
from tests.support.programs import check_alive, end_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

_ENTER_TIMEOUT_SECONDS = 30

# Engines cannot import an image where the root is no mount point. All mounts are made in a
# namespace of their own, so that they end with it and nobody else sees them.
_ENTER = """\
tree=$1 directory=$2 root=$2/root
mkdir "$root"
mount --bind "$tree" "$root"
for kernel in proc sys dev; do mount --rbind "/$kernel" "$root/$kernel"; done
for scratch in run tmp; do mount -t tmpfs tmpfs "$root/$scratch"; done
mkdir -p "$root$directory"
mount --bind "$directory" "$root$directory"
exec chroot "$root" sh -c 'echo > "$1/entered"; exec sleep infinity' sh "$directory"
"""


class DebianTreeEngine(PrivateEngine):
    """A private engine whose programs come from a tree that `tools/debian-13` has made."""

    def __init__(self, tree: Path) -> None:
        """Keep the directory of the tree.

        Raises:
            RuntimeError: It is not there.
        """
        if not (tree / "usr/sbin/dockerd").exists():
            raise RuntimeError(f"There is no engine in '{tree}': run `make test-engines` as root.")
        self._tree = tree

    def _enter_system(self, cleanup: ExitStack) -> tuple[str, ...]:
        log, entered = self.directory / "enter.log", self.directory / "entered"
        command = ("unshare", "--mount", "sh", "-ec", _ENTER, "sh")
        holder = start_program(*command, str(self._tree), str(self.directory), log=log)
        cleanup.callback(end_program, holder)

        def is_inside() -> bool:
            check_alive(holder, log)
            return entered.exists()

        wait_until(is_inside, _ENTER_TIMEOUT_SECONDS, "the tree is entered")
        return ("nsenter", f"--target={holder.pid}", "--mount", "--root", "--wd")
