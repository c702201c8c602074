"""What things take on disk: both shapes of the answer, the printed text, and when it is read."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.disk import DiskKind, DiskSpace, DiskUsage
from exporter.docker_client import DockerClient
from exporter.engine import disk
from exporter.errors import EngineResponseError
from exporter.metrics.disk import RETRY, DiskUsageReader
from tests.support.fake_engine import FakeEngine, Handler
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.deadline import Deadline
    from exporter.engine.base import Engine

MIB = 1024 * 1024
LATE = 30.0
INTERVAL = 600.0

# Docker 20.10, less what is passed over.
DOCKER_20_10 = {
    "LayersSize": 6178436,
    "Images": [
        {"Id": "sha256:65", "Containers": 0, "SharedSize": 1984132, "Size": 1984132},
        {"Id": "sha256:69", "Containers": 0, "SharedSize": 1984132, "Size": 6178436},
        {"Id": "sha256:36", "Containers": 3, "SharedSize": 1984132, "Size": 1984132},
    ],
    "Containers": [
        {"Id": "20d4", "State": "created", "SizeRootFs": 1984132},
        {"Id": "9655", "State": "exited", "SizeRw": 5242880, "SizeRootFs": 7227012},
        {"Id": "7c4a", "State": "running", "SizeRw": 3145728, "SizeRootFs": 5129860},
    ],
    "Volumes": [
        {"Name": "v1", "UsageData": {"RefCount": 1, "Size": 2097152}},
        {"Name": "v2", "UsageData": {"RefCount": 0, "Size": 1048576}},
    ],
    "BuildCache": None,
    "BuilderSize": 0,
}

# Podman 4.3, less what is passed over: images without a size.
PODMAN_4_3 = {
    "LayersSize": 0,
    "Images": [{"Id": "a61f", "Containers": 0, "SharedSize": 0, "Size": 2131015}],
    "Containers": [{"Id": "12de", "State": "exited", "SizeRw": 5242892, "SizeRootFs": 1984132}],
    "Volumes": [{"Name": "v1", "UsageData": {"RefCount": 1, "Size": 2097152}}],
    "BuildCache": [],
    "BuilderSize": 0,
}

# After moby `api/types/system/disk_usage.go` of API 1.52, asked with `verbose`.
CONSTRUCTED_API_1_52 = {
    "ImageUsage": {
        "ActiveCount": 1,
        "Items": [{"Id": "sha256:36", "Containers": 3, "SharedSize": -1, "Size": 7}],
        "Reclaimable": 4194304,
        "TotalCount": 3,
        "TotalSize": 6178436,
    },
    "ContainerUsage": {
        "ActiveCount": 1,
        "Items": [
            {"Id": "20d4", "State": "created"},
            {"Id": "9655", "State": "exited", "SizeRw": 5242880},
            {"Id": "bad0", "State": "exited", "SizeRw": -1},
        ],
        "Reclaimable": 5242880,
        "TotalCount": 3,
        "TotalSize": 8388608,
    },
    # Numbers that are 0 are left out.
    "VolumeUsage": {"TotalCount": 1, "TotalSize": 3145728},
    "BuildCacheUsage": {},
}


def printed(kind: str, count: int, size: str, reclaimable: str) -> bytes:
    """Return a line of `docker system df --format '{{json .}}'`."""
    row = {"Active": "1", "Reclaimable": reclaimable, "Size": size, "TotalCount": str(count)}
    return json.dumps(row | {"Type": kind}).encode()


# On that engine, and on Podman 4.3.
PRINTED_20_10 = (
    printed("Images", 3, "6.178MB", "6.178MB (100%)"),
    printed("Containers", 3, "8.389MB", "5.243MB (62%)"),
    printed("Local Volumes", 2, "3.146MB", "0B (0%)"),
    printed("Build Cache", 0, "0B", "0B"),
)
PRINTED_PODMAN = (printed("Images", 3, "0B", "0B"), printed("Sundries", 1, "1B", "1B"))


def answered(answer: object) -> DiskUsage:
    """Return what is made of an answer."""
    return disk.from_api(json.dumps(answer).encode())


# -- shapes -----------------------------------------------------------------------------------


def test_lists_are_added_up() -> None:
    """By docker/cli's formulas; a container that has written nothing has 0."""
    usage = answered(DOCKER_20_10)
    assert usage.kinds == {
        # The layer that no other image has, of the two images without a container.
        DiskKind.IMAGES: DiskSpace(used=6178436, reclaimable=6178436 - 1984132),
        DiskKind.CONTAINERS: DiskSpace(used=8388608, reclaimable=5242880),
        DiskKind.VOLUMES: DiskSpace(used=3145728, reclaimable=1048576),
        DiskKind.BUILD_CACHE: DiskSpace(used=0, reclaimable=0),
    }
    assert usage.containers == {"20d4": 0, "9655": 5242880, "7c4a": 3145728}


