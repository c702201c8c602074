"""The program as its users run it: a process of its own."""

from __future__ import annotations

import os
import re
import sys
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from tests.support.programs import check_alive, end_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

_START_TIMEOUT_SECONDS = 30
# In either format of the log.
_LISTENING = re.compile(r'message(?:=|": ?")listening"?,? ?"?address(?:=|": ?")([^\s",}]+)')


class RunningExporter:
    """The program while it serves.

    Attributes:
        process: The process.
        address: Where it serves, `HOST:PORT`.
        url: The same as a URL, without a slash at the end.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Wait until it says where it serves."""
        self.process = process
        self._log = log

        def address() -> str | None:
            check_alive(process, log)
            found = _LISTENING.search(self.log)
            return found and found[1]

        self.address = wait_until(address, _START_TIMEOUT_SECONDS, "it serves") or ""
        self.url = f"http://{self.address}"

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text()


def serving(
    log: Path, *arguments: str, **environment: str
) -> AbstractContextManager[RunningExporter]:
    """Let the program serve on a free port until the context ends."""
    return serving_through((), log, *arguments, **environment)


@contextmanager
def serving_through(
    prefix: tuple[str, ...], log: Path, *arguments: str, **environment: str
) -> Iterator[RunningExporter]:
    """Let a command run the program, which serves on a free port until the context ends.

    Args:
        prefix: The command, which replaces itself by the one that follows.
        log: Where the program prints to.
        arguments: Its arguments.
        environment: Further variables.
    """
    process = start_program(
        *prefix,
        sys.executable,
        *("-m", "exporter", "--web.listen-address=127.0.0.1:0"),
        *arguments,
        log=log,
        environment=os.environ | environment,
    )
    try:
        yield RunningExporter(process, log)
    finally:
        end_program(process)
