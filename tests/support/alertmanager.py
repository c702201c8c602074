"""A real Alertmanager."""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

import httpx

from tests.support.programs import check_alive, end_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_START_TIMEOUT_SECONDS = 30
_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')


class Alertmanager:
    """An Alertmanager without peers on a free port, for as long as its context lasts.

    Attributes:
        address: Where it serves, as Prometheus' configuration names it.
    """

    address: str

    def __init__(self, config: Mapping[str, object]) -> None:
        """Keep the configuration: what its YAML file would say."""
        self._config = config

    def __enter__(self) -> Self:
        """Start it, and wait until it is ready."""
        with ExitStack() as cleanup:
            directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
            config, log = directory / "alertmanager.yml", directory / "log"
            # JSON is YAML.
            config.write_text(json.dumps(self._config))
            process = start_program(
                "prometheus-alertmanager",
                f"--config.file={config}",
                f"--storage.path={directory}/data",
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
                log=log,
            )
            cleanup.callback(end_program, process)

            def address() -> str:
                check_alive(process, log)
                found = _LISTENING.search(log.read_text())
                return found[1] if found else ""

            self.address = wait_until(address, _START_TIMEOUT_SECONDS, "Alertmanager listens")
            wait_until(self._is_ready, _START_TIMEOUT_SECONDS, "Alertmanager is ready")
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, and remove its files."""
        self._cleanup.close()

    def send(self, *alerts: Mapping[str, object]) -> None:
        """Give it alerts, as Prometheus does."""
        answer = httpx.post(f"http://{self.address}/api/v2/alerts", json=alerts, trust_env=False)
        answer.raise_for_status()

    def _is_ready(self) -> bool:
        return httpx.get(f"http://{self.address}/-/ready", trust_env=False).is_success
