"""Containers in the states that every engine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.engine import IMAGE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.engine import LocalEngine

IDLE = "idle"
BUSY = "busy"
PAUSED = "paused"
EXITED = "exited"
CREATED = "created"

STATES = {
    IDLE: "running",
    BUSY: "running",
    PAUSED: "paused",
    EXITED: "exited",
    CREATED: "created",
}
ACTIVE = {IDLE, BUSY, PAUSED}

# The busy one tries to keep a whole processor busy, and is held back at this.
BUSY_PERCENT = 50
MEMORY_LIMIT = 32 * 1024 * 1024

NO_NETWORK = ("--network=none",)
ABSENT = "no-such-container"

_STATE_TIMEOUT_SECONDS = 60


def populate(engine: LocalEngine) -> None:
    """Bring every container into its state."""
    run = ("run", "--detach", *NO_NETWORK)
    engine.docker(
        *run, f"--name={IDLE}", f"--memory={MEMORY_LIMIT}", "--label=tier=web", IMAGE, "sleep", "1d"
    )
    quota = f"--cpus={BUSY_PERCENT / 100}"
    engine.docker(*run, f"--name={BUSY}", quota, IMAGE, "sh", "-c", "exec yes > /dev/null")
    engine.docker(*run, f"--name={PAUSED}", IMAGE, "sleep", "1d")
    engine.docker("pause", PAUSED)
    engine.docker(*run, f"--name={EXITED}", IMAGE, "sh", "-c", "exit 3")
    engine.docker("create", *NO_NETWORK, f"--name={CREATED}", IMAGE, "true")
    wait_until(
        lambda: {name: engine.inspect(name)["State"]["Status"] for name in STATES},
        _STATE_TIMEOUT_SECONDS,
        "every container is in its state",
        accept=lambda seen: seen == STATES,
    )
