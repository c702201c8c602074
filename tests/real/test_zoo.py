"""What the zoo promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import zoo as animals
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.engine import PrivateEngine

TIMEOUT_SECONDS = 60


@pytest.mark.parametrize(
    "specimen", animals.SPECIMENS, ids=[specimen.name for specimen in animals.SPECIMENS]
)
def test_specimen_is_in_its_state(zoo: PrivateEngine, specimen: animals.Specimen) -> None:
    """Each container is in the state that its table says."""
    seen = wait_until(
        lambda: animals.State.of(zoo, specimen.name),
        TIMEOUT_SECONDS,
        f"{specimen.name} is in its state",
        # The one that goes on changing: it runs for a moment every few seconds.
        accept=lambda seen: specimen.name != animals.RESTARTING or seen == specimen.state,
    )
    assert seen == specimen.state


def test_moved_tag_names_another_image(zoo: PrivateEngine) -> None:
    """The image of the container is no longer the one that its tag names."""
    container = zoo.inspect(animals.MOVED_TAG)
    assert container["Config"]["Image"] == animals.MOVED_IMAGE
    assert container["Image"] != zoo.get(f"/images/{animals.MOVED_IMAGE}/json")["Id"]


def test_odd_labels_arrive_unchanged(zoo: PrivateEngine) -> None:
    """The engine has the odd labels letter for letter."""
    assert zoo.inspect(animals.ODD)["Config"]["Labels"] == animals.ODD_LABELS


def test_cpu_limited_has_been_throttled(zoo: PrivateEngine) -> None:
    """The container with a processor limit has run into it."""
    wait_until(
        lambda: _stats(zoo, animals.CPU_LIMITED)["cpu_stats"]["throttling_data"],
        TIMEOUT_SECONDS,
        "the container is throttled",
        accept=lambda seen: seen["throttled_periods"] > 0 and seen["throttled_time"] > 0,
    )


def test_memory_limited_holds_page_cache(zoo: PrivateEngine) -> None:
    """The container with a memory limit has page cache, so that its working set is smaller."""
    memory = wait_until(
        lambda: _stats(zoo, animals.MEMORY_LIMITED)["memory_stats"],
        TIMEOUT_SECONDS,
        "the file is written",
        # The kernel may have taken some of it back.
        accept=lambda seen: seen["stats"].get("cache", seen["stats"].get("file", 0)) > 1024**2,
    )
    assert memory["limit"] == 64 * 1024 * 1024


def test_bridged_network_has_traffic(zoo: PrivateEngine) -> None:
    """The container on the bridge has sent and received."""
    wait_until(
        lambda: _stats(zoo, animals.NETWORK_BRIDGE)["networks"]["eth0"],
        TIMEOUT_SECONDS,
        "the gateway has answered",
        accept=lambda seen: seen["tx_bytes"] > 0 and seen["rx_bytes"] > 0,
    )


def _stats(engine: PrivateEngine, name: str) -> dict[str, Any]:
    """Return one reading of a container by the engine itself."""
    path = f"/containers/{name}/stats?stream=false&one-shot=true"
    stats: dict[str, Any] = engine.get(path)
    return stats
