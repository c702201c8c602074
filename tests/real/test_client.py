"""The client's contract, the same in both modes, on containers in every state."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.errors import ContainerNotFoundError, EngineError
from exporter.model import Container, ContainerStats, Mode
from tests.support import zoo as animals
from tests.support.engine import IMAGE
from tests.support.modes import NOWHERE, environment_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.engine import PrivateEngine

LATE = 30.0
STATES = {specimen.name: specimen.state.status for specimen in animals.SPECIMENS}
# In a loop of restarts the state may be another one a moment later.
STEADY = {name: status for name, status in STATES.items() if status != "restarting"}
ABSENT = "no-such-container"


@pytest.fixture
def worker(engine: PrivateEngine) -> Iterator[str]:
    """Give the name of a running container that a test may treat as it likes."""
    name = "worker"
    engine.docker("run", "--detach", f"--name={name}", IMAGE, "sh", "-c", "exec sleep 1d")
    yield name
    engine.docker("rm", "--force", name)


def read_all(client: DockerClient) -> dict[str, Container]:
    """Return every container by its name, as the collector reads them."""
    found = client.connect()
    ids = [row.id for row in found.list_containers(Deadline(LATE))]
    results = dict(found.inspect_many(ids, Deadline(LATE)))
    assert all(isinstance(result, Container) for result in results.values())
    return {one.name: one for one in results.values() if isinstance(one, Container)}


def test_mode_is_what_the_client_could_reach(client: DockerClient, mode: str) -> None:
    """`is_available` speaks of the SDK alone, and `mode` of either way."""
    assert client.mode is None
    assert client.is_available() is (mode == "sdk")
    assert client.mode is Mode(mode)


@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("name", STEADY)
def test_is_container_running_only_in_the_state_running(client: DockerClient, name: str) -> None:
    """Paused, created and ended containers do not run."""
    assert client.is_container_running(name) is (STEADY[name] == "running")


@pytest.mark.usefixtures("zoo")
def test_restarting_is_not_running(client: DockerClient) -> None:
    """The engine's own `Running` is true between two restarts, and this is not."""
    container = client.call(lambda engine: engine.inspect(animals.RESTARTING))
    assert not container.is_running or container.status == "running"


def test_absent_container_is_answered_everywhere(client: DockerClient) -> None:
    """Each method says so as documented, and none raises."""
    assert client.is_container_running(ABSENT) is False
    assert client.get_container_info(ABSENT) is None
    assert client.get_container_stats(ABSENT) is None
    for act in (client.start_container, client.stop_container, client.restart_container):
        result = act(ABSENT)
        assert result["success"] is False
        assert f"'{ABSENT}' not found" in result["message"]
        assert "docker ps -a" in result["message"]


@pytest.mark.parametrize("name", ["../etc", "-rf", "a b", "a\nb", "", "a/b", "ü", "a?b", "%2e"])
def test_bad_name_is_refused_and_nothing_is_asked(engine: PrivateEngine, name: str) -> None:
    """What could change the path of a request, or be an option, never leaves the client."""
    asked: list[str] = []
    client = DockerClient(engine.host, observe=lambda operation, *_: asked.append(operation))
    assert client.is_container_running(name) is False
    assert client.get_container_info(name) is None
    assert client.get_container_stats(name) is None
    for act in (client.start_container, client.stop_container, client.restart_container):
        assert "Invalid container name" in act(name)["message"]
    assert asked == []


def test_stop_start_and_restart(client: DockerClient, engine: PrivateEngine, worker: str) -> None:
    """Each does what it says; doing it twice is a success that says so."""
    began = engine.inspect(worker)["State"]["StartedAt"]
    assert client.start_container(worker) == {
        "success": True,
        "message": f"Container '{worker}' is already running.",
    }
    assert client.restart_container(worker, timeout=0)["success"] is True
    assert engine.inspect(worker)["State"]["StartedAt"] > began
    assert client.stop_container(worker, timeout=0)["message"] == f"Container '{worker}' stopped."
    assert engine.inspect(worker)["State"]["Status"] == "exited"
    again = client.stop_container(worker)
    assert again["success"] is True
    assert "already stopped" in again["message"]
    assert client.start_container(worker)["message"] == f"Container '{worker}' started."
    assert client.is_container_running(worker)


