"""What the program says of being root."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import exporter
from exporter.process import needless_root
from tests.support.exporter import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(exporter.__file__).parents[1]
NOBODY = 65534
GROUP = 54321  # which has no name


@pytest.fixture
def path() -> Iterator[Path]:
    """Give the path of a socket, which is as short as that must be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, socket.socket(socket.AF_UNIX) as one:
        one.bind(f"{directory}/docker.sock")
        yield Path(directory) / "docker.sock"


@pytest.mark.parametrize(
    ("group", "mode", "advice"),
    [
        (0, 0o660, None),
        (0, 0o600, None),
        (GROUP, 0o600, None),
        (GROUP, 0o640, None),
        (GROUP, 0o660, f"in the group {GROUP}, which may use the engine's socket"),
        (0, 0o666, "everyone may use the engine's socket"),
    ],
)
def test_root_is_needless_where_others_may_use_the_socket(
    path: Path, group: int, mode: int, advice: str | None
) -> None:
    """And needed where only root may."""
    os.chown(path, 0, group)
    path.chmod(mode)
    found = needless_root(f"unix://{path}", [9417])
    assert (found is None) is (advice is None)
    assert (advice or "") in (found or "")


def test_root_is_needless_for_tcp_and_needed_for_low_ports() -> None:
    """Port 0 is a high one."""
    assert needless_root("tcp://127.0.0.1:2375", [0, 9417])
    assert needless_root("tcp://127.0.0.1:2375", [9417, 80]) is None


def test_nothing_is_said_of_what_cannot_be_known() -> None:
    """A socket that is not there, or an engine that SSH leads to."""
    assert needless_root("unix:///nowhere/docker.sock", []) is None
    assert needless_root("ssh://user@host", []) is None


def test_another_user_is_not_warned() -> None:
    """Whatever the socket allows."""
    os.seteuid(NOBODY)
    try:
        assert needless_root("tcp://127.0.0.1:2375", []) is None
    finally:
        os.seteuid(0)


def test_root_of_a_user_namespace_is_not_warned() -> None:
    """It is an ordinary user outside, as with rootless engines."""
    code = "from exporter.process import needless_root; print(needless_root('tcp://h:1', []))"
    done = subprocess.run(
        ["/usr/bin/unshare", "--user", "--map-root-user", sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout == "None\n"


def test_needless_root_is_logged_once(path: Path, tmp_path: Path) -> None:
    """At start, with what to do."""
    os.chown(path, 0, GROUP)
    path.chmod(0o660)
    with serving(tmp_path / "log", f"--docker.host=unix://{path}") as running:
        assert running.log.count('level=warning logger=exporter.serve message="runs as root') == 1
        assert f"--group-add {GROUP}" in running.log
