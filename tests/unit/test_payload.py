"""Engine API payloads of engines that are not at hand, built from the published structures.

What Docker 20.10 on cgroup v1 answers is tested on a real engine.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine import payload
from exporter.engine.devices import number
from exporter.engine.stats_payload import StatsPayload, container_stats
from exporter.errors import EngineResponseError
from exporter.model import (
    BlockIoStats,
    ContainerState,
    ContainerStats,
    CpuCounters,
    Health,
    MemoryStats,
    NetworkStats,
)

READ = "2026-01-02T03:04:05.5Z"
READ_NS = 1767323045_500000000

# moby `daemon/stats_unix.go` `statsV2`, Docker 29 (API 1.52).
CONSTRUCTED_CGROUP_V2: dict[str, Any] = {
    "id": "f" * 64,
    "name": "/web",
    "os_type": "linux",
    "read": READ,
    "preread": "0001-01-01T00:00:00Z",
    "pids_stats": {"current": 7, "limit": 18446744073709551615},
    "cpu_stats": {
        "cpu_usage": {
            "total_usage": 3_000,
            "usage_in_kernelmode": 1_000,
            "usage_in_usermode": 2_000,
        },
        "system_cpu_usage": 90_000,
        "online_cpus": 8,
        "throttling_data": {"periods": 5, "throttled_periods": 2, "throttled_time": 700},
    },
    "precpu_stats": {
        "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    },
    "memory_stats": {
        "usage": 1_000,
        "limit": 4_000,
        "stats": {
            "active_file": 150,
            "anon": 500,
            "file": 400,
            "file_dirty": 3,
            "file_mapped": 50,
            "file_writeback": 2,
            "inactive_file": 250,
            "pgfault": 90,
            "pgmajfault": 9,
        },
    },
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 254, "minor": 16, "op": "read", "value": 10},
            {"major": 254, "minor": 16, "op": "write", "value": 20},
        ],
        "io_serviced_recursive": None,
    },
    "networks": {
        "eth1": {"rx_bytes": 1, "tx_bytes": 2},
        "eth0": {
            "rx_bytes": 11,
            "rx_packets": 12,
            "rx_errors": 0,
            "rx_dropped": 13,
            "tx_bytes": 14,
            "tx_packets": 15,
            "tx_errors": 0,
            "tx_dropped": 16,
        },
    },
    "num_procs": 0,
    "storage_stats": {},
}

# podman `pkg/api/handlers/compat/containers_stats.go`, 4.9 on cgroup v2.
CONSTRUCTED_PODMAN: dict[str, Any] = {
    "id": "e" * 64,
    "read": READ,
    "preread": "0001-01-01T00:00:00Z",
    "cpu_stats": {
        "cpu_usage": {"total_usage": 3_000, "usage_in_kernelmode": 1, "usage_in_usermode": 2_999},
        "system_cpu_usage": 90_000,
        "online_cpus": 4,
        "cpu": 12.5,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    },
    "precpu_stats": {"cpu_usage": {"total_usage": 0}, "system_cpu_usage": 0},
    "memory_stats": {"usage": 1_000, "max_usage": 4_000, "limit": 4_000, "failcnt": 0},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 16, "minor": 254, "op": "read", "value": 10},
            {"major": 16, "minor": 254, "op": "rios", "value": 3},
            {"major": 16, "minor": 254, "op": "wios", "value": 4},
        ]
    },
    "networks": {
        "network": {
            "rx_bytes": 7,
            "rx_packets": 0,
            "rx_errors": 0,
            "rx_dropped": 0,
            "tx_bytes": 9,
            "tx_packets": 0,
            "tx_errors": 0,
            "tx_dropped": 0,
        }
    },
    "pids_stats": {"current": 2},
}


def stats_of(answer: dict[str, Any]) -> ContainerStats | None:
    """Return an answer as the value that the collector gets."""
    decoded = payload.decode(json.dumps(answer), StatsPayload, "stats")
    return container_stats(decoded, number)


def test_constructed_cgroup_v2_stats_are_read_whole() -> None:
    """Each field comes from its place, and what v2 does not have is None."""
    assert stats_of(CONSTRUCTED_CGROUP_V2) == ContainerStats(
        cpu=CpuCounters(
            usage_ns=3_000,
            user_ns=2_000,
            kernel_ns=1_000,
            host_ns=90_000,
            online_cpus=8,
            periods=5,
            throttled_periods=2,
            throttled_ns=700,
            read_at_ns=READ_NS,
        ),
        memory=MemoryStats(
            usage=1_000,
            working_set=750,
            shown_usage=750,
            limit=4_000,
            max_usage=None,
            failcnt=0,
            cache=400,
            rss=500,
            mapped_file=50,
            active_file=150,
            inactive_file=250,
            file_dirty=3,
            file_writeback=2,
            page_faults=90,
            major_page_faults=9,
        ),
        networks=(
            NetworkStats(
                interface="eth0",
                receive_bytes=11,
                receive_packets=12,
                receive_dropped=13,
                transmit_bytes=14,
                transmit_packets=15,
                transmit_dropped=16,
            ),
            NetworkStats(
                interface="eth1",
                receive_bytes=1,
                receive_packets=0,
                receive_dropped=0,
                transmit_bytes=2,
                transmit_packets=0,
                transmit_dropped=0,
            ),
        ),
        io_bytes=(
            BlockIoStats(device="254:16", major=254, minor=16, operation="Read", value=10),
            BlockIoStats(device="254:16", major=254, minor=16, operation="Write", value=20),
        ),
        io_operations=None,
        pids=7,
    )


def test_constructed_podman_stats_leave_out_what_podman_does_not_know() -> None:
    """No split of CPU time, no time of the machine, no throttling, no fail count, no packets.

    Operations that are counts go.
    """
    stats = stats_of(CONSTRUCTED_PODMAN)
    assert stats is not None
    assert stats.cpu == CpuCounters(usage_ns=3_000, online_cpus=4, read_at_ns=READ_NS)
    assert stats.memory.working_set == 1_000
    assert stats.memory.failcnt is None
    assert stats.networks == (NetworkStats(interface="network", receive_bytes=7, transmit_bytes=9),)
    assert stats.io_bytes == (
        BlockIoStats(device="254:16", major=254, minor=16, operation="Read", value=10),
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"read": "0001-01-01T00:00:00Z", "cpu_stats": {"cpu_usage": {"total_usage": 0}}},
        {"read": "0001-01-01T00:00:00Z", "memory_stats": {}, "pids_stats": {}},
    ],
)
def test_answer_for_a_container_that_does_not_run_is_no_reading(answer: dict[str, Any]) -> None:
    """The zeros of the year 1 are not values."""
    assert stats_of(answer) is None


def test_second_reading_comes_with_the_first_only_where_there_is_one() -> None:
    """A one-shot answer holds zeros in its place, which are no reading."""
    pair = CONSTRUCTED_CGROUP_V2 | {
        "preread": "2026-01-02T03:04:04.5Z",
        "precpu_stats": {"cpu_usage": {"total_usage": 2_000}, "system_cpu_usage": 80_000},
    }
    single, both = stats_of(CONSTRUCTED_CGROUP_V2), stats_of(pair)
    assert single is not None
    assert both is not None
    assert single.previous_cpu is None
    assert both.previous_cpu is not None
    assert (both.previous_cpu.usage_ns, both.previous_cpu.host_ns) == (2_000, 80_000)


def test_machine_that_does_not_count_memory_gives_no_memory() -> None:
    """Without the memory cgroup (Raspberry Pi OS) there is no usage, and so no 0."""
    stats = stats_of(CONSTRUCTED_CGROUP_V2 | {"memory_stats": {}})
    assert stats is not None
    assert stats.memory == MemoryStats()


def test_constructed_api_1_52_inspect_is_read_without_what_it_dropped() -> None:
    """Docker 29 leaves out empty fields, and unlimited processes are null."""
    answer = {
        "Id": "d" * 64,
        "Name": "/web",
        "Created": "2026-01-01T00:00:00.123456789Z",
        "Image": "sha256:1",
        "State": {
            "Status": "running",
            "Running": True,
            "Pid": 12,
            "StartedAt": "2026-01-01T00:00:01.123456789Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []},
        },
        "HostConfig": {"NetworkMode": "bridge", "RestartPolicy": {"Name": "always"}},
        "Config": {"Image": "nginx:1", "Labels": None},
        "NetworkSettings": {"Networks": {}},
    }
    one = payload.container(payload.decode(json.dumps(answer), payload.InspectPayload, "inspect"))
    assert one.state is ContainerState.RUNNING
    assert one.started_at == pytest.approx(1767225601.123456)
    assert one.finished_at is None
    assert one.health is not None
    assert one.health.status is Health.HEALTHY
    assert (one.restart_policy, one.limits.pids, one.labels) == ("always", None, {})


def test_constructed_podman_version_is_recognised() -> None:
    """Podman names itself among its components."""
    answer = b'{"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}'
    assert payload.decode(answer, payload.VersionPayload, "version").engine == "podman"


@pytest.mark.parametrize(
    ("line", "action", "health"),
    [
        (
            {"Action": "health_status: unhealthy", "Actor": {"ID": "a", "Attributes": {}}},
            "health_status",
            Health.UNHEALTHY,
        ),
        # Podman: no suffix, and words of its own.
        (
            {"Action": "health_status", "HealthStatus": "healthy", "Actor": {"ID": "a"}},
            "health_status",
            Health.HEALTHY,
        ),
        ({"Action": "remove", "Actor": {"ID": "a"}}, "destroy", None),
        ({"Action": "exec_died", "Actor": {"ID": "a"}}, "exec_die", None),
        ({"Action": "health_status: running", "Actor": {"ID": "a"}}, "health_status", None),
        ({"Action": "exec_create: sh -c x: y", "Actor": {"ID": "a"}}, "exec_create", None),
    ],
)
def test_events_of_both_engines(line: dict[str, Any], action: str, health: Health | None) -> None:
    """The action is one word in either, and the health is where each puts it."""
    (event,) = payload.events([json.dumps(line).encode(), b"", b"  "])
    assert (event.action, event.health) == (action, health)


def test_event_keeps_the_labels_apart_from_what_the_engine_adds() -> None:
    """The attributes of an event are the container's labels, and some facts."""
    attributes = {"image": "i", "name": "n", "exitCode": "137", "execDuration": "2", "tier": "web"}
    line = {"Action": "die", "Actor": {"ID": "a", "Attributes": attributes}, "timeNano": 5}
    (event,) = payload.events([json.dumps(line).encode()])
    assert (event.name, event.image, event.exit_code, event.time_ns) == ("n", "i", 137, 5)
    assert event.labels == {"tier": "web"}


