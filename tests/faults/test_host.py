"""A host that goes without a word: what is sent to it is lost, and no answer says so."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from tests.faults.scraper import names, scraper
from tests.support import far_host
from tests.support.fake_engine import FakeEngine
from tests.support.far_host import FarHost

if TYPE_CHECKING:
    import pytest

NAME = "engine.example"


def test_host_whose_address_moves_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scrape that finds its connections dead looks the name up anew, and shows everything."""
    resolve, address = socket.getaddrinfo, far_host.FIRST

    def resolve_here(host: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- whatever it takes
        return resolve(address if host == NAME else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)
    monkeypatch.setenv("DOCKER_HOST", f"tcp://{NAME}:{far_host.PORT}")
    with FarHost() as host, FakeEngine(web="running") as engine:
        engine.on_listener(host.listen())
        with scraper() as scraped:
            assert names(scraped.scrape()) == {"web"}
            assert engine.connected
            host.move()
            address = far_host.SECOND
            moved = scraped.scrape()
            assert moved.error is None
            assert names(moved) == {"web"}
