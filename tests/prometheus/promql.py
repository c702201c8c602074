"""What a PromQL expression asks for."""

from __future__ import annotations

from dataclasses import dataclass

import promql_parser
from promql_parser import Expr, MatrixSelector, VectorSelector

RATES = frozenset({"rate", "irate"})
COUNTER_FUNCTIONS = RATES | {"increase"}

_OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function over a range of samples.

    Attributes:
        name: Of the function.
        metric: What is looked at.
        window: How far back, such as `5m`.
    """

    name: str
    metric: str | None
    window: str


def parsed(expression: str) -> Expr:
    """Return the tree of an expression.

    Raises:
        ValueError: It is no PromQL.
    """
    return promql_parser.parse(expression)


def selectors(tree: Expr) -> list[VectorSelector]:
    """Return every selector of series."""
    return [node for node in _nodes(tree) if isinstance(node, VectorSelector)]


def calls(tree: Expr) -> list[Call]:
    """Return every call of a function over a range."""
    return [
        Call(
            node.func.name,
            argument.vector_selector.name,
            promql_parser.display_duration(argument.range),
        )
        for node in _nodes(tree)
        if isinstance(node, promql_parser.Call)
        for argument in node.args
        if isinstance(argument, MatrixSelector)
    ]


def matchers(selector: VectorSelector) -> set[str]:
    """Return the matchers of a selector as one writes them."""
    return {
        f'{one.name}{_OPERATORS[str(one.op).removeprefix("MatchOp.")]}"{one.value}"'
        for one in selector.matchers.matchers
    }


def metrics(expression: str) -> set[str]:
    """Return the names of the metrics that an expression asks for."""
    return {selector.name or "" for selector in selectors(parsed(expression))}


def _nodes(tree: Expr) -> list[Expr]:
    found: list[Expr] = []
    promql_parser.walk(tree, found.append)
    return found
