"""The columns of `ps`, `top` and `stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter import figures
from exporter.commands.tables import Column

if TYPE_CHECKING:
    from exporter.rows import Row

_COLOURS = {
    "running": "green",
    "healthy": "green",
    "paused": "yellow",
    "restarting": "yellow",
    "starting": "yellow",
    "exited": "dim",
    "created": "dim",
    "unhealthy": "bold red",
    "dead": "bold red",
}


def _colour(word: str) -> str:
    return _COLOURS.get(word, "")


def _exit_colour(code: str) -> str:
    return "" if code in (figures.UNKNOWN, "0") else "red"


def _pair(one: int | None, other: int | None) -> str:
    return f"{figures.size(one)} / {figures.size(other)}"


_NAME: Column[Row] = Column("NAME", lambda row: row.name)
_CPU: Column[Row] = Column("CPU", lambda row: figures.percent(row.cpu_percent), right=True)
_MEMORY: Column[Row] = Column("MEMORY", lambda row: figures.size(row.memory_usage), right=True)
_SHARE: Column[Row] = Column("MEM%", lambda row: figures.percent(row.memory_percent), right=True)
_PIDS: Column[Row] = Column("PIDS", lambda row: figures.count(row.pids), right=True)
_UPTIME: Column[Row] = Column("UPTIME", lambda row: figures.span(row.uptime_seconds), right=True)
_IMAGE: Column[Row] = Column("IMAGE", lambda row: row.image)
_ID: Column[Row] = Column("ID", lambda row: row.id[:12])

LISTED: tuple[Column[Row], ...] = (
    _NAME,
    Column("STATE", lambda row: row.state, _colour),
    Column("HEALTH", lambda row: row.health or figures.UNKNOWN, _colour),
    _CPU,
    _MEMORY,
    _UPTIME,
    Column("EXIT", lambda row: figures.count(row.exit_code), _exit_colour, right=True),
    Column("RESTARTS", lambda row: str(row.restarts), right=True),
    _SHARE,
    _PIDS,
    _IMAGE,
    _ID,
)

MEASURED: tuple[Column[Row], ...] = (
    _NAME,
    _CPU,
    _MEMORY,
    Column("LIMIT", lambda row: figures.size(row.memory_limit), right=True),
    _SHARE,
    _PIDS,
    Column(
        "NETWORK IN / OUT",
        lambda row: _pair(row.network_receive_bytes, row.network_transmit_bytes),
        right=True,
    ),
    Column(
        "DISK READ / WRITE",
        lambda row: _pair(row.block_read_bytes, row.block_write_bytes),
        right=True,
    ),
    _UPTIME,
    _IMAGE,
    _ID,
)
