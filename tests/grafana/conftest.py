"""A real Prometheus that scrapes a real exporter of a real engine with a zoo of containers."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.engine import IMAGE
from tests.support.exporter import serving
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.engine import PrivateEngine

SCRAPE_SECONDS = 2
TIMEOUT_SECONDS = 60


WEB = "shop-web-1"
FULL = "shop-full-1"
LOOP = "shop-loop-1"
_COMPOSE = ("--label=com.docker.compose.project=shop", "--label=com.docker.compose.service=web")
_LIMITS = ("--memory=64m", "--cpus=0.5", "--pids-limit=100")
_WORK = (
    "while :; do ping -c 1 $(ip route | head -n 1 | cut -d ' ' -f 3); "
    "dd if=/dev/zero of=/file bs=1M count=4 conv=fsync; sleep 1; done"
)
# The engine knows of the kill only if the container outlives it for a moment.
_FILL = "until [ -e /go ]; do sleep 0.2; done; tail /dev/zero; sleep 1; exit 137"

JOB = "docker"
# An exporter with the labels that cAdvisor has.
LIKE_CADVISOR = "cadvisor"
_OPTIONS = {
    JOB: (),
    LIKE_CADVISOR: (
        "--collector.labels=id",
        "--collector.container-labels=*",
        "--collector.container-labels-everywhere",
    ),
}


@dataclass(frozen=True, slots=True)
class Observed:
    """What a Prometheus has seen up to a moment.

    Attributes:
        prometheus: It is still there.
        at: The moment, in Unix seconds; all is asked as of then, whenever a test comes to it.
    """

    prometheus: Prometheus
    at: float

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each series that an expression selects."""
        answer = self.prometheus.get("query", query=expression, time=str(self.at))
        return [(one["metric"], float(one["value"][1])) for one in answer["result"]]

    def query_range(self, expression: str, seconds: int) -> list[dict[str, str]]:
        """Return the labels of each series that an expression has selected of late."""
        answer = self.prometheus.get(
            "query_range",
            query=expression,
            start=str(self.at - seconds),
            end=str(self.at),
            step=str(SCRAPE_SECONDS),
        )
        return [one["metric"] for one in answer["result"]]

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values that a label has."""
        found: list[str] = self.prometheus.get(f"label/{label}/values", **{"match[]": selector})
        return found


@pytest.fixture(scope="session")
def observed(zoo: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """Give a Prometheus that has watched the zoo, and three containers that do a bit of all.

    They, and the exporters, are gone by then: the engine is shared.
    """
    with ExitStack() as scene, ExitStack() as cleanup:
        targets = {
            job: scene.enter_context(_exporter(zoo, tmp_path_factory.mktemp(job), *options))
            for job, options in _OPTIONS.items()
        }
        counted = _counted_device(zoo.directory)
        web = (*_COMPOSE, *_LIMITS, *counted, "--health-cmd=true")
        full = ("--label=docker-exporter.expected=true", "--memory=8m", "--memory-swap=8m")
        scene.enter_context(_running(zoo, WEB, *web, command=_WORK))
        scene.enter_context(_running(zoo, FULL, *full, command=_FILL))
        # The engine waits ever longer before a restart: the one of the zoo may hardly restart now.
        scene.enter_context(_running(zoo, LOOP, "--restart=always", command="sleep 1; exit 1"))
        prometheus = cleanup.enter_context(Prometheus(_config(targets)))
        everywhere = f"== {len(targets)}"
        alive = f'count(container_oom_events_total{{name="{FULL}"}} == 0) {everywhere}'
        _await(prometheus, alive, "a scrape before the kill")
        zoo.docker("exec", FULL, "touch", "/go")
        ended = f'count(container_exit_code{{name="{FULL}"}} == 137) {everywhere}'
        _await(prometheus, ended, "a scrape after the kill")
        _await(prometheus, f"count(count_over_time(up[1m]) >= 10) {everywhere}", "ten scrapes")
        seen = Observed(prometheus, time.time())
        # A scrape bears the time at which it began: those up to then must be over before anything
        # is removed.
        _await(prometheus, f"count(timestamp(up) > {seen.at}) {everywhere}", "later scrapes")
        scene.close()
        yield seen


@contextmanager
def _running(engine: PrivateEngine, name: str, *options: str, command: str) -> Iterator[None]:
    """Run a container."""
    engine.docker("run", "--detach", f"--name={name}", *options, IMAGE, "sh", "-c", command)
    try:
        yield
    finally:
        engine.docker("rm", "--force", name)


def _await(prometheus: Prometheus, expression: str, message: str) -> None:
    wait_until(lambda: prometheus.query(expression), TIMEOUT_SECONDS, message)


def _counted_device(directory: Path) -> tuple[str, ...]:
    """Return the options that make the kernel count block I/O.

    On cgroup v1 recent kernels count it for those devices alone that somebody has limited.
    """
    device = directory.stat().st_dev
    link = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    return (f"--device-write-bps=/dev/{link.resolve().name}:1gb",) if link.exists() else ()


@contextmanager
def _exporter(engine: PrivateEngine, directory: Path, *options: str) -> Iterator[str]:
    """Run the exporter as people do, with its admin API; give its address."""
    log, token = directory / "log", directory / "token"
    token.touch(0o600)
    token.write_text(secrets.token_urlsafe(32))
    arguments = (
        f"--docker.host={engine.host}",
        "--collector.cache-ttl=1s",
        f"--admin.token-file=test={token}",
    )
    with serving(log, *arguments, *options) as exporter:
        yield exporter.address


def _config(targets: dict[str, str]) -> dict[str, object]:
    seconds = f"{SCRAPE_SECONDS}s"
    jobs = [
        {
            "job_name": job,
            "scrape_interval": seconds,
            "scrape_timeout": seconds,
            "static_configs": [{"targets": [target]}],
        }
        for job, target in targets.items()
    ]
    return {"scrape_configs": jobs}
