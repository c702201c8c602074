"""Containers in every state that a container can be in, on a real engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Self

from tests.support.engine import IMAGE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine

IDLE = "idle"
BUSY = "busy"
MEMORY_LIMITED = "memory-limited"
CPU_LIMITED = "cpu-limited"
PAUSED = "paused"
EXITED_0 = "exited-0"
EXITED_3 = "exited-3"
CREATED = "created"
RESTARTING = "restarting"
OOM_KILLED = "oom-killed"
FORCED_STOP = "forced-stop"
COULD_NOT_START = "could-not-start"
HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
STARTING = "starting"
STOPPED_AFTER_HEALTHY = "stopped-after-healthy"
PAUSED_AFTER_HEALTHY = "paused-after-healthy"
UNPAUSED_AFTER_HEALTHY = "unpaused-after-healthy"
ODD = "Odd_name.-0"
NETWORK_NONE = "network-none"
NETWORK_HOST = "network-host"
NETWORK_BRIDGE = "network-bridge"
NETWORK_CONTAINER = "network-container"
MOVED_TAG = "moved-tag"

ODD_LABELS = {
    "quotes": """say "it's" """,
    "backslash": r"C:\new\table",
    "newline": "first\nsecond",
    "unicode": "żółw 🐢",
    "empty": "",
    "Dotted.key-1": "x=y",
}

MOVED_IMAGE = "moved:test"

_WORKERS = 8
_STATE_TIMEOUT_SECONDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What inspect says about the state of a container.

    Attributes:
        health: Its status and streak, believable or not; None without a health check.
    """

    status: str = "running"
    exit_code: int = 0
    oom_killed: bool = False
    health: tuple[str, int] | None = None

    @classmethod
    def of(cls, engine: PrivateEngine, name: str) -> Self:
        """Return the state of a container."""
        state = engine.inspect(name)["State"]
        health = state.get("Health")
        return cls(
            status=state["Status"],
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            health=health and (health["Status"], health["FailingStreak"]),
        )


