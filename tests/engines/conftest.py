"""The further engines, and containers on them in states that all engines have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engines.containers import populate
from tests.engines.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.engine import LocalEngine


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Give the kind of each engine in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def engine(kind: str) -> Iterator[LocalEngine]:
    """Give an engine of each kind in turn, with containers that tests leave as they are."""
    with KINDS[kind]() as engine:
        populate(engine)
        yield engine
