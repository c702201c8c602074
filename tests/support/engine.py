"""A Docker Engine of the tests' own, on paths of its own, and what other engines share with it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
from abc import ABC, abstractmethod
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support.image import busybox_image
from tests.support.programs import check_alive, end_program, run_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

IMAGE = "busybox:test"

_START_TIMEOUT_SECONDS = 30


class LocalEngine(ABC):
    """A real engine of the tests' own, with a busybox image, for as long as its context lasts.

    It shares nothing with an engine that the machine may have, and leaves nothing when its
    context ends: no container, process, mount or file.

    Attributes:
        directory: Where everything of it lives.
        socket: The path of its socket.
        host: The same as a value for `DOCKER_HOST`.
    """

    directory: Path
    socket: Path
    host: str

    def __enter__(self) -> Self:
        """Start it, and import the image."""
        if os.geteuid() != 0:
            raise RuntimeError("Only root can start an engine: run the tests as root.")
        with ExitStack() as cleanup:
            # The path of a Unix socket must be short, which pytest's own directories are not.
            self.directory = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))
            cleanup.callback(shutil.rmtree, self.directory)
            cleanup.callback(_unmount_below, self.directory)
            self.socket = self.directory / "docker.sock"
            self.host = f"unix://{self.socket}"
            self._start(cleanup)
            self.import_image(IMAGE)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, and remove everything that it made."""
        self._cleanup.close()

    def docker(self, *arguments: str, standard_input: bytes = b"") -> str:
        """Run the `docker` command against this engine and return what it prints.

        What the tester's own environment and files say of Docker does not count.

        Raises:
            subprocess.CalledProcessError: It failed; the notes have its message.
        """
        environment = {key: os.environ[key] for key in os.environ if not key.startswith("DOCKER_")}
        return run_program(
            "docker",
            f"--host={self.host}",
            *arguments,
            environment=environment | {"DOCKER_CONFIG": str(self.directory)},
            standard_input=standard_input,
        )

    def get(self, path: str, *, timeout: float = 10) -> Any:  # noqa: ANN401 (JSON of any shape)
        """Ask the Engine API itself, for what tests compare with."""
        return self.ask("GET", path, timeout=timeout)

    def ask(self, method: str, path: str, content: object = None, *, timeout: float = 60) -> Any:  # noqa: ANN401 (JSON of any shape)
        """Ask the Engine API itself, which takes less time than the `docker` command.

        Args:
            method: The method.
            path: The path, with its query.
            content: What is sent as JSON.
            timeout: Seconds until it must have answered.

        Raises:
            RuntimeError: It refuses; the text says why.
        """
        connection = _UnixConnection(self.socket, timeout)
        try:
            body = None if content is None else json.dumps(content)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {answer!r}")
        return json.loads(answer or b"null")

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the Engine API says about one container."""
        answer: dict[str, Any] = self.get(f"/containers/{name}/json")
        return answer

    def import_image(self, tag: str, *changes: str) -> None:
        """Import the busybox image under a tag.

        Args:
            tag: Its name; taken from the image that has it.
            changes: Instructions of a Dockerfile, such as `LABEL a=b`, which make another image.
        """
        options = [word for change in changes for word in ("--change", change)]
        self.docker("import", *options, "-", tag, standard_input=busybox_image())

    @abstractmethod
    def _start(self, cleanup: ExitStack) -> None:
        """Start what it consists of, and note how to end that."""

    def _await_answer(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Wait until the engine answers that a process serves."""

        def answers() -> bool:
            check_alive(process, log)
            try:
                return bool(self.get("/version"))
            except OSError:
                return False

        wait_until(answers, _START_TIMEOUT_SECONDS, "the engine answers")

    def _remove_containers(self) -> None:
        if containers := self.docker("ps", "--all", "--quiet").split():
            self.docker("rm", "--force", "--volumes", *containers)


class PrivateEngine(LocalEngine):
    """A real dockerd with a containerd and a network bridge of its own.

    Containers survive the death of dockerd (`--live-restore`). They can reach each other and the
    machine, and nothing beyond.

    Attributes:
        options: What dockerd is told beyond its places.
        network: The command that enters its network; none for that of this machine.
        bridge: The network interface that containers hang on.
        containerd: The running process.
        dockerd: The running process, or the last one.
    """

    options: tuple[str, ...] = ("--live-restore",)
    network: tuple[str, ...] = ()
    bridge: str
    containerd: subprocess.Popen[bytes]
    dockerd: subprocess.Popen[bytes]

    def pause(self) -> None:
        """Make the engine hang: connections are accepted and nothing is answered."""
        self.dockerd.send_signal(signal.SIGSTOP)
        # A busy machine takes a moment until each thread has stopped, and answers meanwhile.
        wait_until(
            lambda: all(_is_stopped(thread) for thread in _threads(self.dockerd.pid)),
            _START_TIMEOUT_SECONDS,
            "the engine stands still",
        )

    def resume(self) -> None:
        """End what `pause` began."""
        self.dockerd.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill dockerd; the containers live on."""
        self.dockerd.kill()
        self.dockerd.wait()

    def restart(self) -> None:
        """Start dockerd again, after ending it where it still runs."""
        self.resume()
        end_program(self.dockerd)
        self._start_dockerd()

    def _start(self, cleanup: ExitStack) -> None:
        self._inside = self._enter_system(cleanup)
        self.containerd = self._start_containerd()
        cleanup.callback(end_program, self.containerd)
        self.bridge = f"test-{secrets.token_hex(4)}"
        run_program(*self.network, "ip", "link", "add", self.bridge, "type", "bridge")
        cleanup.callback(run_program, *self.network, "ip", "link", "delete", self.bridge)
        self._start_dockerd()
        cleanup.callback(self._end_dockerd)

    def _enter_system(self, cleanup: ExitStack) -> tuple[str, ...]:  # noqa: ARG002 -- others need it
        """Return what stands before the command line of each program: nothing, for this system."""
        return ()

    def _start_containerd(self) -> subprocess.Popen[bytes]:
        return start_program(
            *self._inside,
            "containerd",
            "--config=/dev/null",
            f"--root={self.directory}/containerd",
            f"--state={self.directory}/containerd-state",
            f"--address={self.directory}/containerd.sock",
            log=self.directory / "containerd.log",
        )

    def _start_dockerd(self) -> None:
        log = self.directory / "dockerd.log"
        self.dockerd = start_program(
            *self._inside,
            "dockerd",
            f"--host={self.host}",
            f"--data-root={self.directory}/data",
            f"--exec-root={self.directory}/exec",
            f"--pidfile={self.directory}/pid",
            f"--containerd={self.directory}/containerd.sock",
            f"--bridge={self.bridge}",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            *self.options,
            # What a container prints must not fill the disk.
            "--log-opt=max-size=1m",
            "--storage-driver=overlay2",
            log=log,
        )
        try:
            self._await_answer(self.dockerd, log)
        except BaseException:
            end_program(self.dockerd)
            raise

    def _end_dockerd(self) -> None:
        self.resume()
        if self.dockerd.poll() is not None:
            self._start_dockerd()
        try:
            self._remove_containers()
        finally:
            end_program(self.dockerd)


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _threads(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def _is_stopped(thread: Path) -> bool:
    """Return whether a thread of a process stands still, or is gone (proc(5): its state)."""
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return True


def _unmount_below(directory: Path) -> None:
    """Unmount what an engine that could not end in order has left mounted."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in reversed(mounts):
        if mount.startswith(f"{directory}/"):
            run_program("umount", "--lazy", mount)