RUNNING = State()


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One container of the zoo.

    Attributes:
        state: What it is in when the zoo is ready; all but `restarting` stay in it.
        first: The state to wait for before `then`.
        then: `docker` commands to apply to it.
        runs: Whether it is started at all.
    """

    name: str
    state: State = RUNNING
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ("sleep", "1d")
    image: str = IMAGE
    first: State = RUNNING
    then: tuple[tuple[str, ...], ...] = ()
    runs: bool = True


def _check_once(result: int) -> tuple[str, ...]:
    """Return options for a health check with one result, whose next run never ends.

    So the health stays what it is: nothing changes between two looks at it.
    """
    check = f"test -e /checked && sleep 1d; touch /checked; exit {result}"
    return (
        f"--health-cmd={check}",
        "--health-interval=1s",
        "--health-timeout=24h",
        "--health-retries=1",
    )


# Busy until its limit has held it back, and at rest from then on; the file is of cgroup v1 or v2.
# Two at once, as a machine with other work may never give one of them that much.
_RUN_INTO_LIMIT = (
    "until cat /sys/fs/cgroup/cpu/cpu.stat /sys/fs/cgroup/cpu.stat |"
    " grep 'throttled_[a-z]* [1-9]'; do timeout 1 yes > /dev/null & timeout 1 yes > /dev/null; done"
)
_PING_GATEWAY = "ping -c 1 $(ip route | head -n 1 | cut -d ' ' -f 3)"
_ENDS_ON_SIGTERM = ("sh", "-c", "trap 'exit 0' TERM; sleep 1d & wait")
_IS_HEALTHY = State(health=("healthy", 0))
# What the engine reports while the monitor of a container is off.
_NOT_MONITORED = ("unhealthy", 0)

_INDEPENDENT = (
    # The first, as the engine waits longer before each restart: in the end it restarts for most
    # of the time.
    Specimen(
        name=RESTARTING,
        options=("--restart=always",),
        command=("false",),
        state=State(status="restarting", exit_code=1),
    ),
    Specimen(name=IDLE),
    # It leaves most to others: the tests have few processors.
    Specimen(
        name=BUSY, options=("--cpu-shares=128",), command=("sh", "-c", "exec yes > /dev/null")
    ),
    # Fills its memory with page cache, which is no part of its working set.
    Specimen(
        name=MEMORY_LIMITED,
        options=("--memory=64m",),
        command=("sh", "-c", "dd if=/dev/zero of=/file bs=1M count=8; exec sleep 1d"),
    ),
    Specimen(
        name=CPU_LIMITED,
        options=("--cpus=0.1",),
        command=("sh", "-c", _RUN_INTO_LIMIT + "; exec sleep 1d"),
    ),
    Specimen(name=PAUSED, then=(("pause",),), state=State(status="paused")),
    Specimen(name=EXITED_0, command=("true",), state=State(status="exited")),
    Specimen(
        name=EXITED_3, command=("sh", "-c", "exit 3"), state=State(status="exited", exit_code=3)
    ),
    Specimen(name=CREATED, runs=False, state=State(status="created")),
    # The engine knows of the kill only if the container outlives it for a moment.
    Specimen(
        name=OOM_KILLED,
        options=("--memory=8m", "--memory-swap=8m"),
        command=("sh", "-c", "tail /dev/zero; sleep 5; exit 137"),
        state=State(status="exited", exit_code=137, oom_killed=True),
    ),
    # The first process of a container ignores SIGTERM unless it asks for it.
    Specimen(
        name=FORCED_STOP,
        then=(("stop", "--time=1"),),
        state=State(status="exited", exit_code=137),
    ),
    Specimen(
        name=COULD_NOT_START,
        command=("/no/such/program",),
        state=State(status="created", exit_code=127),
    ),
    Specimen(name=HEALTHY, options=_check_once(0), state=_IS_HEALTHY),
    Specimen(name=UNHEALTHY, options=_check_once(1), state=State(health=("unhealthy", 1))),
    Specimen(
        name=STARTING,
        options=("--health-cmd=true", "--health-interval=24h"),
        state=State(health=("starting", 0)),
    ),
    Specimen(
        name=STOPPED_AFTER_HEALTHY,
        options=_check_once(0),
        command=_ENDS_ON_SIGTERM,
        first=_IS_HEALTHY,
        then=(("stop",),),
        state=State(status="exited", health=_NOT_MONITORED),
    ),
    Specimen(
        name=PAUSED_AFTER_HEALTHY,
        options=_check_once(0),
        first=_IS_HEALTHY,
        then=(("pause",),),
        state=State(status="paused", health=_NOT_MONITORED),
    ),
    Specimen(
        name=UNPAUSED_AFTER_HEALTHY,
        options=_check_once(0),
        first=_IS_HEALTHY,
        then=(("pause",), ("unpause",)),
        state=State(health=_NOT_MONITORED),
    ),
    Specimen(
        name=ODD,
        options=tuple(f"--label={key}={value}" for key, value in ODD_LABELS.items()),
    ),
    Specimen(name=NETWORK_NONE, options=("--network=none",)),
    Specimen(name=NETWORK_HOST, options=("--network=host",)),
    # Speaks to the machine once, so that its counters are not 0.
    Specimen(
        name=NETWORK_BRIDGE,
        options=("--network=bridge",),
        command=("sh", "-c", _PING_GATEWAY + "; exec sleep 1d"),
    ),
    Specimen(name=MOVED_TAG, image=MOVED_IMAGE),
)

# Brought when the others are there, as it needs one of them.
_BORROWER = Specimen(name=NETWORK_CONTAINER, options=(f"--network=container:{NETWORK_BRIDGE}",))

SPECIMENS = (*_INDEPENDENT, _BORROWER)


def populate(engine: PrivateEngine) -> None:
    """Bring every specimen into its state; what an attempt that failed has left goes first."""
    there = set(engine.docker("ps", "--all", "--format={{.Names}}").split())
    if left := there & {specimen.name for specimen in SPECIMENS}:
        engine.docker("rm", "--force", *left)
    engine.import_image(MOVED_IMAGE)
    with ThreadPoolExecutor(_WORKERS) as workers:
        for brought in [workers.submit(_bring, engine, specimen) for specimen in _INDEPENDENT]:
            brought.result()
    _bring(engine, _BORROWER)
    engine.import_image(MOVED_IMAGE, "LABEL version=2")


def _bring(engine: PrivateEngine, specimen: Specimen) -> None:
    """Bring one specimen into its state, by a second container if the first does not get there.

    An engine that is busy may miss what happens to a container, as that it ran out of memory.
    """
    try:
        _try_to_bring(engine, specimen)
    except TimeoutError:
        engine.docker("rm", "--force", specimen.name)
        _try_to_bring(engine, specimen)


def _try_to_bring(engine: PrivateEngine, specimen: Specimen) -> None:
    name = specimen.name
    verb = ("run", "--detach") if specimen.runs else ("create",)
    try:
        engine.docker(*verb, f"--name={name}", *specimen.options, specimen.image, *specimen.command)
    except CalledProcessError as error:
        # The command ends as the container would, also where it could not be started.
        if error.returncode != specimen.state.exit_code:
            raise
    if specimen.then:
        _await_state(engine, name, specimen.first)
    for command in specimen.then:
        engine.docker(*command, name)
    _await_state(engine, name, specimen.state)


def _await_state(engine: PrivateEngine, name: str, state: State) -> None:
    """Wait until a container is in a state."""
    wait_until(
        lambda: State.of(engine, name),
        _STATE_TIMEOUT_SECONDS,
        f"container {name} gets into its state",
        accept=lambda seen: seen == state,
    )
