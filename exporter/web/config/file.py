"""Reads the web configuration file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from exporter.errors import SettingsError
from exporter.settings.document import compose
from exporter.web.config.format import WebConfig
from exporter.web.config.readers import section

if TYPE_CHECKING:
    from pathlib import Path

FLAG = "--web.config.file"

_read = section(WebConfig)


def read_web_config(path: Path) -> WebConfig:
    """Read the web configuration; files that it names are not opened.

    Args:
        path: The file. Relative names of files in it are taken from its directory.

    Raises:
        SettingsError: It cannot be read, or something in it makes no sense. The text names the
            key and the line, and shows no secret.
    """
    root = compose(str(path), FLAG, yaml.SafeLoader)
    if root is None:
        return WebConfig()
    try:
        config = _read(root, "")
    except ValueError as exc:
        raise SettingsError(f"{FLAG}: {json.dumps(str(path))}: {exc}") from None
    tls = config.tls_server_config

    def placed(name: str) -> str:
        return str(path.parent / name) if name else ""

    return replace(
        config,
        tls_server_config=replace(
            tls,
            cert_file=placed(tls.cert_file),
            key_file=placed(tls.key_file),
            client_ca_file=placed(tls.client_ca_file),
        ),
    )
