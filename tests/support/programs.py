"""Finding, starting and ending the programs that tests run beside themselves."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_RUN_TIMEOUT_SECONDS = 180
_END_TIMEOUT_SECONDS = 15


def program(name: str) -> str:
    """Return the path of a program.

    Raises:
        RuntimeError: It is not installed: tests never pass for want of what they test with.
    """
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"'{name}' is not installed: run tools/debian-packages as root.")
    return path


def run_program(
    *command: str, environment: Mapping[str, str] | None = None, standard_input: bytes = b""
) -> str:
    """Run a program to its end and return what it prints, without white space at the ends.

    Args:
        command: Its name and arguments.
        environment: All of its environment, where it is not ours.
        standard_input: What it can read.

    Raises:
        subprocess.CalledProcessError: It failed; the error's notes are its complaints.
    """
    try:
        done = subprocess.run(
            [program(command[0]), *command[1:]],
            input=standard_input,
            capture_output=True,
            check=True,
            env=environment,
            timeout=_RUN_TIMEOUT_SECONDS,
            # The docker command would pass a signal to our group on to a container.
            start_new_session=True,
        )
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr.decode(errors="replace"))
        raise
    return done.stdout.decode().strip()


def start_program(
    *command: str, log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C leaves its end to us.

    Args:
        command: Its name and arguments.
        log: The file that everything it prints is added to.
        environment: All of its environment, where it is not ours.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [program(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )


def end_program(process: subprocess.Popen[bytes]) -> None:
    """End a program, by force if it does not go in time, and wait until it is gone."""
    process.terminate()
    try:
        process.wait(_END_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on, for a program to do so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def check_alive(process: subprocess.Popen[bytes], log: Path) -> None:
    """Make sure that a program has not ended by itself.

    Raises:
        RuntimeError: It has; the text ends with the last that it printed.
    """
    if process.poll() is not None:
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}:\n{tail}")


def interrupt_on_terminate() -> None:
    """End as after Ctrl-C when told to terminate: engines are taken down and nothing is left."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Interrupt once: a second signal must not cut the clean-up short."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def processes_with(*marks: str) -> list[str]:
    """Return the processes that have one of the marks in their command line or cgroup."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It has ended meanwhile.
            text = (process / "cmdline").read_text() + (process / "cgroup").read_text()
            if any(mark in text for mark in marks):
                found.append(text)
    return found
