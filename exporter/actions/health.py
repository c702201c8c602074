"""What is wrong with a container, judged by its state and its health check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.model import Health

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.model import Container


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        subject: `state`, or `health check`.
        ok: Whether all is well with it; what is not known yet counts as well.
        reason: What was found, in words.
    """

    subject: str
    ok: bool
    reason: str


def checks(container: Container) -> tuple[Check, ...]:
    """Return what was looked at: the state, and the health check of one that runs and has one.

    Examples:
        >>> from exporter.model import Container, ContainerState
        >>> web = Container(
        ...     id="0" * 64, name="web", image="i", image_id="i", state=ContainerState.EXITED,
        ...     status="exited", exit_code=137, oom_killed=True,
        ... )
        >>> checks(web)
        (Check(subject='state', ok=False, reason='exited (exit code 137, out of memory)'),)
    """
    return tuple(_checks(container))


def problem(container: Container) -> str | None:
    """Return the first thing that is wrong with a container, in words; None if all is well."""
    return next((check.reason for check in checks(container) if not check.ok), None)


def not_running(container: Container) -> str | None:
    """Return a sentence that says that a container does not run, and why; None if it does."""
    if container.is_running:
        return None
    return f"Container '{container.name}' does not run: it is {problem(container)}."


def _checks(container: Container) -> Iterator[Check]:
    details = []
    if (code := container.last_exit_code) is not None:
        details.append(f"exit code {code}")
    if container.oom_killed and not container.is_running:
        details.append("out of memory")
    if container.error:
        details.append(container.error)
    reason = f"{container.status} ({', '.join(details)})" if details else container.status
    yield Check(subject="state", ok=container.is_running, reason=reason)
    if container.is_running and container.health_check is not None:
        yield _health_check(container)


def _health_check(container: Container) -> Check:
    health = container.health
    if health is None:
        return Check(subject="health check", ok=True, reason="not known yet")
    reason = health.status.value
    if health.failing_streak:
        reason += f" ({health.failing_streak} failed in a row)"
    return Check(subject="health check", ok=health.status is not Health.UNHEALTHY, reason=reason)
