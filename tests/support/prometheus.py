"""A real Prometheus, and what its tools say."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.support.programs import check_alive, end_program, program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_START_TIMEOUT_SECONDS = 30
_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')


class Prometheus:
    """A Prometheus server on a free port, for as long as its context lasts.

    Attributes:
        url: Where it serves, without a slash at the end.
    """

    url: str

    def __init__(self, config: Mapping[str, object]) -> None:
        """Keep the configuration: what its YAML file would say."""
        self._config = config

    def __enter__(self) -> Self:
        """Start it, and wait until it is ready."""
        with ExitStack() as cleanup:
            directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
            config, log = directory / "prometheus.yml", directory / "log"
            # JSON is YAML.
            config.write_text(json.dumps(self._config))
            process = start_program(
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory}/data",
                "--web.listen-address=127.0.0.1:0",
                log=log,
            )
            cleanup.callback(end_program, process)

            def address() -> str | None:
                check_alive(process, log)
                found = _LISTENING.search(log.read_text())
                return found and found[1]

            where = wait_until(address, _START_TIMEOUT_SECONDS, "Prometheus listens")
            self.url = f"http://{where}"
            wait_until(self._is_ready, _START_TIMEOUT_SECONDS, "Prometheus is ready")
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

    def get(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 (JSON of any shape)
        """Return the data of an answer of its API, such as `targets`."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False)
        answer.raise_for_status()
        return answer.json()["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each series that an expression selects now."""
        series = self.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in series]

    def _is_ready(self) -> bool:
        return httpx.get(f"{self.url}/-/ready", trust_env=False).is_success


def promtool_complaints(exposition: str) -> str:
    """Return what `promtool check metrics` says of an exposition: nothing, if it is good."""
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=exposition,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return checked.stdout
