"""What a container moves through the network and to and from block devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.metrics.catalogue.metric import COUNTERS, KERNEL, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.metrics.catalogue.metric import Values
    from exporter.model import BlockIoStats, ContainerReading, NetworkStats, Snapshot


def _of_network(
    name: str, text: str, read: Callable[[NetworkStats], int | None], present: str = COUNTERS
) -> Metric[ContainerReading]:
    def values(reading: ContainerReading, _: Snapshot) -> Iterator[tuple[tuple[str, ...], float]]:
        if reading.stats is None or not reading.container.has_own_network:
            return
        for network in reading.stats.networks or ():
            value = read(network)
            if value is not None:
                yield (network.interface,), value

    own = f"{present}; not on the host's network nor on another container's"
    return Metric(name, "counter", text, ("interface",), own, values)


def _of_block_io(
    name: str, text: str, field: str, operation: str, present: str = COUNTERS
) -> Metric[ContainerReading]:
    def values(reading: ContainerReading, _: Snapshot) -> Values:
        entries: tuple[BlockIoStats, ...] | None = (
            getattr(reading.stats, field) if reading.stats else None
        )
        return {
            (entry.device,): float(entry.value)
            for entry in entries or ()
            if entry.operation == operation
        }.items()

    later = f"{present}; after the first I/O on the device"
    return Metric(name, "counter", text, ("device",), later, values)


NETWORK: tuple[Metric[ContainerReading], ...] = (
    _of_network(
        "container_network_receive_bytes_total",
        "Bytes received (networks.rx_bytes).",
        lambda network: network.receive_bytes,
    ),
    _of_network(
        "container_network_receive_packets_total",
        "Packets received (networks.rx_packets).",
        lambda network: network.receive_packets,
    ),
    _of_network(
        "container_network_receive_packets_dropped_total",
        "Received packets dropped (networks.rx_dropped).",
        lambda network: network.receive_dropped,
    ),
    _of_network(
        "container_network_transmit_bytes_total",
        "Bytes sent (networks.tx_bytes).",
        lambda network: network.transmit_bytes,
    ),
    _of_network(
        "container_network_transmit_packets_total",
        "Packets sent (networks.tx_packets).",
        lambda network: network.transmit_packets,
    ),
    _of_network(
        "container_network_transmit_packets_dropped_total",
        "Packets to send dropped (networks.tx_dropped).",
        lambda network: network.transmit_dropped,
    ),
    _of_network(
        "container_network_receive_errors_total",
        "Errors in receiving (/proc/PID/net/dev; the engine always says 0).",
        lambda network: network.receive_errors,
        KERNEL,
    ),
    _of_network(
        "container_network_transmit_errors_total",
        "Errors in sending (/proc/PID/net/dev; the engine always says 0).",
        lambda network: network.transmit_errors,
        KERNEL,
    ),
)


def _block_io_operations(reading: ContainerReading, _: Snapshot) -> Values:
    entries = reading.stats.io_bytes if reading.stats else None
    return {
        (entry.device, str(entry.major), str(entry.minor), entry.operation): float(entry.value)
        for entry in entries or ()
    }.items()


BLOCK_IO: tuple[Metric[ContainerReading], ...] = (
    _of_block_io(
        "container_fs_reads_bytes_total",
        "Bytes read from a block device (blkio_stats.io_service_bytes_recursive Read).",
        "io_bytes",
        "Read",
    ),
    _of_block_io(
        "container_fs_writes_bytes_total",
        "Bytes written to a block device (blkio_stats.io_service_bytes_recursive Write).",
        "io_bytes",
        "Write",
    ),
    _of_block_io(
        "container_fs_reads_total",
        "Reads from a block device (blkio_stats.io_serviced_recursive Read; io.stat rios).",
        "io_operations",
        "Read",
        f"{COUNTERS}; on cgroup v2 from the kernel's files only",
    ),
    _of_block_io(
        "container_fs_writes_total",
        "Writes to a block device (blkio_stats.io_serviced_recursive Write; io.stat wios).",
        "io_operations",
        "Write",
        f"{COUNTERS}; on cgroup v2 from the kernel's files only",
    ),
    Metric(
        "container_blkio_device_usage_total",
        "counter",
        "Bytes by operation; Total sits among its parts (blkio_stats.io_service_bytes_recursive).",
        ("device", "major", "minor", "operation"),
        f"{COUNTERS}; after the first I/O on the device",
        _block_io_operations,
    ),
)
