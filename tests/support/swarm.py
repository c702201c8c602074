"""A swarm of one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.engine import PrivateEngine
from tests.support.programs import check_alive, end_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from contextlib import ExitStack

_ENTER_TIMEOUT_SECONDS = 30


class Swarm(PrivateEngine):
    """A private engine that manages a swarm, and is its only node.

    It has a network namespace of its own: a swarm brings interfaces of fixed names.
    """

    # No container of a swarm survives its engine.
    options = ()

    def _enter_system(self, cleanup: ExitStack) -> tuple[str, ...]:
        log, entered = self.directory / "enter.log", self.directory / "entered"
        holding = ("sh", "-ec", f"ip link set lo up; echo >{entered}; exec sleep infinity")
        holder = start_program("unshare", "--net", *holding, log=log)
        cleanup.callback(end_program, holder)

        def is_inside() -> bool:
            check_alive(holder, log)
            return entered.exists()

        wait_until(is_inside, _ENTER_TIMEOUT_SECONDS, "the network is there")
        self.network = ("nsenter", f"--target={holder.pid}", "--net")
        return self.network

    def _start(self, cleanup: ExitStack) -> None:
        super()._start(cleanup)
        self.docker("swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377")

    def _end_dockerd(self) -> None:
        self.docker("swarm", "leave", "--force")
        super()._end_dockerd()
