"""The counters of network interfaces: `/proc/<pid>/net/dev`."""

from __future__ import annotations

import re

from exporter.model import NetworkStats

# Received bytes, packets, errs, drop and four more; then the same of what was sent.
_INTERFACE = re.compile(
    rb"^ *(\S+): *(\d{1,20}) +(\d{1,20}) +(\d{1,20}) +(\d{1,20})(?: +\d{1,20}){4}"
    rb" +(\d{1,20}) +(\d{1,20}) +(\d{1,20}) +(\d{1,20})(?: +\d{1,20}){4} *$",
    re.MULTILINE,
)

# What cAdvisor leaves out as well: they carry the traffic of containers within the container.
_INNER = ("veth", "docker", "nerdctl")


def networks(text: bytes) -> tuple[NetworkStats, ...]:
    """Return the interfaces of a network namespace, without the loopback and those of containers.

    A line that is not one name and sixteen numbers is passed over, as the two of the heading are.
    """
    found = []
    for line in _INTERFACE.findall(text):
        interface = line[0].decode(errors="backslashreplace")
        if interface != "lo" and not interface.startswith(_INNER):
            counters = [int(digits) for digits in line[1:]]
            found.append(
                NetworkStats(
                    interface=interface,
                    receive_bytes=counters[0],
                    receive_packets=counters[1],
                    receive_errors=counters[2],
                    receive_dropped=counters[3],
                    transmit_bytes=counters[4],
                    transmit_packets=counters[5],
                    transmit_errors=counters[6],
                    transmit_dropped=counters[7],
                )
            )
    return tuple(sorted(found, key=lambda network: network.interface))
