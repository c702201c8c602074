"""Connections of our own to an engine, over which many requests go at the same time.

One thread serves them all, the caller's. A connection that has given its answer takes the next
request, and stays open for the next scrape.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.engine.base import not_connected, too_late, unreachable
from exporter.engine.http1 import ResponseReader
from exporter.engine.transport import Answer, Outcome, light
from exporter.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.deadline import Deadline
    from exporter.engine.transport import Request

# A scrape of an engine that answers at once needs few; a wider one leaves no more than this.
MOST_IDLE = 32

_PIECE = 64 * 1024

# For how long the other side may leave unconfirmed what was sent, or a connection unopened, in
# milliseconds. A host that is gone, or whose address has moved, says nothing, and the kernel would
# try for a quarter of an hour: no scrape would be answered meanwhile.
_UNCONFIRMED_MILLISECONDS = 2000

# A Unix socket whose backlog is full says so at once, and not when it no longer is.
_BACKLOG_PAUSE = 0.01


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine listens.

    Attributes:
        family: `socket.AF_UNIX`, `AF_INET` or `AF_INET6`.
        address: The path of a Unix socket, or what else the family has as an address.
        where: The same for messages.
        host: The same for the engine: host and port, as in a URL.
        prefix: What stands before every path.
    """

    family: socket.AddressFamily
    address: str | tuple[str | int, ...]
    where: str
    host: str = "localhost"
    prefix: str = ""

    def message(self, request: Request) -> bytes:
        """Return what is sent for a request."""
        return (
            f"GET {self.prefix}{request.target} HTTP/1.1\r\nHost: {self.host}\r\n"
            "User-Agent: docker-exporter\r\n\r\n"
        ).encode()

    def dial(self) -> socket.socket:
        """Return a socket on its way to be connected.

        Raises:
            BlockingIOError: Too many others are on their way, and it must be tried again.
            OSError: Nobody is there.
        """
        link = socket.socket(self.family)
        try:
            link.settimeout(0)
            if self.family is not socket.AF_UNIX:
                link.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNCONFIRMED_MILLISECONDS
                )
            link.connect(self.address)
        except BlockingIOError:
            if self.family is socket.AF_UNIX:
                link.close()
                raise
        except BaseException:
            link.close()
            raise
        return link


