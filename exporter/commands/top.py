"""`docker-exporter top`: every container, again and again."""

from __future__ import annotations

import queue
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING

import click

from exporter.commands.columns import LISTED
from exporter.commands.engine import TIMEOUT_SECONDS, print_json, works_on_engine
from exporter.commands.interrupts import until_interrupted
from exporter.commands.keys import pressed_keys
from exporter.commands.snapshots import first_snapshot
from exporter.commands.tables import console, fitting, print_table, table
from exporter.deadline import Deadline
from exporter.figures import printable
from exporter.metrics.snapshot import Snapshots
from exporter.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, Group

    from exporter.docker_client import DockerClient
    from exporter.model import Snapshot
    from exporter.rows import Row

_GREATEST_FIRST: dict[str, Callable[[Row], float | None]] = {
    "cpu": lambda row: row.cpu_percent,
    "memory": lambda row: row.memory_usage,
    "restarts": lambda row: row.restarts,
    "uptime": lambda row: row.uptime_seconds,
}
ORDERS = ("name", *_GREATEST_FIRST)
_ORDER_OF_KEY = {order[0]: order for order in ORDERS}

# What stands around the rows: two lines, the titles of the columns, what is cut off.
_FRAME_LINES = 4


@click.command()
@click.option(
    "--sort",
    "order",
    type=click.Choice(ORDERS),
    default="cpu",
    show_default=True,
    help="By what to sort; all but the name have the greatest first.",
)
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Time between two readings.",
)
@click.option(
    "-n",
    "--iterations",
    metavar="N",
    type=click.IntRange(min=1),
    help="Print so many readings one after the other, in place of the live view.",
)
@works_on_engine
def top(
    client: DockerClient, *, as_json: bool, order: str, interval: float, iterations: int | None
) -> bool:
    """Show every container, live.

    The keys q and Ctrl-C end it; the first letter of an order sorts by it: n, c, m, r, u. In a
    pipe one table follows the other, and in JSON one line is one reading. Exits 1 when no engine
    can be reached at first.
    """
    snapshots = Snapshots(client, ttl=0)
    target = console()
    with until_interrupted():
        first = first_snapshot(snapshots)
        if target.is_terminal and iterations is None and not as_json:
            _show_live(target, _readings(snapshots, first, interval), order)
            return True
        for snapshot in islice(_readings(snapshots, first, interval), iterations):
            _print(snapshot, order, as_json=as_json)
    return True


def ordered(rows: list[Row], order: str) -> list[Row]:
    """Return rows, which come by name, in one of `ORDERS`; what is not known comes last."""
    value = _GREATEST_FIRST.get(order)
    if value is None:
        return rows

    def rank(row: Row) -> tuple[bool, float]:
        found = value(row)
        return found is None, -(found or 0.0)

    return sorted(rows, key=rank)


def _readings(snapshots: Snapshots, first: Snapshot, interval: float) -> Iterator[Snapshot]:
    """Yield one reading after the other; one that failed has its error."""
    pause = threading.Event()
    yield first
    while True:
        pause.wait(interval)
        yield snapshots.get(Deadline(TIMEOUT_SECONDS))


def _print(snapshot: Snapshot, order: str, *, as_json: bool) -> None:
    """Print one reading."""
    rows = ordered(rows_of(snapshot), order)
    if as_json:
        print_json({"at": snapshot.taken_at, "error": snapshot.error, "containers": rows})
    elif snapshot.error is not None:
        click.echo(snapshot.error, err=True)
    else:
        print_table(LISTED, rows)
        click.echo()


def _show_live(target: Console, readings: Iterator[Snapshot], order: str) -> None:
    """Show readings in place of one another, sorted as the last key says, until it is q."""
    from rich.live import Live  # noqa: PLC0415 -- loaded only to show tables

    events: queue.SimpleQueue[Snapshot | str] = queue.SimpleQueue()
    snapshot = next(readings)

    def read() -> None:
        for reading in readings:
            events.put(reading)

    threading.Thread(target=read, name="readings", daemon=True).start()
    with pressed_keys(events.put), Live(console=target, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_frame(target, snapshot, order), refresh=True)
            event = events.get()
            if not isinstance(event, str):
                snapshot = event
            elif event in "qQ":
                return
            else:
                order = _ORDER_OF_KEY.get(event, order)


def _frame(target: Console, snapshot: Snapshot, order: str) -> Group:
    """Return what fills the screen: the rows that have room, and lines that say what they are."""
    from rich.console import Group  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415 -- as above

    rows = ordered(rows_of(snapshot), order)
    room = max(1, target.height - _FRAME_LINES)
    cut = len(rows) - room
    shown = rows if cut <= 0 else rows[:room]
    lines = [
        _title(snapshot),
        f"by {order}; keys: n name, c cpu, m memory, r restarts, u uptime, q end",
    ]
    head = [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]
    foot = [Text(f"and {cut} more", style="dim")] if cut > 0 else []
    return Group(*head, table(fitting(LISTED, shown, target.width), shown), *foot)


def _title(snapshot: Snapshot) -> str:
    """Return the first line: when, and how many containers there are, or what is wrong."""
    moment = time.strftime("%H:%M:%S", time.localtime(snapshot.taken_at))
    if snapshot.error is not None:
        return printable(f"{moment}  {snapshot.error}")
    states = {state: number for state, number in (snapshot.states or {}).items() if number}
    by_state = ", ".join(f"{number} {state}" for state, number in states.items())
    return f"{moment}  {len(snapshot.containers)} containers: {by_state}"