def test_constructed_podman_event_has_an_exit_code_only_where_something_ended() -> None:
    """Podman gives a number with every event, and the container's pod among its labels."""
    attributes = {"name": "n", "containerExitCode": "0", "podId": "", "tier": "web"}
    line = {"Action": "start", "Actor": {"ID": "a", "Attributes": attributes}}
    (event,) = payload.events([json.dumps(line).encode()])
    assert event.exit_code is None
    assert event.labels == {"tier": "web"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KEYS = st.sampled_from(sorted(CONSTRUCTED_CGROUP_V2))


@given(st.dictionaries(KEYS, JSON))
def test_stats_of_any_shape_give_a_value_or_a_clear_error(mutation: dict[str, Any]) -> None:
    """Whatever stands in a field, the rest is read or the answer refused by name."""
    try:
        stats_of(CONSTRUCTED_CGROUP_V2 | mutation)
    except EngineResponseError as error:
        assert "'stats'" in str(error)  # noqa: PT017 (most examples raise nothing)


@given(st.binary())
def test_any_bytes_give_a_clear_error(body: bytes) -> None:
    """Rubbish in place of JSON is one kind of error."""
    with pytest.raises(EngineResponseError, match="'list'"):
        payload.decode(body + b"}", list[payload.SummaryPayload], "list")