class Connections:
    """A `Transport` over connections that are kept."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Prepare; nothing is opened before the first request."""
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._closed = False

    def fetch(
        self, requests: Sequence[Request], *, width: int, deadline: Deadline
    ) -> Iterator[Outcome]:
        """Yield the outcome of each request as they come, see `Transport.fetch`."""
        batch = _Batch(self, requests, width, deadline)
        try:
            yield from batch.run()
        finally:
            batch.close()

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they are given back."""
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close the idle connections: one of them that has broken makes all of them doubtful."""
        with self._lock:
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()

    def take(self) -> socket.socket | None:
        """Return an idle connection, or None where there is none that still stands."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                link = self._idle.pop()
            if _is_quiet(link):
                return link
            link.close()

    def give_back(self, link: socket.socket) -> None:
        """Keep a connection that can take another request."""
        with self._lock:
            if not self._closed and len(self._idle) < MOST_IDLE:
                self._idle.append(link)
                return
        link.close()


def _is_quiet(link: socket.socket) -> bool:
    """Return whether an idle connection stands, and has nothing to say that nobody asked for."""
    try:
        link.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


class _Exchange:
    """One request on its way, and what has come of its answer."""

    __slots__ = ("began", "kept", "link", "reader", "request", "retried", "unsent")

    link: socket.socket

    def __init__(self, request: Request) -> None:
        self.request = request
        self.reader = ResponseReader(request.limit)
        self.began: float | None = None
        self.unsent = b""
        self.kept = False
        self.retried = False

    def outcome(self, result: Answer | EngineError) -> Outcome:
        """Return what became of it."""
        seconds = None if self.began is None else time.perf_counter() - self.began
        return Outcome(self.request, result, seconds)


class _Batch:
    """Requests that are carried out together."""

    def __init__(
        self, pool: Connections, requests: Sequence[Request], width: int, deadline: Deadline
    ) -> None:
        self._pool = pool
        self._endpoint = pool.endpoint
        self._where = pool.endpoint.where
        self._width = width
        self._deadline = deadline
        self._waiting = deque(map(_Exchange, requests))
        self._busy: set[_Exchange] = set()
        self._done: list[Outcome] = []
        self._selector = selectors.DefaultSelector()
        self._piece = memoryview(bytearray(_PIECE))

    def run(self) -> Iterator[Outcome]:
        """Yield the outcomes as they come, until there are no more."""
        while True:
            if self._deadline.expired:
                self._cut()
            self._begin()
            done, self._done = self._done, []
            yield from done
            if not self._busy and not self._waiting:
                return
            for key, _ in self._selector.select(self._patience()):
                self._advance(key.data)

    def close(self) -> None:
        """Close the connections with an unfinished answer."""
        for exchange in self._busy:
            exchange.link.close()
        self._busy.clear()
        self._selector.close()

    def _patience(self) -> float:
        """Return for how many seconds there is nothing to do unless something comes."""
        left = self._deadline.pause()
        paused = self._waiting and len(self._busy) < self._width
        return min(left, _BACKLOG_PAUSE) if paused else left

    def _begin(self) -> None:
        """Begin what can be begun."""
        while self._waiting and len(self._busy) < self._width:
            exchange = self._waiting.popleft()
            exchange.began = exchange.began or time.perf_counter()
            try:
                # A request that met a connection which no longer stood gets a fresh one.
                kept = None if exchange.retried else self._pool.take()
                link = kept or self._endpoint.dial()
            except BlockingIOError:
                self._waiting.appendleft(exchange)
                return
            except OSError as error:
                if self._busy:
                    # Those that stand do the work of those that cannot be opened any more.
                    self._width = len(self._busy)
                    self._waiting.appendleft(exchange)
                    return
                self._done.append(exchange.outcome(not_connected(error, self._where)))
            else:
                self._selector.register(link, selectors.EVENT_READ, exchange)
                self._send(exchange, link, kept=kept is not None)

    def _send(self, exchange: _Exchange, link: socket.socket, *, kept: bool) -> None:
        """Send a request over a connection that the selector knows."""
        exchange.link, exchange.kept = link, kept
        exchange.unsent = self._endpoint.message(exchange.request)
        self._busy.add(exchange)
        self._advance(exchange)

    def _advance(self, exchange: _Exchange) -> None:
        """Do what can be done for a request without waiting."""
        try:
            if exchange.unsent:
                self._send_more(exchange)
            else:
                self._receive(exchange)
        except BlockingIOError:
            pass
        except OSError as error:
            self._broken(exchange, not_connected(error, self._where))
        except EngineError as error:
            self._drop(exchange)
            self._done.append(exchange.outcome(light(error)))

    def _send_more(self, exchange: _Exchange) -> None:
        try:
            sent = exchange.link.send(exchange.unsent)
            exchange.unsent = exchange.unsent[sent:]
        finally:
            interest = selectors.EVENT_WRITE if exchange.unsent else selectors.EVENT_READ
            self._selector.modify(exchange.link, interest, exchange)

    def _receive(self, exchange: _Exchange) -> None:
        reader = exchange.reader
        size = exchange.link.recv_into(self._piece)
        if size == 0 and not reader.begun:
            self._broken(exchange, unreachable(self._where, "it ends the connection"))
        elif size == 0:
            reader.end()
            self._finish(exchange)
        elif reader.feed(self._piece[:size]):
            self._finish(exchange)

    def _finish(self, exchange: _Exchange) -> None:
        """Take in a complete answer; its connection takes the next request."""
        link, reader = exchange.link, exchange.reader
        self._done.append(exchange.outcome(Answer(reader.status, reader.body)))
        self._busy.discard(exchange)
        if not reader.reusable:
            self._drop(exchange)
        elif self._waiting and not self._waiting[0].retried and not self._deadline.expired:
            following = self._waiting.popleft()
            following.began = following.began or time.perf_counter()
            self._send(following, link, kept=True)
        else:
            self._selector.unregister(link)
            self._pool.give_back(link)

    def _broken(self, exchange: _Exchange, error: EngineError) -> None:
        """Take in that a connection broke, which is no wonder where it was kept for long."""
        self._drop(exchange)
        if exchange.kept and not exchange.reader.begun:
            self._pool.close_idle()
            exchange.retried = True
            self._waiting.appendleft(exchange)
        else:
            self._done.append(exchange.outcome(error))

    def _drop(self, exchange: _Exchange) -> None:
        self._busy.discard(exchange)
        self._selector.unregister(exchange.link)
        exchange.link.close()

    def _cut(self) -> None:
        """Give up what has not come in time."""
        for exchange in (*self._busy, *self._waiting):
            self._done.append(exchange.outcome(too_late(self._where)))
        for exchange in tuple(self._busy):
            self._drop(exchange)
        self._waiting.clear()
