"""Arithmetic on readings: the formulas of `docker stats` and of cAdvisor.

Pure functions on plain values, for cgroup v1 and v2 alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.model import CpuCounters, Limits

# The kernel's default period of the CPU bandwidth controller (sched-bwc.rst), in microseconds.
DEFAULT_CPU_PERIOD_US = 100_000

# What the kernel gives a cgroup that asked for nothing (cgroup v1 `cpu.shares`).
DEFAULT_CPU_SHARES = 1024


def cpu_ratio(previous: CpuCounters, current: CpuCounters) -> float | None:
    """Return how many processors the container kept busy between two readings.

    This is the "CPU %" of `docker stats` divided by 100 (docker/cli `calculateCPUPercentUnix`):
    1.0 is one processor fully used, and a container on four can reach 4.0. Where an engine does
    not give the machine's processor time (Podman), the wall clock between the readings serves.

    Args:
        previous: The earlier reading.
        current: The later reading, of the same container.

    Returns:
        The ratio, or None when it cannot be known: no time has passed, or a counter went
        backwards because the container was restarted.

    Examples:
        >>> from exporter.model import CpuCounters
        >>> earlier = CpuCounters(usage_ns=1_500_000_000, host_ns=16_000_000_000, online_cpus=4)
        >>> later = CpuCounters(usage_ns=2_000_000_000, host_ns=20_000_000_000, online_cpus=4)
        >>> cpu_ratio(earlier, later)
        0.5
        >>> cpu_ratio(later, earlier) is None
        True
    """
    used = current.usage_ns - previous.usage_ns
    if used < 0:
        return None
    if current.host_ns and previous.host_ns and current.online_cpus:
        passed = (current.host_ns - previous.host_ns) / current.online_cpus
    elif current.read_at_ns is not None and previous.read_at_ns is not None:
        passed = float(current.read_at_ns - previous.read_at_ns)
    else:
        return None
    return used / passed if passed > 0 else None


def working_set(usage: int, inactive_file: int | None) -> int:
    """Return the memory that cannot be taken back at once, as cAdvisor counts it.

    Usage less inactive page cache, floored at 0 (cAdvisor `setMemoryStats`).

    Examples:
        >>> working_set(1000, 300), working_set(1000, 1200), working_set(1000, None)
        (700, 0, 1000)
    """
    return max(0, usage - (inactive_file or 0))


def shown_usage(usage: int, inactive_file: int | None) -> int:
    """Return the memory that `docker stats` shows (docker/cli `calculateMemUsageUnixNoCache`).

    It is the working set, but where the cache exceeds the usage docker shows the usage.

    Examples:
        >>> shown_usage(1000, 300), shown_usage(1000, 1200), shown_usage(1000, None)
        (700, 1000, 1000)
    """
    if inactive_file is None or inactive_file >= usage:
        return usage
    return usage - inactive_file


def share(part: float | None, whole: float | None) -> float | None:
    """Return `part / whole`, or None where either is unknown or the whole is nothing.

    Examples:
        >>> share(512, 1024), share(None, 1024), share(1, 0)
        (0.5, None, None)
    """
    if part is None or not whole:
        return None
    return part / whole


def cpu_quota_us(limits: Limits) -> int | None:
    """Return the processor time allowed in each period, in microseconds; None without a limit.

    `--cpus` sets NanoCpus, which runc turns into a quota of the default period.

    Examples:
        >>> from exporter.model import Limits
        >>> cpu_quota_us(Limits(nano_cpus=1_500_000_000)), cpu_quota_us(Limits(cpu_quota_us=-1))
        (150000, None)
    """
    if limits.nano_cpus > 0:
        return limits.nano_cpus * cpu_period_us(limits) // 1_000_000_000
    return limits.cpu_quota_us if limits.cpu_quota_us > 0 else None


def cpu_period_us(limits: Limits) -> int:
    """Return the period that a quota applies to, in microseconds."""
    return limits.cpu_period_us or DEFAULT_CPU_PERIOD_US


def cpu_limit_ratio(limits: Limits) -> float | None:
    """Return how many processors the container may keep busy; None without a limit.

    Examples:
        >>> from exporter.model import Limits
        >>> cpu_limit_ratio(Limits(nano_cpus=500_000_000))
        0.5
        >>> cpu_limit_ratio(Limits(cpu_quota_us=50_000, cpu_period_us=25_000))
        2.0
    """
    if limits.nano_cpus > 0:
        return limits.nano_cpus / 1_000_000_000
    return share(cpu_quota_us(limits), cpu_period_us(limits))
