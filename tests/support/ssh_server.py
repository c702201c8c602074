"""A host of an engine that is reached by SSH: a real sshd on a port of its own."""

from __future__ import annotations

import getpass
import os
import shlex
import signal
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support.programs import (
    check_alive,
    end_program,
    free_port,
    program,
    run_program,
    start_program,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

_START_TIMEOUT_SECONDS = 30

# Where sshd locks itself in before somebody has logged in; its service makes it.
_LOCK_IN = Path("/run/sshd")


class SshServer:
    """An SSH server that lets one key in, where `docker` finds a certain engine.

    Attributes:
        host: Its address, as a value for `DOCKER_HOST`.
        home: A home directory, as a value for `HOME`, whose user has the key and knows the host.
        commands: A directory, for the beginning of `PATH`, with an `ssh` that goes by that home:
            OpenSSH's own asks the system for the home of its user.
    """

    def __init__(self, engine: str, directory: Path) -> None:
        """Prepare to serve.

        Args:
            engine: The engine's address on that host.
            directory: Where everything of it lives.
        """
        # It starts itself anew for each connection, for which it takes its whole path.
        self._sshd = program("sshd")
        self._engine = engine
        self._directory = directory
        self._log = directory / "sshd.log"
        self.home = directory / "home"
        self.commands = directory / "commands"

    def __enter__(self) -> Self:
        """Make the keys, and begin to serve."""
        with ExitStack() as cleanup:
            if not _LOCK_IN.exists():
                _LOCK_IN.mkdir(mode=0o755)
                cleanup.callback(_LOCK_IN.rmdir)
            own = self.home / ".ssh"
            own.mkdir(parents=True, mode=0o700)
            for key in (self._directory / "host", own / "id_ed25519"):
                run_program("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
            self._port = free_port()
            self.host = f"ssh://{getpass.getuser()}@127.0.0.1:{self._port}"
            known = own / "known_hosts"
            host_key = (self._directory / "host.pub").read_text()
            known.write_text(f"[127.0.0.1]:{self._port} {host_key}")
            self.commands.mkdir()
            ssh = self.commands / "ssh"
            words = (program("ssh"), f"-i{own}/id_ed25519", f"-oUserKnownHostsFile={known}")
            ssh.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            ssh.chmod(0o755)
            (self._directory / "config").write_text(self._config(own / "id_ed25519.pub"))
            self.start()
            cleanup.callback(self.kill)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Serve no more."""
        self._cleanup.close()

    def start(self) -> None:
        """Begin to serve."""
        config = self._directory / "config"
        self._process = start_program(self._sshd, "-D", "-e", f"-f{config}", log=self._log)

        def serves() -> bool:
            check_alive(self._process, self._log)
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return True
            return False

        try:
            wait_until(serves, _START_TIMEOUT_SECONDS, "the SSH server serves")
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Serve no more, and cut the connections that there are."""
        sessions = _children(self._process)
        end_program(self._process)
        for session in sessions:
            with suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)

    def _config(self, allowed: Path) -> str:
        docker = Path(program("docker")).parent
        return f"""
            ListenAddress 127.0.0.1:{self._port}
            HostKey {self._directory}/host
            PidFile none
            AuthorizedKeysFile {allowed}
            StrictModes no
            PermitRootLogin yes
            PasswordAuthentication no
            UsePAM no
            SetEnv DOCKER_HOST={self._engine} PATH={docker}:/usr/bin:/bin
        """


def _children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that one has started (proc(5))."""
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in text.split()]
