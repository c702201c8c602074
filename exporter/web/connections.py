"""The connections that are open, and which of them makes room for a new one."""

from __future__ import annotations

import asyncio
import enum
from typing import Protocol


class Standing(enum.Enum):
    """What a connection is worth when another one needs its place."""

    IDLE = "has no request that could be answered"
    HELD = "its client keeps us waiting for the rest of a request, or does not take its answer"
    BUSY = "we are at work for it"


class Connection(Protocol):
    """What the table needs of a connection."""

    def abort(self) -> None:
        """Close it at once."""


class Connections:
    """The open connections, of which there is a largest number. For the event loop only.

    Whoever comes when there are as many takes the place of the one that has been idle for the
    longest; where none is, of the one whose client has held it up for the longest; and where all
    are busy, he waits. So clients that keep connections open and send nothing cannot keep others
    out, however many they are.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Each in the order in which they came to stand so; the table is small, the order is all.
        self._standing: dict[Standing, dict[Connection, None]] = {one: {} for one in Standing}
        self._of: dict[Connection, Standing] = {}
        self._changed = asyncio.Event()

    def place(self, connection: Connection, standing: Standing) -> None:
        """Note how a connection stands; one that stood so already keeps its turn."""
        if self._of.get(connection) is standing:
            return
        self.remove(connection)
        self._of[connection] = standing
        self._standing[standing][connection] = None

    def remove(self, connection: Connection) -> None:
        """Forget a connection, if it is known: it is closed."""
        standing = self._of.pop(connection, None)
        if standing is not None:
            del self._standing[standing][connection]
            self._changed.set()

    def give_up_one(self) -> bool:
        """Close the connection that is worth least; return whether there was one to close."""
        for standing in (Standing.IDLE, Standing.HELD):
            for connection in self._standing[standing]:
                self.remove(connection)
                connection.abort()
                return True
        return False

    async def make_room(self) -> None:
        """Wait until there is room for one more, which may take the end of another one."""
        while len(self._of) >= self._limit:
            self._changed.clear()
            if not self.give_up_one():
                await self._changed.wait()
