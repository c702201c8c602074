"""A Podman service of the tests' own, which speaks Docker's API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.engine import LocalEngine
from tests.support.programs import end_program, processes_with, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from contextlib import ExitStack

_END_TIMEOUT_SECONDS = 30

# No systemd to ask, no lock that other Podmans share, and no limit above what this process has
# itself, which some kernels refuse.
_CONFIGURATION = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_size_max = 1048576

[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
"""


class PrivatePodman(LocalEngine):
    """A real Podman, with storage and locks of its own.

    Its containers must be told to have no network (`--network=none`): one would outlive them.
    """

    def _start(self, cleanup: ExitStack) -> None:
        configuration = self.directory / "containers.conf"
        configuration.write_text(_CONFIGURATION)
        log = self.directory / "podman.log"
        cleanup.callback(self._await_end)
        service = start_program(
            "podman",
            f"--root={self.directory}/root",
            f"--runroot={self.directory}/run",
            f"--tmpdir={self.directory}/temporary",
            *("system", "service", "--time=0", self.host),
            log=log,
            environment=os.environ | {"CONTAINERS_CONF": str(configuration)},
        )
        cleanup.callback(end_program, service)
        self._await_answer(service, log)
        cleanup.callback(self._remove_containers)

    def _await_end(self) -> None:
        """Wait for what cleans up after each container, apart from the service."""
        wait_until(
            lambda: not processes_with(str(self.directory)),
            _END_TIMEOUT_SECONDS,
            "nothing of Podman runs",
        )
