"""Sockets from systemd, and what it is told: its own tool where that does, its protocols else."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import exporter
from exporter.systemd import notify, watchdog_seconds
from tests.support.programs import check_alive, end_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(exporter.__file__).parents[1]
COMMAND = (sys.executable, "-m", "exporter", "--docker.host=unix:///nowhere/docker.sock")
TIMEOUT_SECONDS = 30
TOKEN = "the-token-of-the-tests-0123456789abcdef"  # noqa: S105 -- a test's own


# Puts the sockets of the numbers before `--` where systemd puts them, and becomes what follows.
HAND_OVER = """
import os, sys
end = sys.argv.index("--")
for place, number in enumerate(sys.argv[1:end]):
    os.dup2(int(number), 3 + place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[end + 1], sys.argv[end + 1:])
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Give a directory whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="systemd-", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def token(directory: Path) -> str:
    """Give the flag for a token."""
    path = directory / "token"
    path.write_text(TOKEN)
    return f"--admin.token-file=ops:read,act={path}"


@contextmanager
def given(
    *sockets: socket.socket, names: str = "", arguments: tuple[str, ...] = (), **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Let the program run with sockets, as systemd would, until the context ends."""
    numbers = [str(one.fileno()) for one in sockets]
    process = subprocess.Popen(
        [sys.executable, "-c", HAND_OVER, *numbers, "--", *COMMAND, *arguments],
        pass_fds=[one.fileno() for one in sockets],
        env=os.environ | {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names} | environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_SECONDS)


def listening() -> socket.socket:
    """Return a socket that listens, with a number that is in nobody's way."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return socket.socket(fileno=_high(listener))


def _high(one: socket.socket) -> int:
    """Return a copy of a file descriptor, of a high number."""
    return int(fcntl.fcntl(one.fileno(), fcntl.F_DUPFD_CLOEXEC, 100))


def url_of(listener: socket.socket) -> str:
    """Return what is asked for to reach it."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


# -- sockets ----------------------------------------------------------------------------------


def test_sockets_of_systemd_are_served(directory: Path, token: str) -> None:
    """Handed over by systemd's own tool: one for everything, one for the admin API alone."""
    paths = {name: directory / f"{name}.sock" for name in ("metrics", "admin")}
    log = directory / "log"
    process = start_program(
        "systemd-socket-activate",
        *(f"--listen={path}" for path in paths.values()),
        f"--fdname={':'.join(paths)}",
        *COMMAND,
        *("--web.systemd-socket", token),
        log=log,
    )

    def statuses(name: str, *targets: str) -> list[int]:
        transport = httpx.HTTPTransport(uds=str(paths[name]))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(transport=transport, base_url="http://localhost") as client:
            return [
                client.get(target, headers=headers, timeout=TIMEOUT_SECONDS).status_code
                for target in targets
            ]

    try:
        wait_until(lambda: all(path.exists() for path in paths.values()), TIMEOUT_SECONDS, "it is")
        check_alive(process, log)
        targets = ("/-/healthy", "/metrics", "/api/v1/openapi.json")
        assert statuses("metrics", *targets) == [200, 200, 404]
        assert statuses("admin", *targets) == [200, 404, 200]
        assert f"address=unix:{paths['admin']}" in log.read_text()
    finally:
        end_program(process)


def test_given_sockets_replace_the_listening_address() -> None:
    """Several are served, with or without names, and nothing else is listened on."""
    with (
        listening() as first,
        listening() as second,
        given(first, second, arguments=("--web.systemd-socket",)) as process,
    ):
        for listener in (first, second):
            answer = httpx.get(f"{url_of(listener)}/metrics", trust_env=False, timeout=20)
            assert "docker_up 0" in answer.text
        assert process.stderr
        said = [process.stderr.readline().partition("address=")[2] for _ in range(2)]
        expected = [f"127.0.0.1:{listener.getsockname()[1]}\n" for listener in (first, second)]
    assert said == expected


def complaint(process: subprocess.Popen[str]) -> str:
    """Return why a program ends by itself."""
    _, said = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1
    return said


def test_without_sockets_it_says_what_to_do() -> None:
    """One line, also where the sockets are for another process."""
    arguments = ("--web.systemd-socket",)
    with given(arguments=arguments) as process:
        said = complaint(process)
    with listening() as listener, given(listener, arguments=arguments, LISTEN_FDS="x") as process:
        assert complaint(process) == said
    done = subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.stderr == said
    assert said == (
        "docker-exporter: --web.systemd-socket: no socket activation file descriptors found. Start"
        " the socket unit (systemctl start docker-exporter.socket), or leave the flag out to listen"
        " on --web.listen-address.\n"
    )


@pytest.mark.parametrize("kind", ["stream", "datagram"])
def test_what_does_not_listen_is_refused(kind: str) -> None:
    """The number of the file descriptor is named, and what the unit needs."""
    kinds = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}
    with (
        socket.socket(type=kinds[kind]) as low,
        socket.socket(fileno=_high(low)) as one,
        given(one, arguments=("--web.systemd-socket",)) as process,
    ):
        said = complaint(process)
    assert "file descriptor 3 is no socket that listens" in said
    assert "ListenStream= and Accept=no" in said


def test_socket_of_the_admin_api_needs_the_admin_api(token: str) -> None:
    """And is not enough alone."""
    flag = "--web.systemd-socket"
    with listening() as one, given(one, names="admin", arguments=(flag,)) as process:
        assert "there is no admin API. Give it a token" in complaint(process)
    with listening() as one, given(one, names="admin", arguments=(flag, token)) as process:
        assert "none is left for the metrics" in complaint(process)


# -- messages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(directory: Path, *, abstract: bool) -> None:
    """That it serves, that it is alive, again and again, and that it stops."""
    name = f"{directory}/notify"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
        listening() as listener,
    ):
        systemd.bind(f"\0{name}" if abstract else name)
        systemd.settimeout(TIMEOUT_SECONDS)
        with given(
            listener,
            arguments=("--web.systemd-socket",),
            NOTIFY_SOCKET=f"@{name}" if abstract else name,
            WATCHDOG_USEC="200000",
        ) as process:
            assert [systemd.recv(100) for _ in range(4)] == [b"READY=1", *[b"WATCHDOG=1"] * 3]
            process.terminate()
            while (message := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert message == b"STOPPING=1"


@pytest.mark.parametrize(
    "environment", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}]
)
def test_watchdog_that_is_not_ours_is_not_fed(environment: dict[str, str]) -> None:
    """There is none, or it watches another process."""
    assert watchdog_seconds(environment) is None


def test_watchdog_is_that_of_this_process() -> None:
    """What systemd counts in microseconds, in seconds."""
    environment = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert watchdog_seconds(environment) == 30


def test_systemd_that_does_not_listen_is_no_reason_to_fail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says that it could not be told."""
    notify("READY=1", {"NOTIFY_SOCKET": "/nowhere/notify"})
    assert [record.message for record in caplog.records] == ["systemd is not told"]