def test_sums_of_the_engine_are_taken_as_they_are() -> None:
    """API 1.52 and later, with the sizes of containers that could be measured."""
    usage = answered(CONSTRUCTED_API_1_52)
    assert usage.kinds == {
        DiskKind.IMAGES: DiskSpace(used=6178436, reclaimable=4194304),
        DiskKind.CONTAINERS: DiskSpace(used=8388608, reclaimable=5242880),
        DiskKind.VOLUMES: DiskSpace(used=3145728, reclaimable=0),
        DiskKind.BUILD_CACHE: DiskSpace(used=0, reclaimable=0),
    }
    assert usage.containers == {"20d4": 0, "9655": 5242880}


def test_sums_of_the_engine_win_over_lists() -> None:
    """An engine of API 1.52 that overlooks `verbose` sends both."""
    usage = answered(DOCKER_20_10 | CONSTRUCTED_API_1_52)
    assert usage == answered(CONSTRUCTED_API_1_52)


def test_images_without_a_size_are_left_out() -> None:
    """Podman has images, and 0 for what they take."""
    usage = answered(PODMAN_4_3)
    assert DiskKind.IMAGES not in usage.kinds
    assert usage.kinds[DiskKind.CONTAINERS] == DiskSpace(used=5242892, reclaimable=5242892)
    assert DiskKind.IMAGES not in disk.from_command(PRINTED_PODMAN, {}).kinds


def test_engine_without_images_has_0() -> None:
    """That is no false zero."""
    empty = {"LayersSize": 0, "Images": None}
    assert answered(empty).kinds == {DiskKind.IMAGES: DiskSpace(used=0, reclaimable=0)}


def test_what_is_missing_is_left_out() -> None:
    """A kind that the answer does not speak of is not known."""
    assert answered({}) == DiskUsage()
    assert set(answered({"Volumes": None}).kinds) == {DiskKind.VOLUMES}
    assert answered({"ContainerUsage": {"TotalSize": 1}}).containers == {}


def test_what_has_not_been_measured_counts_for_nothing() -> None:
    """-1 stands for that, in every list; where nothing else is there, nothing is known."""
    usage = answered(
        {
            "LayersSize": 10,
            "Images": [
                {"Containers": -1, "SharedSize": 0, "Size": 5},
                {"Containers": 0, "SharedSize": -1, "Size": 5},
                {"Containers": 0, "SharedSize": 1, "Size": 5},
            ],
            "Containers": [{"Id": "bad0", "State": "exited", "SizeRw": -1}],
            "Volumes": [
                {"UsageData": {"RefCount": 0, "Size": -1}},
                {"UsageData": {"RefCount": -1, "Size": 3}},
                {"UsageData": None},
            ],
        }
    )
    assert usage.kinds == {
        DiskKind.IMAGES: DiskSpace(used=10, reclaimable=4),
        DiskKind.VOLUMES: DiskSpace(used=3, reclaimable=0),
    }
    assert usage.containers == {}


def test_build_cache_that_is_shared_is_counted_among_the_images() -> None:
    """Of the rest, what is not in use can be reclaimed."""
    records = [
        {"Size": 1, "InUse": True, "Shared": False},
        {"Size": 2, "InUse": False, "Shared": False},
        {"Size": 4, "InUse": False, "Shared": True},
    ]
    space = answered({"BuildCache": records}).kinds[DiskKind.BUILD_CACHE]
    assert space == DiskSpace(used=3, reclaimable=2)


def test_printed_text_is_read_as_it_is_rounded() -> None:
    """What old commands print of images is not what could be reclaimed."""
    usage = disk.from_command(PRINTED_20_10, {"7c4a": 3145728})
    assert usage.kinds == {
        DiskKind.IMAGES: DiskSpace(used=6178000),
        DiskKind.CONTAINERS: DiskSpace(used=8389000, reclaimable=5243000),
        DiskKind.VOLUMES: DiskSpace(used=3146000, reclaimable=0),
        DiskKind.BUILD_CACHE: DiskSpace(used=0, reclaimable=0),
    }
    assert usage.containers == {"7c4a": 3145728}


@given(st.binary() | st.from_type(object).map(repr).map(str.encode))
def test_rubbish_is_a_clear_error(body: bytes) -> None:
    """Whatever is answered or printed, nothing else is raised."""
    for read in (disk.from_api, lambda body: disk.from_command([body], {})):
        try:
            usage = read(body)
        except EngineResponseError as error:
            assert str(error)  # noqa: PT017 (some examples raise nothing)
        else:
            assert isinstance(usage, DiskUsage)


# -- when it is read --------------------------------------------------------------------------


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    """Give an engine that tells its disk usage."""
    with FakeEngine() as engine:
        engine.overrides["/system/df"] = tell
        yield engine