def test_negative_timeout_is_refused(client: DockerClient, worker: str) -> None:
    """A timeout that would wait for ever is refused, and nothing is stopped."""
    result = client.stop_container(worker, timeout=-1)
    assert result["success"] is False
    assert "-1" in result["message"]
    assert client.is_container_running(worker)


@pytest.mark.usefixtures("zoo")
def test_container_that_cannot_start_says_why(client: DockerClient) -> None:
    """The engine's own words come through."""
    result = client.start_container(animals.COULD_NOT_START)
    assert result["success"] is False
    assert "/no/such/program" in result["message"]


def test_info_has_the_documented_shape(client: DockerClient, zoo: PrivateEngine) -> None:
    """The keys and values are those of the reference; what has never happened is None."""
    truth = zoo.inspect(animals.IDLE)
    assert client.get_container_info(animals.IDLE) == {
        "id": truth["Id"],
        "name": animals.IDLE,
        "status": "running",
        "started_at": truth["State"]["StartedAt"],
        "pid": truth["State"]["Pid"],
    }
    created = client.get_container_info(animals.CREATED)
    assert created is not None
    assert (created["status"], created["started_at"], created["pid"]) == ("created", None, None)


@pytest.mark.usefixtures("zoo")
def test_stats_have_the_documented_shape(client: DockerClient) -> None:
    """All keys are there, and agree with each other."""
    stats = client.get_container_stats(animals.MEMORY_LIMITED)
    assert stats is not None
    assert set(stats) == {
        *("cpu_percent", "memory_usage", "memory_limit", "memory_percent", "memory_mb"),
    }
    assert stats["memory_limit"] == 64 * 1024 * 1024
    assert stats["memory_mb"] == pytest.approx(stats["memory_usage"] / 1024**2)
    # The command prints two decimals.
    expected = stats["memory_usage"] / stats["memory_limit"] * 100
    assert stats["memory_percent"] == pytest.approx(expected, abs=0.01)
    assert isinstance(stats["cpu_percent"], float)


@pytest.mark.usefixtures("zoo")
def test_memory_usage_leaves_out_inactive_page_cache(client: DockerClient) -> None:
    """The 8 MiB file that the container has written does not count, as in `docker stats`."""
    stats = client.get_container_stats(animals.MEMORY_LIMITED)
    assert stats is not None
    assert 0 < stats["memory_usage"] < 8 * 1024 * 1024


@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("name", [animals.EXITED_0, animals.CREATED, animals.COULD_NOT_START])
def test_stats_of_what_does_not_run_are_none(client: DockerClient, name: str) -> None:
    """No zeros are made up for a container without processes."""
    assert client.get_container_stats(name) is None


@pytest.mark.usefixtures("zoo")
def test_cpu_percent_of_a_busy_and_an_idle_container(client: DockerClient) -> None:
    """The busy one is found busy, asked twice; the idle one is a number too."""
    for _ in range(2):
        busy = client.get_container_stats(animals.BUSY)
        assert busy is not None
        assert busy["cpu_percent"] > 5
    idle = client.get_container_stats(animals.IDLE)
    assert idle is not None
    assert idle["cpu_percent"] < 5


def test_list_has_every_container(client: DockerClient, zoo: PrivateEngine) -> None:
    """The stopped ones too, by their names, with their states."""
    rows = {row.name: row for row in client.connect().list_containers(Deadline(LATE))}
    listed = zoo.docker("ps", "--all", "--no-trunc", "--format={{.Names}} {{.ID}}").splitlines()
    assert {f"{row.name} {row.id}" for row in rows.values()} == set(listed)
    for name, status in STEADY.items():
        assert rows[name].state == status


