"""Which buttons a container gets, and why one of them does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.actions.guard import Action, Rule
from exporter.figures import span
from exporter.model import ContainerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.actions.guard import Denial
    from exporter.model import Container

_OF_STATE = {
    ContainerState.CREATED: (Action.START,),
    ContainerState.EXITED: (Action.START,),
    ContainerState.RUNNING: (Action.RESTART, Action.STOP),
    ContainerState.PAUSED: (Action.RESTART, Action.STOP),
    ContainerState.RESTARTING: (Action.RESTART, Action.STOP),
}
_WORDS = {
    Rule.OWN_CONTAINER: "the exporter's own",
    Rule.BUSY: "busy",
    Rule.BUDGET: "budget used up",
    Rule.COOL_DOWN: "cool-down",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One thing that can be done to a container.

    Attributes:
        denial: Why it cannot be done now; None when it can.
    """

    action: Action
    denial: Denial | None

    @property
    def why_not(self) -> str:
        """Why it cannot be done now, in a few words; empty when it can.

        Examples:
            >>> from exporter.actions.guard import Denial
            >>> denial = Denial(rule=Rule.COOL_DOWN, reason="A sentence.", retry_after=43.2)
            >>> Button(action=Action.STOP, denial=denial).why_not
            'cool-down, 44s left'
        """
        denial = self.denial
        if denial is None:
            return ""
        words = _WORDS.get(denial.rule, denial.rule.value)
        left = denial.retry_after
        return words if left is None else f"{words}, {span(left + 1)} left"


def buttons_of(
    container: Container, denial: Callable[[Action, Container], Denial | None]
) -> tuple[Button, ...]:
    """Return the buttons of a container: of what makes sense in its state, and it opted in to.

    Args:
        container: The container.
        denial: What the guard would say to an action.
    """
    fitting = _OF_STATE.get(container.state, ()) if container.state else ()
    buttons = (Button(action=action, denial=denial(action, container)) for action in fitting)
    return tuple(
        button
        for button in buttons
        if button.denial is None or button.denial.rule is not Rule.NOT_OPTED_IN
    )
