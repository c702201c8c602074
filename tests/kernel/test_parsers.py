"""What stands in the kernel's files, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.kernel import pressure, v1, v2
from exporter.engine.kernel.machine import Machine, machine
from exporter.engine.kernel.network import networks
from exporter.engine.kernel.numbers import keyed, number
from exporter.model import ContainerStats, MemoryStats, NetworkStats, Pressure, PressureStats
from tests.kernel.trees import CONSTRUCTED_V2, RECORDED_V1

Reader = Callable[[Mapping[str, bytes], Machine, None], ContainerStats]
V1_NAMES = [name for names in v1.FILES.values() for name in names] + [*pressure.FILES]
RUBBISH = st.binary(max_size=80) | st.lists(
    st.sampled_from(
        [
            *(b"usage_usec", b"nr_periods", b"user", b"total_cache", b"anon", b"high", b"254:0"),
            *(b"Read", b"rbytes=", b"some", b"total=", b"max", b"-1", b"1.5", b"9" * 5000, b"7"),
            *(b"eth0:", b"\xff", b"\xb2", b"\n", b"\r", b"\0", b"cpu", b"cpu0", b"MemTotal:"),
        ]
    )
).map(b" ".join)


def test_machine_as_recorded() -> None:
    """The time is one tick more than the engine had reported just before."""
    proc = RECORDED_V1 / "proc"
    read = machine((proc / "stat").read_bytes(), (proc / "meminfo").read_bytes())
    assert read == Machine(cpu_ns=3_754_800_000_000, cpus=2, memory_bytes=24684092 * 1024)


def test_machine_without_stolen_and_guest_time() -> None:
    """Seven fields count: guest time is in user already, and stolen time was not the machine's."""
    proc = CONSTRUCTED_V2 / "proc"
    read = machine((proc / "stat").read_bytes(), (proc / "meminfo").read_bytes())
    ticks = 1000 + 20 + 300 + 50000 + 60 + 7 + 80
    assert read == Machine(cpu_ns=ticks * 10_000_000, cpus=4, memory_bytes=8_000_000 * 1024)
    assert machine(None, None) == Machine()


def test_networks_without_the_loopback_and_those_of_inner_containers() -> None:
    """The columns are those of the heading; the order is that of the names."""
    text = (CONSTRUCTED_V2 / "proc/4242/net/dev").read_bytes()
    eth0 = NetworkStats(
        interface="eth0",
        receive_bytes=11,
        receive_packets=12,
        receive_errors=13,
        receive_dropped=14,
        transmit_bytes=15,
        transmit_packets=16,
        transmit_errors=17,
        transmit_dropped=18,
    )
    first, second = networks(text)
    assert first == eth0
    assert (second.interface, second.receive_bytes, second.transmit_dropped) == ("eth1", 21, 28)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"eth0:" + b" 1" * 15, id="too few columns"),
        pytest.param(b"eth0:" + b" 1" * 17, id="too many columns"),
        pytest.param(b"eth0: -1" + b" 1" * 15, id="no number"),
        pytest.param(b": 1" + b" 1" * 15, id="no name"),
    ],
)
def test_line_that_is_no_interface_is_passed_over(line: bytes) -> None:
    """The interface beside it is there."""
    good = b"  tun0:1" + b" 1" * 15
    assert [network.interface for network in networks(line + b"\n" + good + b"\n")] == ["tun0"]


def test_pressure_by_old_and_new_kernels() -> None:
    """Before 5.13 nothing is said of all processes waiting for a processor; not known is None."""
    line = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    read = pressure.pressure({"cpu.pressure": line})
    assert read == PressureStats(cpu=Pressure(waiting_us=7, stalled_us=None))


def test_no_limit_is_the_memory_of_the_machine() -> None:
    """As the engine says it: v1 has a number near 2^63 there, v2 the word `max`."""
    small = Machine(memory_bytes=1000)
    for limit in (b"9223372036854771712\n", b"999\n"):
        read = v1.container_stats({"memory.limit_in_bytes": limit}, small, None)
        assert read.memory.limit == min(int(limit), 1000)
    for limit, expected in ((b"max\n", 1000), (b"999\n", 999), (b"maximum\n", None)):
        assert v2.container_stats({"memory.max": limit}, small, None).memory.limit == expected


@pytest.mark.parametrize("read", [v1.container_stats, v2.container_stats])
def test_what_no_file_tells_is_not_known(read: Reader) -> None:
    """No file, no value: neither a zero, nor an error."""
    expected = ContainerStats(memory=MemoryStats(), pressure=PressureStats())
    assert read({}, Machine(), None) == expected


@given(st.dictionaries(st.sampled_from(sorted({*V1_NAMES, *v2.FILES})), RUBBISH), RUBBISH)
def test_rubbish_is_not_known_either(files: dict[str, bytes], text: bytes) -> None:
    """Whatever stands in the files, nothing is raised."""
    whole = machine(text, text)
    for read in (v1.container_stats, v2.container_stats):
        stats = read(files, whole, networks(text))
        assert stats.pids is None or stats.pids >= 0


@given(RUBBISH)
def test_number_is_what_stands_there_or_not_known(text: bytes) -> None:
    """A number is never one that only looks like the text."""
    read = number(text)
    assert read is None or text.strip().lstrip(b"0") == (b"%d" % read).lstrip(b"0")


@pytest.mark.parametrize("digits", [b"9" * 21, b"9" * 5000])
def test_number_that_no_kernel_can_count_is_none(digits: bytes) -> None:
    """Python would refuse the longer one with an error of its own."""
    assert number(digits) is None
    assert keyed("user")(b"user " + digits + b"\n") == {}


@given(RUBBISH)
def test_fields_are_whole_lines_of_the_file(text: bytes) -> None:
    """A line that is cut, or longer, tells nothing."""
    for word, value in keyed("user", "anon")(text).items():
        assert any(
            line.partition(b" ")[0] == word.encode() and number(line.partition(b" ")[2]) == value
            for line in text.split(b"\n")
        )


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_all_that_the_kernel_can_count_comes_through(user: int, system: int) -> None:
    """Up to the largest number of 64 bits."""
    text = f"usage_usec {user}\nuser_usec {system}\n".encode()
    cpu = v2.container_stats({"cpu.stat": text}, Machine(), None).cpu
    assert cpu is not None
    assert (cpu.usage_ns, cpu.user_ns, cpu.kernel_ns) == (user * 1000, system * 1000, None)