def tell(handler: Handler) -> None:
    """Answer."""
    handler.send(200, json.dumps(DOCKER_20_10).encode())


def refuse(handler: Handler) -> None:
    """Answer as a socket proxy that does not allow it."""
    handler.send(403, b"<html>Forbidden</html>", "text/html")


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still until the test moves it."""
    return Clock()


@pytest.fixture
def reader(fake: FakeEngine, clock: Clock) -> Iterator[DiskUsageReader]:
    """Give a reader of that engine."""
    client = DockerClient(fake.host)
    reader = DiskUsageReader(client, INTERVAL, clock=clock)
    yield reader
    reader.close()
    client.close()


def wait_for_end() -> None:
    """Wait until nothing is read."""
    wait_until(
        lambda: not any(thread.name == "disk-usage" for thread in threading.enumerate()),
        LATE,
        "the reading is over",
    )


def test_it_is_read_in_the_background_once_an_interval(
    reader: DiskUsageReader, fake: FakeEngine, clock: Clock
) -> None:
    """Who asks gets what there is; nothing is read while nobody asks, nor twice in an interval."""
    assert fake.asked("/system/df") == 0
    assert reader.latest() is None
    wait_for_end()
    usage = reader.latest()
    assert usage is not None
    assert usage.containers["9655"] == 5 * MIB
    clock.now += INTERVAL - 1
    assert reader.latest() is usage
    wait_for_end()
    assert fake.asked("/system/df") == 1
    clock.now += 1
    assert reader.latest() is usage
    wait_for_end()
    assert fake.asked("/system/df") == 2


def test_nobody_waits_and_nobody_asks_twice_while_the_engine_does_not_answer(
    reader: DiskUsageReader, fake: FakeEngine, clock: Clock
) -> None:
    """One reading is under way at a time, however long it takes."""
    go = threading.Event()

    def tell_later(handler: Handler) -> None:
        go.wait(LATE)
        tell(handler)

    fake.overrides["/system/df"] = tell_later
    assert reader.latest() is None
    wait_until(lambda: fake.asked("/system/df"), LATE, "the engine is asked")
    clock.now += 10 * INTERVAL
    assert reader.latest() is None
    go.set()
    wait_for_end()
    assert fake.asked("/system/df") == 1


def test_without_a_thread_it_is_read_later(
    reader: DiskUsageReader, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked gets an answer, and the reading is tried again before the interval is over."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert reader.latest() is None
    clock.now += RETRY
    assert reader.latest() is None
    wait_for_end()
    assert reader.latest() is not None


def test_reading_is_shown_for_two_intervals(
    reader: DiskUsageReader, fake: FakeEngine, clock: Clock
) -> None:
    """What could not be read anew for so long is not the present any more."""
    reader.latest()
    wait_for_end()
    fake.overrides["/system/df"] = refuse
    clock.now += 2 * INTERVAL
    assert reader.latest() is not None
    wait_for_end()
    clock.now += 1
    assert reader.latest() is None


def test_failure_is_told_once_and_soon_tried_again(
    reader: DiskUsageReader, fake: FakeEngine, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """As a warning; again after it has worked in between."""
    fake.overrides["/system/df"] = refuse
    for _ in range(3):
        assert reader.latest() is None
        wait_for_end()
        clock.now += RETRY
    assert fake.asked("/system/df") == 3
    fake.overrides["/system/df"] = tell
    reader.latest()
    wait_for_end()
    fake.overrides["/system/df"] = refuse
    clock.now += INTERVAL
    reader.latest()
    wait_for_end()
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.message for record in warnings] == ["disk usage not read"] * 2
    assert "Forbidden" in vars(warnings[0])["error"]


def test_mistake_costs_these_series_only(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    """It is logged with its traceback, and tried again."""

    class Broken(DockerClient):
        calls = 0

        def connect(self, deadline: Deadline | None = None) -> Engine:  # noqa: ARG002 (the base's)
            self.calls += 1
            raise LookupError("a mistake")

    broken = Broken("unix:///nowhere/docker.sock")
    reader = DiskUsageReader(broken, INTERVAL, clock=clock)
    for _ in range(2):
        assert reader.latest() is None
        wait_for_end()
        clock.now += RETRY
    assert broken.calls == 2
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_closing_ends_what_is_read_and_begins_nothing(
    reader: DiskUsageReader, fake: FakeEngine, clock: Clock
) -> None:
    """A reading has a deadline, which closing brings forward."""
    fake.overrides["/system/df"] = Handler.hang
    reader.latest()
    wait_until(lambda: fake.asked("/system/df"), LATE, "the engine is asked")
    reader.close()
    fake.closing.set()
    wait_for_end()
    clock.now += 10 * INTERVAL
    assert reader.latest() is None
    wait_for_end()
    assert fake.asked("/system/df") == 1
