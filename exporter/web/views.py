"""Containers as the admin API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter import stats
from exporter.actions.guard import Action
from exporter.web.messages import ContainerView, Permission, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.actions.guard import Denial
    from exporter.model import Container, ContainerStats


def container_view(
    container: Container, denial: Callable[[Action, Container], Denial | None]
) -> ContainerView:
    """Return what a container is, and what may be done to it.

    Args:
        container: The container.
        denial: What the guard would say to an action.
    """
    health = container.health
    return ContainerView(
        id=container.id,
        name=container.name,
        image=container.image,
        state=container.status,
        health=None if health is None else health.status,
        failing_streak=None if health is None else health.failing_streak,
        restarts=container.restart_count,
        exit_code=container.last_exit_code,
        started_at=container.started_at_text,
        network_mode=container.network_mode,
        actions={action: _permission(denial(action, container)) for action in Action},
    )


def _permission(denial: Denial | None) -> Permission:
    if denial is None:
        return Permission(allowed=True, reason=None, detail="", retry_after_seconds=None)
    return Permission(
        allowed=False,
        reason=denial.rule,
        detail=denial.reason,
        retry_after_seconds=denial.retry_after,
    )


def usage_view(reading: ContainerStats) -> Usage:
    """Return what a reading tells of what a container uses."""
    memory = reading.memory
    cpu_ratio = reading.cpu_ratio
    if cpu_ratio is None and reading.cpu is not None and reading.previous_cpu is not None:
        cpu_ratio = stats.cpu_ratio(reading.previous_cpu, reading.cpu)
    memory_ratio = reading.memory_ratio
    if memory_ratio is None:
        memory_ratio = stats.share(memory.working_set, memory.limit)
    return Usage(
        cpu_ratio=cpu_ratio,
        memory_working_set_bytes=memory.working_set,
        memory_limit_bytes=memory.limit,
        memory_usage_ratio=memory_ratio,
        threads=reading.pids,
    )
