"""The kernel's own files beside what the engine says, at the same time; and in both modes."""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from exporter.deadline import Deadline
from exporter.docker_client import DockerClient
from exporter.engine.kernel.finding import Finder
from exporter.engine.kernel.machine import Machine
from exporter.engine.kernel.source import KernelFiles
from exporter.errors import CgroupNotFoundError
from exporter.metrics import catalogue
from exporter.metrics.usage import UsageReader
from exporter.model import ContainerStats
from tests.support import zoo as animals
from tests.support.containers import SLEEP, container
from tests.support.engine import IMAGE
from tests.support.exporter import serving
from tests.support.modes import MODES
from tests.support.scrape import Scrape, second_scrape
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.model import Container
    from tests.support.engine import PrivateEngine

LATE = 30.0
CGROUPS, PROCFS = Path("/sys/fs/cgroup"), Path("/proc")
REPOSITORY = Path(__file__).parents[2]
ACTIVE = {
    specimen.name
    for specimen in animals.SPECIMENS
    if specimen.state.status in ("running", "paused")
}
# What the API says of another moment, or does not say.
NOT_COMPARED = {"read_at_ns", "pressure"}


@pytest.fixture(scope="module")
def sdk(zoo: PrivateEngine) -> Iterator[DockerClient]:
    """Give a client of the engine."""
    client = DockerClient(zoo.host)
    yield client
    client.close()


@pytest.fixture(scope="module")
def scrapes(zoo: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scrape]:
    """Give a scrape in each mode, for which the engine was not asked for stats."""
    return {
        mode: second_scrape(
            mode,
            zoo,
            tmp_path_factory.mktemp(mode),
            UsageReader(KernelFiles(CGROUPS, PROCFS), ask_engine=False),
        )
        for mode in MODES
    }


@pytest.fixture
def scrape(mode: str, scrapes: dict[str, Scrape]) -> Scrape:
    """Give the scrape of each mode in turn."""
    return scrapes[mode]


def inspected(client: DockerClient, *names: str) -> list[Container]:
    """Return containers as the engine shows them."""
    return [client.connect().inspect(name) for name in names]


def by_engine(client: DockerClient, containers: list[Container]) -> dict[str, object]:
    """Return what the engine says that containers use, by id."""
    ids = [one.id for one in containers]
    return dict(client.connect().read_stats_of(ids, Deadline(LATE)))


def leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield what a reading is made of, each with a name of its own."""
    if is_dataclass(value):
        for field in fields(value):
            if field.name not in NOT_COMPARED:
                yield from leaves(getattr(value, field.name), f"{name}.{field.name}")
    elif isinstance(value, tuple):
        for n, one in enumerate(value):
            yield from leaves(one, f"{name}[{n}]")
    else:
        yield name, value


def disagreements(before: object, kernel: object, after: object) -> list[str]:
    """Return where a reading does not lie between the engine's before it and after it."""
    read, later = dict(leaves(kernel)), dict(leaves(after))
    wrong = []
    for name, first in leaves(before):
        value, last = read.get(name), later.get(name)
        if isinstance(first, int) and isinstance(value, int) and isinstance(last, int):
            if not min(first, last) <= value <= max(first, last):
                wrong.append(f"{name}: {value} is not between {first} and {last}")
        elif first is not None and not first == value == last:
            wrong.append(f"{name}: {value!r} is not {first!r}, {last!r}")
    return wrong


@pytest.mark.usefixtures("zoo")
def test_every_value_agrees_with_the_engines(sdk: DockerClient) -> None:
    """Counters and gauges alike lie between the engine's before and after, device by device."""
    containers = inspected(
        sdk,
        *(animals.IDLE, animals.BUSY, animals.PAUSED, animals.MEMORY_LIMITED),
        *(animals.CPU_LIMITED, animals.NETWORK_BRIDGE, animals.NETWORK_NONE),
    )
    files = KernelFiles(CGROUPS, PROCFS)

    def compare() -> list[str]:
        before = by_engine(sdk, containers)
        read = dict(files.read_stats_of(containers))
        after = by_engine(sdk, containers)
        assert all(
            isinstance(stats, ContainerStats) for stats in (*before.values(), *read.values())
        )
        return [
            f"{one.name}{wrong}"
            for one in containers
            for wrong in disagreements(before[one.id], read[one.id], after[one.id])
        ]

    # Gauges may move between the three: the kernel takes memory back when it likes.
    wait_until(compare, LATE, "all values agree", accept=lambda wrong: not wrong)