def test_both_modes_inspect_alike(
    zoo: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fact about every container is the same, whichever way it came."""
    readings = []
    for mode in ("sdk", "cli"):
        for variable, value in environment_for(mode, zoo, tmp_path).items():
            monkeypatch.setenv(variable, value)
        client = DockerClient()
        readings.append(read_all(client))
        assert client.mode == mode
    by_sdk, by_cli = readings
    assert set(by_sdk) >= set(STATES)
    for name in STEADY:
        assert by_sdk[name] == by_cli[name]


def test_inspect_shows_labels_and_image_as_they_were_typed(
    client: DockerClient, zoo: PrivateEngine
) -> None:
    """Odd labels come through unharmed, and a tag that moved on keeps its name."""
    containers = read_all(client)
    assert containers[animals.ODD].labels == animals.ODD_LABELS
    assert containers[animals.MOVED_TAG].image == animals.MOVED_IMAGE
    assert zoo.get("/containers/json?all=1")
    assert containers[animals.NETWORK_CONTAINER].has_own_network is False
    assert containers[animals.NETWORK_HOST].has_own_network is False
    assert containers[animals.NETWORK_BRIDGE].has_own_network is True


@pytest.mark.usefixtures("zoo")
def test_inspect_of_one_that_is_gone_leaves_the_others(client: DockerClient) -> None:
    """Only the missing one is an error."""
    engine = client.connect()
    ids = [row.id for row in engine.list_containers(Deadline(LATE))]
    results = dict(engine.inspect_many([*ids, "f" * 64], Deadline(LATE)))
    assert isinstance(results.pop("f" * 64), ContainerNotFoundError)
    assert all(isinstance(result, Container) for result in results.values())


@pytest.mark.usefixtures("zoo")
def test_stats_of_many(client: DockerClient, mode: str) -> None:
    """What runs has stats, paused ones too; what does not has none; counters by the SDK only."""
    engine = client.connect()
    rows = {row.name: row for row in engine.list_containers(Deadline(LATE))}
    ids = [row.id for name, row in rows.items() if name in STEADY]
    results = dict(engine.read_stats_of(ids, Deadline(LATE)))
    for name, status in STEADY.items():
        stats = results[rows[name].id]
        if status not in ("running", "paused"):
            assert stats is None, name
            continue
        assert isinstance(stats, ContainerStats), name
        assert stats.pids
        assert stats.memory.working_set
        assert (stats.cpu is not None) is (mode == "sdk")
        assert (stats.cpu_ratio is None) is (mode == "sdk")


def test_engine_info_is_the_same_in_both_modes(client: DockerClient, zoo: PrivateEngine) -> None:
    """Version, kernel, processors and memory are the engine's own."""
    info, truth = client.connect().info(Deadline(LATE)), zoo.get("/info")
    assert info.engine == "docker"
    assert info.version == truth["ServerVersion"]
    assert info.api_version == zoo.get("/version")["ApiVersion"]
    assert (info.cpus, info.memory_bytes) == (truth["NCPU"], truth["MemTotal"])
    assert info.images == truth["Images"]
    assert info.kernel_version == truth["KernelVersion"]
    assert info.cgroup_version == truth["CgroupVersion"]


def test_events_come_as_they_happen(
    client: DockerClient, engine: PrivateEngine, worker: str
) -> None:
    """The end and the start of a container are told, with its exit code, from a moment on."""
    since = f"{time.time():.9f}"
    engine.docker("restart", "--time=0", worker)
    stream = client.events(since)
    died, started = islice((event for event in stream if event.name == worker), 2)
    stream.close()
    assert (died.action, died.exit_code, died.image) == ("die", 137, IMAGE)
    assert started.action == "start"
    assert started.time_ns > died.time_ns
    assert started.container_id == engine.inspect(worker)["Id"]


def test_neither_way_answers_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without SDK and command, every method answers, names the cause and the remedy."""
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    monkeypatch.setenv("PATH", "")
    client = DockerClient()
    assert client.is_available() is False
    assert client.mode is None
    assert client.is_container_running("web") is False
    assert client.get_container_info("web") is None
    assert client.get_container_stats("web") is None
    result = client.start_container("web")
    assert result["success"] is False
    assert NOWHERE in result["message"]
    assert "mounted" in result["message"]
    with pytest.raises(EngineError):
        client.connect()


def test_many_threads_share_one_client(client: DockerClient, zoo: PrivateEngine) -> None:
    """Sixteen threads at once get the same true answers."""
    truth = zoo.inspect(animals.IDLE)["Id"]
    with ThreadPoolExecutor(16) as threads:
        infos = list(threads.map(lambda _: client.get_container_info(animals.IDLE), range(48)))
    assert all(info is not None and info["id"] == truth for info in infos)
