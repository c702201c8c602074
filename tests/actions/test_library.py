"""The examples of `docs/library.md`, run as they stand there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import exporter
from tests.support.containers import ENDS_ON_SIGTERM
from tests.support.engine import IMAGE
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine

ROOT = Path(exporter.__file__).parents[1]
TIMEOUT_SECONDS = 60
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a container that runs leads to, in the order of the page.
_EXPECTED = """\
Reached by: (sdk|cli)
web is running
Started: Container 'web' is already running\\.
Container 'web' stopped\\.
Container 'web' restarted\\.
Container does not exist
CPU: [\\d.]+%
Memory: [\\d.]+ MB of \\d+ bytes
Status: running
Started: \\d{4}-.+Z
PID: \\d+
(CPU: [\\d.]+%, Memory: [\\d.]+ MB, Status: running, up for \\d+ s
)+Restarted
Success: Container 'web' is already running\\.
Within limits: True \\(OK\\)
Health: True, Message: Service is healthy
CPU: [\\d.]+%
Memory: [\\d.]+ MB
"""


@pytest.mark.usefixtures("client")
def test_examples_of_the_library_page_run(engine: PrivateEngine, tmp_path: Path) -> None:
    """All of them together are one program, which watches in the end until Ctrl-C."""
    program = tmp_path / "library.py"
    page = (ROOT / "docs/library.md").read_text()
    program.write_text("\n".join(_EXAMPLE.findall(page)))
    log = tmp_path / "log"
    engine.docker("run", "--detach", "--name=web", IMAGE, *ENDS_ON_SIGTERM)
    try:
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                [sys.executable, program],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                text=True,
            ) as process,
        ):
            wait_until(
                lambda: process.poll() is not None or "container is well" in log.read_text(),
                TIMEOUT_SECONDS,
                "the last example watches",
            )
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        engine.docker("rm", "--force", "web")
    assert process.returncode == 0, log.read_text()
    first, rest = printed.split("\n", 1)
    assert first.startswith("Docker SDK ")
    assert re.fullmatch(_EXPECTED, rest), rest
    assert "watch stopped" in log.read_text()
