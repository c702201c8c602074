"""Certificates that the tests of a file share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give an authority, which has issued `server.pem` with `server.key` in its directory."""
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    authority.issue("server")
    return authority


@pytest.fixture
def directory(authority: Authority) -> Path:
    """Give the directory of the certificates."""
    return authority.certificate.cert.parent
