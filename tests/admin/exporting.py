"""The exporter as a process of its own, with its admin API enabled."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.support.programs import check_alive, end_program, start_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

TOKEN = "the-token-of-the-tests-0123456789abcdef"  # noqa: S105 -- a test's own
READ_TOKEN = "another-token-that-may-read-0123456789"  # noqa: S105 -- a test's own
ACT_TOKEN = "one-more-token-that-may-act-0123456789"  # noqa: S105 -- a test's own
TIMEOUT_SECONDS = 60

_LISTENING = re.compile(r"message=listening address=(\S+)")


class Exporter:
    """An exporter on a free port, for as long as its context lasts.

    Three tokens are accepted: `ops` may do everything, `viewer` may read, `healer` may act.

    Attributes:
        directory: Where its token files, its audit file and its log are.
        addresses: Where it listens.
    """

    directory: Path
    addresses: list[str]

    def __init__(self, host: str | None, *arguments: str, **environment: str) -> None:
        """Prepare to start it.

        Args:
            host: Its engine; None for what the environment says.
            arguments: Further arguments of the command.
            environment: Further variables.
        """
        self._host = host
        self._arguments = arguments
        self._environment = environment

    def __enter__(self) -> Self:
        """Start it, and wait until it listens."""
        with ExitStack() as cleanup:
            self.directory = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
            self.write_token("ops", TOKEN)
            self.write_token("viewer", READ_TOKEN)
            self.write_token("healer", ACT_TOKEN)
            self.start()
            cleanup.callback(self.stop)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        self._cleanup.close()

    @property
    def url(self) -> str:
        """Where it serves first of all."""
        return f"http://{self.addresses[0]}"

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.directory / "log").read_text()

    def write_token(self, name: str, token: str) -> None:
        """Write a token file as people do: new, and put in the place of the old."""
        new = self.directory / f"{name}.new"
        new.touch(0o600)
        new.write_text(f"{token}\n")
        new.rename(self.directory / name)

    def start(self) -> None:
        """Start the process."""
        log = self.directory / "log"
        log.write_text("")
        command = [
            *([] if self._host is None else [f"--docker.host={self._host}"]),
            "--web.listen-address=127.0.0.1:0",
            f"--admin.token-file=ops:read,act={self.directory}/ops",
            f"--admin.token-file=viewer={self.directory}/viewer",
            f"--admin.token-file=healer:act={self.directory}/healer",
            f"--admin.audit-file={self.directory}/audit",
            *self._arguments,
        ]
        self.process = start_program(
            sys.executable,
            "-m",
            "exporter",
            *command,
            log=log,
            environment=os.environ | self._environment,
        )
        wanted = 2 if any("admin.listen-address" in word for word in self._arguments) else 1

        def listening() -> list[str]:
            check_alive(self.process, log)
            return _LISTENING.findall(self.log)

        self.addresses = wait_until(
            listening, TIMEOUT_SECONDS, "it listens", lambda found: len(found) == wanted
        )

    def stop(self) -> None:
        """End the process in order."""
        end_program(self.process)

    def client(
        self, token: str | None = TOKEN, *, address: str = "127.0.0.1", **headers: str
    ) -> httpx.Client:
        """Return a client of the admin API.

        Args:
            token: What it brings.
            address: Where it comes from: failures are counted for each address.
            headers: What it brings besides.
        """
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.Client(
            base_url=f"http://{self.addresses[-1]}/api/v1",
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            transport=httpx.HTTPTransport(local_address=address),
        )

    def audit(self) -> list[dict[str, Any]]:
        """Return the records in the audit file, the oldest first."""
        path = self.directory / "audit"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def metric(self, name: str, /, **labels: str) -> float | None:
        """Return the value of a sample with these labels; None where there is none."""
        text = httpx.get(f"{self.url}/metrics", timeout=TIMEOUT_SECONDS, trust_env=False).text
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        for line in text.splitlines():
            found = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if found and wanted == set(filter(None, (found[1] or "").split(","))):
                return float(found[2])
        return None
