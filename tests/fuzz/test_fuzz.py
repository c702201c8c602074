"""What is kept of earlier finds, and new inputs near them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import Seeds, changed_bytes, changed_json
from tests.fuzz.targets import CORPUS, TARGETS, attempt, corpus

SEEDS = {target: Seeds(tuple(corpus(target).values())) for target in TARGETS}


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


JSON_SEEDS = {
    target: Seeds(tuple(filter(_is_json, seeds.texts))) for target, seeds in SEEDS.items()
}


@pytest.mark.parametrize(
    ("target", "name"), [(target, name) for target in TARGETS for name in corpus(target)]
)
def test_kept_input_is_a_value_or_a_clear_error(target: str, name: str) -> None:
    """Nothing foreign is raised."""
    attempt(target, corpus(target)[name])


@pytest.mark.parametrize("target", TARGETS)
@settings(deadline=None)
@given(data=st.data())
def test_new_input_is_a_value_or_a_clear_error(target: str, data: st.DataObject) -> None:
    """Nothing foreign is raised for what is nearly right, or not right at all."""
    kinds = [st.binary(max_size=64), changed_bytes(SEEDS[target])]
    if JSON_SEEDS[target].texts:
        kinds.append(changed_json(JSON_SEEDS[target]))
    attempt(target, data.draw(st.one_of(kinds)))


def test_every_kept_input_has_a_target() -> None:
    """No folder of inputs is left over from a target that is gone."""
    assert {folder.name for folder in CORPUS.iterdir()} == TARGETS.keys()
