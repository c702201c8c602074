"""The exporters that are measured: how each is started, scraped and ended."""

from __future__ import annotations

import gzip
import os
import shlex
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING

from bench.cpu import CpuGroup, cpu_group
from tests.support.programs import check_alive, end_program, free_port, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path

_START_TIMEOUT_SECONDS = 60
# An exporter in series takes two seconds a container.
_SCRAPE_TIMEOUT_SECONDS = 600

# As Prometheus asks; nothing is to be cut for want of time.
_HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "60",
}


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter by its command line.

    Attributes:
        name: In the table.
        command: With `{host}` for the engine's address, `{port}` for where to serve on 127.0.0.1
            (metrics at `/metrics`), and `{python}` for this Python.
        seconds_per_container: What a scrape takes by its nature; 0 where containers do not add up.
    """

    name: str
    command: str
    seconds_per_container: float = 0

    @classmethod
    def parse(cls, text: str) -> Exporter:
        """Return the exporter that `NAME=COMMAND` describes.

        Raises:
            ValueError: The text is not of that form.

        Examples:
            >>> Exporter.parse("mine=serve --port {port}").command
            'serve --port {port}'
        """
        name, separator, command = text.partition("=")
        if not (name and separator and command):
            raise ValueError(f"'{text}' is not NAME=COMMAND.")
        return cls(name, command)


# No scrape is answered with what another one has read.
OURS = (
    "{python} -m exporter --docker.host={host} --web.listen-address=127.0.0.1:{port}"
    " --collector.cache-ttl=0"
)

BUILT_IN = (
    Exporter("ours, cgroup", f"{OURS} --collector.stats-source=cgroup"),
    Exporter("ours, api", f"{OURS} --collector.stats-source=api"),
    Exporter("32 threads", "{python} -m bench.naive {host} {port} 32"),
    Exporter("docker stats", "{python} -m bench.docker_stats {host} {port}"),
    Exporter("in series", "{python} -m bench.naive {host} {port} 1", seconds_per_container=2),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scrape got.

    Attributes:
        seconds: Until the last byte.
        body: The exposition, unpacked; empty when the answer was an error.
    """

    seconds: float
    body: bytes

    @property
    def series(self) -> int:
        """How many series there are."""
        return sum(1 for line in self.body.splitlines() if line and not line.startswith(b"#"))


class RunningExporter:
    """An exporter that listens.

    Attributes:
        name: Of the exporter.
        cpu: Counts the CPU time of its processes.
        port: Where it serves, on 127.0.0.1.
        listened_after: Seconds from the start of its process until it listened.
    """

    listened_after: float

    def __init__(self, name: str, cpu: CpuGroup, port: int) -> None:
        """Prepare to scrape it."""
        self.name = name
        self.cpu = cpu
        self.port = port
        self._connection = HTTPConnection("127.0.0.1", port, timeout=_SCRAPE_TIMEOUT_SECONDS)

    def listens(self) -> bool:
        """Return whether a connection can be opened."""
        try:
            self._connection.connect()
        except OSError:
            return False
        return True

    def scrape(self) -> Answer:
        """Scrape it once, over a connection that is kept where it can be.

        Raises:
            OSError: Nobody listens, or the connection broke.
            http.client.HTTPException: The answer is no HTTP.
        """
        began = time.perf_counter()
        try:
            response = self._get()
        except ConnectionError:
            # The exporter has closed a connection that was idle for long.
            self._connection.close()
            response = self._get()
        body = response.read()
        seconds = time.perf_counter() - began
        if response.status != HTTPStatus.OK:
            return Answer(seconds, b"")
        if response.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        return Answer(seconds, body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _get(self) -> HTTPResponse:
        self._connection.request("GET", "/metrics", headers=_HEADERS)
        return self._connection.getresponse()


@contextmanager
def running(exporter: Exporter, host: str, log: Path) -> Iterator[RunningExporter]:
    """Start an exporter, wait until it listens, and end it when the context ends.

    Args:
        exporter: Which one.
        host: The address of the engine, which it also finds as `DOCKER_HOST`.
        log: Where it may print to.

    Raises:
        RuntimeError: It ended by itself.
    """
    port = free_port()
    words = shlex.split(exporter.command.format(host=host, port=port, python=sys.executable))
    with cpu_group(f"exporter-{port}") as cpu:
        result = RunningExporter(exporter.name, cpu, port)
        began = time.perf_counter()
        process = start_program(*words, log=log, environment=os.environ | {"DOCKER_HOST": host})
        try:
            cpu.add(process.pid)

            def listens() -> bool:
                check_alive(process, log)
                return result.listens()

            wait_until(listens, _START_TIMEOUT_SECONDS, f"{exporter.name} listens", interval=0.005)
            result.listened_after = time.perf_counter() - began
            yield result
        finally:
            result.close()
            end_program(process)
