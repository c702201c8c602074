"""Fuzzing that is led by coverage: `make fuzz`, or `python -m tests.fuzz TARGET SECONDS`.

Without a target it prints what there is.

What it finds is left in a file `crash-…` in the current directory: once it is mended, the file
goes to the corpus under a name that says what it was.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

# Only what is ours is looked at: the rest would take minutes to prepare.
with atheris.instrument_imports(include=["exporter"]):
    from tests.fuzz.targets import CORPUS, TARGETS, attempt, without_environment


def main() -> None:
    """Fuzz one target for so many seconds."""
    if not sys.argv[1:]:
        sys.stdout.write("\n".join([*TARGETS, ""]))
        return
    [target, seconds] = sys.argv[1:]
    if target not in TARGETS:
        sys.exit(f"There is no target '{target}'. There are: {', '.join(TARGETS)}")
    without_environment()
    arguments = [sys.argv[0], f"-max_total_time={seconds}", "-max_len=8192", "-timeout=20"]
    # What is found on the way goes to the first folder; the kept inputs are only read.
    found = Path(".cache/fuzz") / target
    found.mkdir(parents=True, exist_ok=True)
    atheris.Setup(
        [*arguments, str(found), str(CORPUS / target)], lambda data: attempt(target, data)
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