def test_both_modes_have_the_exact_counters(scrape: Scrape) -> None:
    """The command's rounded text is not needed for what the kernel counts."""
    for metric in (
        *("container_cpu_usage_seconds_total", "container_cpu_user_seconds_total"),
        *("container_cpu_usage_ratio", "container_memory_usage_bytes", "container_memory_rss"),
        *("container_memory_usage_ratio", "container_memory_failcnt", "container_threads"),
    ):
        assert scrape.containers(metric) - {animals.RESTARTING} == ACTIVE, metric
    without = scrape.value("docker_exporter_containers_without_stats", reason="no_cgroup")
    assert without == 0
    quota = {animals.CPU_LIMITED}
    assert scrape.containers("container_cpu_cfs_throttled_periods_total") == quota


def test_network_is_its_owners_in_both_modes(scrape: Scrape) -> None:
    """Errors too, which the engine never tells; none of a network that is not its own."""
    strangers = {animals.NETWORK_CONTAINER, animals.NETWORK_HOST, animals.NETWORK_NONE}
    for metric in catalogue.NETWORK:
        owners = scrape.containers(metric.name) - {animals.RESTARTING}
        assert owners == ACTIVE - strangers, metric.name
    sent = "container_network_transmit_bytes_total"
    assert scrape.of(sent, animals.NETWORK_BRIDGE, interface="eth0")


def test_what_the_engine_lacks_is_there(scrape: Scrape) -> None:
    """Of what the kernel alone tells, all that it keeps here."""
    kept = {"container_cpu_cfs_burst_seconds_total": {animals.CPU_LIMITED}}
    if "swap" in (CGROUPS / "memory/memory.stat").read_text():
        kept["container_memory_swap"] = ACTIVE
    if (CGROUPS / "unified/cpu.pressure").exists():
        kept |= dict.fromkeys((metric.name for metric in catalogue.PRESSURE), ACTIVE)
    for metric, expected in kept.items():
        assert scrape.containers(metric) - {animals.RESTARTING} == expected, metric
    waited = scrape.of("container_pressure_cpu_waiting_seconds_total", animals.BUSY)
    assert waited is None or waited > 0


@pytest.mark.usefixtures("zoo")
def test_cgroup_v2_of_the_kernel_itself(sdk: DockerClient) -> None:
    """The hierarchy without controllers that stands beside v1 has the same times in it."""
    if not (CGROUPS / "unified/docker").is_dir():
        # A machine of cgroup v2 alone, which the tests above have read.
        return
    [busy] = inspected(sdk, animals.BUSY)
    [(_, before)] = KernelFiles(CGROUPS, PROCFS).read_stats_of([busy])
    cgroup = Finder(CGROUPS / "unified").find({"": f"/docker/{busy.id}"})
    assert cgroup is not None
    files = {
        name: (CGROUPS / "unified" / path).read_bytes()
        for name, path in cgroup.files
        if (CGROUPS / "unified" / path).exists()
    }
    [(_, after)] = KernelFiles(CGROUPS, PROCFS).read_stats_of([busy])
    assert isinstance(before, ContainerStats)
    assert isinstance(after, ContainerStats)
    assert before.pressure is not None
    assert after.pressure is not None
    stats = cgroup.stats(files, Machine(), None)
    assert stats.cpu is not None
    assert before.cpu is not None
    assert after.cpu is not None
    # The two hierarchies are not brought up to date at the same moment.
    assert before.cpu.usage_ns * 0.9 <= stats.cpu.usage_ns <= after.cpu.usage_ns * 1.1
    assert stats.pressure is not None
    assert stats.pressure.cpu is not None
    assert before.pressure.cpu is not None
    assert stats.pressure.cpu.waiting_us is not None
    assert before.pressure.cpu.waiting_us is not None
    assert stats.pressure.cpu.waiting_us >= before.pressure.cpu.waiting_us
    assert stats.memory.usage is None


def test_container_that_has_ended_is_not_read(sdk: DockerClient, engine: PrivateEngine) -> None:
    """What was known of it before says nothing any more; another is read as before."""
    files = KernelFiles(CGROUPS, PROCFS)
    with container(engine, *SLEEP) as name, container(engine, *SLEEP) as other:
        both = inspected(sdk, name, other)
        assert all(isinstance(stats, ContainerStats) for _, stats in files.read_stats_of(both))
        engine.docker("kill", name)
        read = dict(files.read_stats_of(both))
        assert read[both[0].id] is None
        assert isinstance(read[both[1].id], ContainerStats)
        engine.docker("start", name)
        # As long as nobody has inspected it again.
        assert isinstance(dict(files.read_stats_of(both))[both[0].id], CgroupNotFoundError)
        [again] = inspected(sdk, name)
        assert isinstance(dict(files.read_stats_of([again]))[again.id], ContainerStats)


