"""What counts as wrong with a container."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.actions.health import Check, checks, problem
from exporter.model import Container, ContainerState, Health, HealthCheck

_RUNNING = Container(
    id="0" * 64,
    name="web",
    image="image",
    image_id="sha256:0",
    state=ContainerState.RUNNING,
    status="running",
    exit_code=0,
)


def _in_state(state: ContainerState, exit_code: int = 0, error: str = "") -> Container:
    return replace(_RUNNING, state=state, status=state.value, exit_code=exit_code, error=error)


def _with_health(status: Health, streak: int = 0) -> Container:
    return replace(_RUNNING, health_check=HealthCheck(status=status, failing_streak=streak))


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (_RUNNING, None),
        (_in_state(ContainerState.PAUSED), "paused"),
        (_in_state(ContainerState.CREATED), "created"),
        (
            _in_state(ContainerState.CREATED, 127, "no such file"),
            "created (exit code 127, no such file)",
        ),
        (_in_state(ContainerState.RESTARTING, 1), "restarting (exit code 1)"),
        (_in_state(ContainerState.EXITED), "exited (exit code 0)"),
        (_in_state(ContainerState.DEAD, 137), "dead (exit code 137)"),
        (replace(_RUNNING, state=None, status="stopping"), "stopping"),
        (_with_health(Health.STARTING, 2), None),
        (_with_health(Health.HEALTHY), None),
        (_with_health(Health.UNHEALTHY, 3), "unhealthy (3 failed in a row)"),
        (_with_health(Health.UNHEALTHY, 0), None),
    ],
)
def test_problem_is_what_does_not_run_or_is_unhealthy(
    container: Container, expected: str | None
) -> None:
    """A container that runs is well unless its health check, which must have run, denies it."""
    assert problem(container) == expected


def test_stopped_container_has_no_health() -> None:
    """What the engine says of a check whose monitor is off is not believed."""
    stopped = replace(_with_health(Health.UNHEALTHY), state=ContainerState.EXITED, status="exited")
    assert [check.subject for check in checks(stopped)] == ["state"]


def test_health_check_that_has_not_run_since_a_pause_is_not_known_yet() -> None:
    """It fails nothing, and says so."""
    assert checks(_with_health(Health.UNHEALTHY, 0))[1] == Check(
        subject="health check", ok=True, reason="not known yet"
    )


@pytest.mark.parametrize("state", [ContainerState.RUNNING, ContainerState.PAUSED])
def test_exit_code_of_what_has_not_ended_is_not_known(state: ContainerState) -> None:
    """The engine's 0 for a container that goes on is none."""
    assert _in_state(state).last_exit_code is None
