"""Single keys, as they are pressed."""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def pressed_keys(take: Callable[[str], None]) -> Iterator[None]:
    """Hand over each key as it is pressed, from a thread; none without a terminal."""
    if not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    threading.Thread(target=_read, args=(terminal, take), name="keys", daemon=True).start()
    tty.setcbreak(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read(terminal: int, take: Callable[[str], None]) -> None:
    while key := os.read(terminal, 1):
        take(key.decode("ascii", "replace"))
