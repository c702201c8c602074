"""What things take on disk, told by a real engine in both modes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from exporter.deadline import Deadline
from exporter.disk import DiskKind, DiskSpace
from exporter.docker_client import DockerClient
from exporter.metrics.collector import ContainerCollector
from exporter.metrics.disk import DiskUsageReader
from exporter.metrics.snapshot import Snapshots
from tests.support.engine import IMAGE, PrivateEngine
from tests.support.exporter import serving
from tests.support.modes import environment_for
from tests.support.scrape import Scrape
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

LATE = 30.0
MIB = 1024 * 1024
CONTAINER_SERIES = "container_fs_usage_bytes"


def write(path: str, mebibytes: int) -> str:
    """Return the shell command that writes a file."""
    return f"dd if=/dev/zero of={path} bs=1M count={mebibytes} 2>/dev/null"


@pytest.fixture(scope="module")
def filled() -> Iterator[PrivateEngine]:
    """Give an engine with something of each kind, in use and not."""
    with PrivateEngine() as engine:
        script = f"{write('/file', 3)}; {write('/volume/file', 2)}; touch /ready; exec sleep 1d"
        engine.docker(
            *("run", "--detach", "--name=running", "--volume=used:/volume"),
            *(IMAGE, "sh", "-c", script),
        )
        engine.docker(
            *("run", "--name=ended", "--volume=unused:/volume"),
            *(IMAGE, "sh", "-c", f"{write('/file', 5)}; {write('/volume/file', 1)}"),
        )
        # An image with a layer of its own, and a volume without a container.
        engine.docker("commit", "ended", "unused:1")
        engine.docker("rm", "ended")
        engine.docker("run", "--name=ended", IMAGE, "sh", "-c", write("/file", 4))
        engine.docker("create", "--name=new", IMAGE, "true")
        wait_until(
            lambda: "/ready" in engine.docker("diff", "running"), LATE, "everything is written"
        )
        yield engine


@pytest.fixture
def client(
    mode: str, filled: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DockerClient]:
    """Give a client of that engine, in each mode in turn."""
    for variable, value in environment_for(mode, filled, tmp_path).items():
        monkeypatch.setenv(variable, value)
    client = DockerClient()
    yield client
    client.close()


def test_engine_tells_what_everything_takes(
    client: DockerClient, filled: PrivateEngine, mode: str
) -> None:
    """Sizes of containers to the byte in both modes; totals are rounded by the command."""
    usage = client.connect().disk_usage(Deadline(LATE))
    ids = {name: filled.inspect(name)["Id"] for name in ("running", "ended", "new")}
    assert {name: usage.containers[one] for name, one in ids.items()} == {
        "running": 3 * MIB,
        "ended": 4 * MIB,
        "new": 0,
    }
    layers = filled.get("/system/df")["LayersSize"]
    expected = {
        DiskKind.IMAGES: DiskSpace(used=layers, reclaimable=5 * MIB if mode == "sdk" else None),
        DiskKind.CONTAINERS: DiskSpace(used=7 * MIB, reclaimable=4 * MIB),
        DiskKind.VOLUMES: DiskSpace(used=3 * MIB, reclaimable=MIB),
        DiskKind.BUILD_CACHE: DiskSpace(used=0, reclaimable=0),
    }
    assert set(usage.kinds) == set(expected)
    rounding = 1e-3 if mode == "cli" else 0
    for kind, space in expected.items():
        assert usage.kinds[kind].used == pytest.approx(space.used, rel=rounding), kind
        told = usage.kinds[kind].reclaimable
        assert told == space.reclaimable or told == pytest.approx(space.reclaimable, rel=rounding)


def test_scrapes_show_it_once_it_is_there_and_while_the_engine_is(
    client: DockerClient, filled: PrivateEngine
) -> None:
    """No scrape waits for it; a container that came since has none; none outlives the engine."""
    reader = DiskUsageReader(client, 3600)
    collector = ContainerCollector(Snapshots(client, ttl=0, disk=reader))
    first = Scrape(collector.collect())
    assert not first.samples[CONTAINER_SERIES]
    assert first.value("docker_up") == 1

    def shown() -> Scrape | None:
        scrape = Scrape(collector.collect())
        return scrape if scrape.samples[CONTAINER_SERIES] else None

    scrape = wait_until(shown, LATE, "the engine has told")
    assert scrape is not None
    assert scrape.of(CONTAINER_SERIES, "running") == 3 * MIB
    assert scrape.of(CONTAINER_SERIES, "new") == 0
    used = scrape.value("docker_disk_usage_bytes", kind="containers")
    assert used == pytest.approx(7 * MIB, rel=1e-3)
    reclaimable = scrape.value("docker_disk_reclaimable_bytes", kind="volumes")
    assert reclaimable == pytest.approx(MIB, rel=1e-3)

    filled.docker("create", "--name=later", IMAGE, "true")
    try:
        scrape = Scrape(collector.collect())
    finally:
        filled.docker("rm", "later")
    assert scrape.of("container_up", "later") == 0
    assert scrape.of(CONTAINER_SERIES, "later") is None
    assert scrape.of(CONTAINER_SERIES, "running") == 3 * MIB

    filled.kill()
    try:
        scrape = Scrape(collector.collect())
    finally:
        filled.restart()
    assert scrape.value("docker_up") == 0
    for name in (CONTAINER_SERIES, "docker_disk_usage_bytes", "docker_disk_reclaimable_bytes"):
        assert not scrape.samples[name]
    reader.close()


def test_program_shows_it_when_it_is_told_to(filled: PrivateEngine, tmp_path: Path) -> None:
    """By one flag; the request is counted as one of its own."""
    arguments = (f"--docker.host={filled.host}", "--collector.cache-ttl=0")
    with serving(tmp_path / "log", *arguments, "--collector.disk-usage") as running:

        def text() -> str:
            answer = httpx.get(f"{running.url}/metrics", trust_env=False, timeout=LATE)
            return answer.text

        volumes = 'docker_disk_usage_bytes{kind="volumes"} 3.145728e+06'
        wait_until(lambda: volumes in text(), LATE, "the series is there")
        assert 'engine_requests_total{operation="disk_usage"} 1.0' in text()


def test_closing_leaves_no_command_behind(
    filled: PrivateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that asks an engine which hangs would wait for minutes."""
    for variable, value in environment_for("cli", filled, tmp_path).items():
        monkeypatch.setenv(variable, value)
    client = DockerClient()
    client.connect()
    reader = DiskUsageReader(client, 3600)
    filled.pause()
    try:
        reader.latest()
        wait_until(lambda: commands_of(filled), LATE, "the command runs")
        reader.close()
        assert commands_of(filled) == []
    finally:
        filled.resume()
    client.close()


def commands_of(engine: PrivateEngine) -> list[str]:
    """Return the command lines of the docker commands that ask an engine."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            asks = f"DOCKER_HOST={engine.host}".encode() in (process / "environ").read_bytes()
            command = (process / "cmdline").read_text()
            # An engine that was restarted by a test has the variable too.
            if asks and "dockerd" not in command:
                found.append(command)
    return found