@pytest.mark.parametrize("namespace", ["private", "host"])
def test_reader_in_a_container_of_its_own(zoo: PrivateEngine, namespace: str) -> None:
    """With the machine's procfs and hierarchies mounted it reads the others by their ids.

    From a cgroup namespace of its own theirs are named `/../ID`, and its own is `/`.
    """
    script = (
        "from pathlib import Path\n"
        "from exporter.deadline import Deadline\n"
        "from exporter.docker_client import DockerClient\n"
        "from exporter.engine.kernel.source import KernelFiles\n"
        "from exporter.metrics.snapshot import Snapshots\n"
        "from exporter.metrics.usage import UsageReader\n"
        "files = KernelFiles(Path('/sys/fs/cgroup'), Path('/proc'))\n"
        f"snapshots = Snapshots(DockerClient({zoo.host!r}),\n"
        "    usage=UsageReader(files, ask_engine=False))\n"
        f"snapshot = snapshots.get(Deadline({LATE}))\n"
        "for reading in snapshot.containers:\n"
        "    if reading.stats and reading.stats.cpu and reading.stats.memory.usage:\n"
        "        print(reading.container.name)\n"
        "print(Path('/proc/1/cgroup').read_text())\n"
        "print(snapshot.error, snapshot.without_stats)\n"
    )
    with container(
        zoo,
        *("chroot", "/machine", "sh", "-c", 'cd "$0" && exec "$@" 2>&1'),
        *(str(REPOSITORY), sys.executable, "-c", script),
        options=(f"--cgroupns={namespace}", "--network=none", "--volume=/:/machine:ro"),
    ) as name:
        zoo.docker("wait", name)
        printed = zoo.docker("logs", name)
    assert ("/../" in printed) is (namespace == "private")
    assert set(printed.split()) >= ACTIVE, printed
    assert (name in printed.split()) is (namespace == "host")


def metrics(log: Path, *arguments: str) -> tuple[str, str]:
    """Return what two scrapes show of an exporter that runs so, and its log."""
    with serving(log, "--collector.cache-ttl=0", *arguments) as running:
        text = ""
        for _ in range(2):
            with urlopen(f"{running.url}/metrics", timeout=LATE) as answer:  # noqa: S310 (its own)
                text = answer.read().decode()
        return text, running.log


def test_exporter_reads_the_kernels_files_where_they_are(
    zoo: PrivateEngine, tmp_path: Path
) -> None:
    """By default, and the engine is not asked for stats; `api` asks it alone."""
    arguments = (f"--docker.host={zoo.host}", f"--collector.include={animals.IDLE}")
    asked = 'docker_exporter_engine_requests_total{operation="stats"}'
    text, log = metrics(tmp_path / "auto", *arguments)
    assert 'container_network_receive_errors_total{image="busybox:test",' in text
    assert asked not in text
    assert "kernel's files" not in log
    text, _ = metrics(tmp_path / "api", *arguments, "--collector.stats-source=api")
    assert "container_network_receive_errors_total{" not in text
    assert asked in text


def test_exporter_whose_engine_is_elsewhere(zoo: PrivateEngine, tmp_path: Path) -> None:
    """It falls back to the API and says so once; where it must not, the container is counted."""
    arguments = (
        *(f"--docker.host={zoo.host}", f"--collector.include={animals.IDLE}"),
        *(f"--path.procfs={tmp_path}", f"--path.cgroup={tmp_path}"),
    )
    text, log = metrics(tmp_path / "auto", *arguments)
    assert "container_memory_usage_bytes{" in text
    assert log.count("kernel's files") == 1
    text, log = metrics(tmp_path / "cgroup", *arguments, "--collector.stats-source=cgroup")
    assert "container_memory_usage_bytes{" not in text
    assert 'docker_exporter_containers_without_stats{reason="no_cgroup"} 1.0' in text
    assert log.count("kernel's files") == 1


def test_process_of_another_kind_is_never_read(sdk: DockerClient, zoo: PrivateEngine) -> None:
    """Two containers whose process ids were mistaken for each other's give nothing."""
    one, other = inspected(sdk, animals.IDLE, animals.BUSY)
    assert zoo.inspect(animals.IDLE)["Id"] == one.id
    swapped = [replace(one, pid=other.pid), replace(other, pid=one.pid)]
    for _, result in KernelFiles(CGROUPS, PROCFS).read_stats_of(swapped):
        assert isinstance(result, CgroupNotFoundError)


def test_image_is_that_of_the_zoo(scrape: Scrape) -> None:
    """The labels are those of every other source."""
    labels = [labels for labels, _ in scrape.samples["container_threads"]]
    assert {one["image"] for one in labels} == {IMAGE, animals.MOVED_IMAGE}
