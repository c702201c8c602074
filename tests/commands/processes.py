"""The command as a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import exporter
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator

ROOT = Path(exporter.__file__).parents[1]
COMMAND = (sys.executable, "-m", "exporter")
TIMEOUT_SECONDS = 60


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, in a pipe."""
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
    )


class Stream:
    """A command that goes on, and prints an object of JSON per line."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def objects(self) -> list[Any]:
        """What it has printed, without a line that is still being written."""
        complete, _, _ = self._output.read_text().rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]

    def wait_for(self, accept: Callable[[Any], bool], what: str) -> None:
        """Wait until it has printed an object such as that."""
        wait_until(lambda: any(map(accept, self.objects)), TIMEOUT_SECONDS, what)

    def end(self, number: signal.Signals) -> int:
        """Send a signal; return its exit code."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return its exit code once it has ended."""
        return self._process.wait(TIMEOUT_SECONDS)


@contextmanager
def streaming(output: Path, *arguments: str) -> Iterator[Stream]:
    """Let the command go on, with `--output json`, until the context ends."""
    command = [*COMMAND, *arguments, "--output", "json"]
    with output.open("wb") as file, subprocess.Popen(command, stdout=file, cwd=ROOT) as process:
        try:
            yield Stream(process, output)
        finally:
            process.kill()


class Terminal:
    """A terminal with the command in it.

    Attributes:
        screen: Everything that was printed, control characters and all.
    """

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.screen = ""
        self._terminal = terminal
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._terminal, key.encode())

    def wait_for(self, text: str) -> None:
        """Wait until a text has been printed."""
        wait_until(lambda: text in self.screen, TIMEOUT_SECONDS, f"{text!r} on the screen")

    def wait(self) -> int:
        """Return the exit code of the command once it has ended."""
        code = self.process.wait(TIMEOUT_SECONDS)
        self._reader.join()
        return code

    def _read(self) -> None:
        # Linux answers EIO once the last program has closed its end.
        try:
            while part := os.read(self._terminal, 65536):
                self.screen += part.decode()
        except OSError:
            return


@contextmanager
def in_terminal(columns: int, lines: int, *arguments: str) -> Iterator[Terminal]:
    """Run the command in a terminal of a size, until the context ends."""
    terminal, inside = pty.openpty()
    # These would win over the size of the terminal.
    sizes = ("COLUMNS", "LINES")
    environment = {key: os.environ[key] for key in os.environ if key not in sizes}
    environment["TERM"] = "xterm-256color"
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(inside)
        shown = Terminal(process, terminal)
        try:
            yield shown
        finally:
            process.kill()
            shown.wait()
            os.close(terminal)
