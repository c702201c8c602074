"""`docker-exporter healthcheck` finds what serves, and tells whether it is alive."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import exporter
from exporter.web import healthcheck
from tests.support.exporter import serving_through
from tests.support.programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.exporter import RunningExporter

ROOT = Path(exporter.__file__).parents[1]
COMMAND = (sys.executable, "-m", "exporter")
TIMEOUT_SECONDS = 30
NOBODY = 65534


@contextmanager
def serving_apart(log: Path, *prefix: str) -> Iterator[RunningExporter]:
    """Let the program serve in a mount namespace, as in a container, until the context ends.

    Args:
        log: Where it prints to.
        prefix: The command that enters the namespace.
    """
    with serving_through(prefix, log, "--docker.host=unix:///nowhere/docker.sock") as running:
        try:
            yield running
        finally:
            running.process.send_signal(signal.SIGCONT)


def check(*prefix: str) -> subprocess.CompletedProcess[str]:
    """Run the health check in a mount namespace."""
    return subprocess.run(
        [*prefix, *COMMAND, "healthcheck"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
    )


def test_tells_whether_all_that_serve_here_are_alive(tmp_path: Path) -> None:
    """What it finds is healthy as long as each answers; it has to be told no address."""
    with serving_apart(tmp_path / "first", "unshare", "--mount") as first:
        here = ("nsenter", "--mount", f"--target={first.process.pid}")
        with serving_apart(tmp_path / "second", *here) as second:
            done = check(*here)
            assert (done.returncode, done.stdout) == (0, "docker-exporter is healthy.\n")
            second.process.send_signal(signal.SIGSTOP)
            done = check(*here)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == (
                "docker-exporter: The exporter does not answer within 3 s "
                f"(process {second.process.pid}). Restart it if that goes on.\n"
            )
        done = check(*here)
        assert (done.returncode, done.stderr) == (0, "")


def test_without_an_exporter_it_says_so(tmp_path: Path) -> None:
    """Those of other containers, or of the machine around, do not count."""
    with serving_apart(tmp_path / "log", "unshare", "--mount"):
        done = check("unshare", "--mount")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "docker-exporter: No docker-exporter serves here. Was it started, by this user and in "
        "this container?\n"
    )


def test_without_procfs_the_rest_goes_on(tmp_path: Path) -> None:
    """Nothing could find the process there, which is said in one line."""
    without = ("unshare", "--mount", "sh", "-c", 'umount --lazy /proc && exec "$0" "$@"')
    with serving_apart(tmp_path / "log", *without) as serving:
        answer = httpx.get(f"{serving.url}/-/healthy", timeout=TIMEOUT_SECONDS, trust_env=False)
        assert answer.status_code == 200
        [line] = [line for line in serving.log.splitlines() if "healthcheck" in line]
    assert 'error="[Errno 2] No such file or directory' in line
    assert "Traceback" not in line


def test_nobody_else_can_answer() -> None:
    """A socket of the right name does not count when another user listens there."""
    with healthcheck.listen() as listener:
        os.seteuid(NOBODY)
        try:
            listener.listen()
        finally:
            os.seteuid(0)
        assert os.getpid() not in healthcheck.ask()


@pytest.mark.parametrize("end", ["\n", " \n@", "\n0 0 0 00010000 "])
def test_names_that_others_choose_do_not_disturb(end: str) -> None:
    """A socket may be named so that its line in the list looks like none, or like two."""
    with socket.socket(socket.AF_UNIX) as odd, healthcheck.listen() as listener:
        odd.bind(f"\0odd{end}")
        odd.listen()
        listener.listen()
        listener.shutdown(socket.SHUT_RDWR)
        assert os.getpid() not in healthcheck.ask()


@contextmanager
def crowded(listener: socket.socket) -> Iterator[None]:
    """Let so many wait at a listener that nobody else can."""
    listener.listen(0)
    with ExitStack() as waiting:
        for _ in range(2):
            link = waiting.enter_context(socket.socket(socket.AF_UNIX))
            link.settimeout(0)
            with suppress(BlockingIOError):
                link.connect(listener.getsockname())
        yield


def test_listener_that_takes_nobody_is_not_healthy() -> None:
    """Where so many wait that nobody else can, that is no error of the check."""
    with healthcheck.listen() as listener, crowded(listener):
        assert healthcheck.ask()[os.getpid()] is False


def test_others_cannot_keep_the_check_waiting() -> None:
    """Where the process is another user's, nobody asks it, whether it answers or not."""
    with (
        # It ends when nobody writes to it any more.
        subprocess.Popen([program("cat")], stdin=subprocess.PIPE, user=NOBODY) as other,
        healthcheck.listen() as ours,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        name = ours.getsockname().decode().replace(str(os.getpid()), str(other.pid))
        listener.bind(name)
        with crowded(listener):
            assert other.pid not in healthcheck.ask()


def test_what_has_ended_meanwhile_does_not_count() -> None:
    """A socket that is about to close accepts nobody, and that is no failure."""
    with healthcheck.listen() as listener:
        listener.listen()
        listener.shutdown(socket.SHUT_RDWR)
        assert os.getpid() not in healthcheck.ask()


def test_wrong_answer_is_no_health() -> None:
    """Whoever hangs up without a word is not healthy."""
    with healthcheck.listen() as listener:
        listener.listen()
        listener.settimeout(TIMEOUT_SECONDS)
        asking = subprocess.Popen(
            [sys.executable, "-c", "from exporter.web.healthcheck import ask; print(ask())"],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        listener.accept()[0].close()
        output, _ = asking.communicate(timeout=TIMEOUT_SECONDS)
    assert f"{os.getpid()}: False" in output
