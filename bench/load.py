"""What goes on around an exporter for as long as it is watched: containers, scrapes, restarts."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING

from bench.exporters import RunningExporter
from tests.support.containers import SLEEP
from tests.support.engine import IMAGE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Event

    from tests.support.engine import PrivateEngine

_SCRAPE_SECONDS = 1.0
_SLOW_SECONDS = 1.0
# Long enough for a scrape to meet it now and then.
_STAY_SECONDS = 0.5
# For an exporter to see that its engine is gone, or is there again.
_NOTICE_SECONDS = 60.0
_TIMEOUT_SECONDS = 30.0
# Without a network, which takes an engine longest to make.
_VISITOR = {"Image": IMAGE, "Cmd": SLEEP, "HostConfig": {"NetworkMode": "none"}}
# What an engine gives that is away, or began anew meanwhile.
_AWAY = (OSError, HTTPException, RuntimeError)
# What fits into the smallest buffer that the system gives to a socket.
_SMALL_BUFFER = 1024


@dataclass(frozen=True, slots=True)
class Scraped:
    """One scrape.

    Attributes:
        at: When it was over, on the monotonic clock.
        series: How many there were.
        up: Whether the engine could be listed.
    """

    at: float
    series: int
    up: bool


@dataclass(slots=True)
class Scrapes:
    """What became of the scrapes of one exporter.

    Attributes:
        good: Those that were answered with metrics.
        errors: When the others failed, and why.
    """

    good: list[Scraped] = field(default_factory=list)
    errors: list[tuple[float, str]] = field(default_factory=list)

    def saw(self, *, up: bool, since: float) -> bool:
        """Return whether a scrape since a moment has found the engine up, or away."""
        return any(one.at >= since and one.up is up for one in self.good[-20:])


def scrape(exporter: RunningExporter, scrapes: Scrapes, stop: Event) -> None:
    """Scrape once a second, over a connection that is kept."""
    # A connection of its own: it serves one at a time.
    client = RunningExporter(exporter.name, exporter.cpu, exporter.port)
    while not stop.wait(_SCRAPE_SECONDS):
        try:
            answer = client.scrape()
        except (OSError, HTTPException) as error:
            scrapes.errors.append((time.monotonic(), repr(error)))
            client.close()
            continue
        now = time.monotonic()
        up = b"\ndocker_up 1.0\n" in answer.body
        if answer.body.endswith(b"# EOF\n") and (up or b"\ndocker_up 0.0\n" in answer.body):
            scrapes.good.append(Scraped(now, answer.series, up))
        else:
            scrapes.errors.append((now, "no metrics"))
    client.close()


def read_slowly(exporter: RunningExporter, stop: Event) -> None:
    """Ask for metrics, and take a byte of them a second; ask anew when the exporter has enough."""
    while not stop.is_set():
        with suppress(OSError), socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
            client.settimeout(_TIMEOUT_SECONDS)
            client.connect(("127.0.0.1", exporter.port))
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while client.recv(1) and not stop.wait(_SLOW_SECONDS):
                pass


@dataclass(slots=True)
class Containers:
    """Containers that come and go.

    Attributes:
        engine: Where.
        per_second: How many, at most: an engine that is busy makes fewer.
        names: How many names they take turns with; 0 for a new name each.
        come: How many have come by now.
    """

    engine: PrivateEngine
    per_second: float
    names: int = 0
    come: int = 0

    def come_and_go(self, first: int, step: int, stop: Event) -> None:
        """Make one container after the other, together with others who do so, one after the other.

        Args:
            first: The number of the first one.
            step: From one number to the next: how many do so at the same time.
            stop: Ends it.
        """
        number = first
        due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + step / self.per_second, time.monotonic())
            name = f"visitor-{number % self.names if self.names else number}"
            # Each fails while the engine is away; what is left over is removed with the engine.
            with suppress(*_AWAY):
                self.engine.ask("POST", f"/containers/create?name={name}", _VISITOR)
                self.engine.ask("POST", f"/containers/{name}/start")
                self.come += 1
            stop.wait(_STAY_SECONDS)
            with suppress(*_AWAY):
                self.engine.ask("DELETE", f"/containers/{name}?force=1")
            number += step


def restart(engine: PrivateEngine, scrapes: Sequence[Scrapes], every: float, stop: Event) -> None:
    """Kill the engine again and again; start it when every exporter has seen that it is gone."""
    while not stop.wait(every):
        engine.kill()
        try:
            _await_notice(scrapes, stop, up=False)
        finally:
            engine.restart()
        _await_notice(scrapes, stop, up=True)


def _await_notice(scrapes: Sequence[Scrapes], stop: Event, *, up: bool) -> None:
    """Wait until every exporter has been scraped with the engine up or away, or all is over."""
    since = time.monotonic()
    wait_until(
        lambda: stop.is_set() or all(one.saw(up=up, since=since) for one in scrapes),
        _NOTICE_SECONDS,
        f"scrapes show that the engine is {'up' if up else 'away'}",
    )
