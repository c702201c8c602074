"""Tables for people: as wide as the terminal, in colour there, and plain when piped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from exporter.figures import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.table import Table

R = TypeVar("R")

# Blanks between two columns.
_GAP = 2

# Of a pipe, which has no edge.
_ENDLESS = 10_000


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """One column.

    Attributes:
        title: Its head.
        text: What stands in it for one row.
        style: Returns the colour of a text; the empty one is plain.
        right: Whether it is a number, set to the right.
        wraps: Whether it is prose, that may go on in the next line.
    """

    title: str
    text: Callable[[R], str]
    style: Callable[[str], str] = lambda _: ""
    right: bool = False
    wraps: bool = False


def console() -> Console:
    """Return what writes to standard output."""
    from rich.console import Console  # noqa: PLC0415 -- loaded by those who print tables only

    plain = Console(highlight=False, markup=False, emoji=False)
    return plain if plain.is_terminal else Console(color_system=None, width=_ENDLESS)


def table(columns: Sequence[Column[R]], rows: Sequence[R]) -> Table:
    """Return a table; a text for which there is no room goes on in the next line."""
    from rich.table import Table  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415 -- as above

    result = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in columns:
        result.add_column(
            column.title, justify="right" if column.right else "left", overflow="fold"
        )
    for row in rows:
        texts = [printable(column.text(row)) for column in columns]
        styles = [column.style(text) for column, text in zip(columns, texts, strict=True)]
        result.add_row(*map(Text, texts, styles))
    return result


def fitting(columns: Sequence[Column[R]], rows: Sequence[R], width: int) -> Sequence[Column[R]]:
    """Return the columns from the left that have room side by side; the first one always.

    Examples:
        >>> columns = [Column("NAME", str), Column("LENGTH", lambda row: str(len(row)))]
        >>> [len(fitting(columns, ["container"], width)) for width in (16, 17)]
        [1, 2]
    """
    taken = -_GAP
    for number, column in enumerate(columns):
        texts = [] if column.wraps else [column.text(row) for row in rows]
        taken += _GAP + max(map(len, [column.title, *texts]))
        if taken > width:
            return columns[: max(1, number)]
    return columns


def print_table(columns: Sequence[Column[R]], rows: Sequence[R]) -> None:
    """Print what of a table has room, without blanks at the ends of its lines."""
    target = console()
    with target.capture() as capture:
        target.print(table(fitting(columns, rows, target.width), rows))
    for line in capture.get().splitlines():
        click.echo(line.rstrip())
