"""The web configuration as it is at the moment: files that change are read again."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.errors import SettingsError
from exporter.web.config.file import FLAG, read_web_config
from exporter.web.config.format import WebConfig
from exporter.web.config.tls import server_context
from exporter.web.stamp import stamp

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from exporter.web.config.format import TlsServerConfig
    from exporter.web.stamp import Stamp

logger = logging.getLogger(__name__)

# After how many seconds what could not be used is tried again though it has not changed: what came
# in the way may have been the system, which had no descriptor left to read it with.
_RETRY_SECONDS = 1.0


class LiveWebConfig:
    """The web configuration, looked at anew whenever it is asked for. For one thread only.

    What cannot be used leaves in force what was good last: a configuration file that is wrong, the
    whole configuration; certificates or keys that are, those before them.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Read everything.

        Args:
            path: The file.
            clock: Tells the time, for the metrics.

        Raises:
            SettingsError: Something cannot be used.
        """
        self._path = path
        self._clock = clock
        self._stamp = stamp(path)
        self._config = read_web_config(path)
        self._used = _stamped(self._config.tls_server_config)
        self._context = server_context(self._config.tls_server_config)
        self._read_at = clock()
        # What is wrong with the file, and with what it names; None where nothing is.
        self._faults: tuple[str | None, str | None] = (None, None)
        self._retry_at = 0.0
        self._said: set[str] = set()
        self._say_what_is_read()

    def config(self) -> WebConfig:
        """Return what is in force now."""
        self._refresh()
        return self._config

    def tls(self) -> ssl.SSLContext | None:
        """Return what a new connection is to be secured by; None, always, for HTTP in the clear."""
        self._refresh()
        return self._context

    def reloads(self) -> Iterator[tuple[str, bool, float]]:
        """Yield the file, whether all was well when it was last read, and when it last was.

        It may be asked from any thread.
        """
        yield str(self._path), self._faults == (None, None), self._read_at

    def _refresh(self) -> None:
        file_fault, tls_fault = self._faults
        again = self._faults != (None, None) and time.monotonic() >= self._retry_at
        now = stamp(self._path)
        read = now != self._stamp or (again and file_fault is not None)
        if read:
            self._stamp = now
            file_fault = _fault(self._read)
        used = _stamped(self._config.tls_server_config)
        renewed = used != self._used or (again and tls_fault is not None)
        if renewed:
            self._used = used
            tls_fault = _fault(self._renew_context)
        if read or renewed:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            self._report((file_fault, tls_fault))

    def _read(self) -> None:
        config = read_web_config(self._path)
        # A file that is being written is empty at first, and that would let everybody in.
        if config == WebConfig() and config != self._config:
            raise SettingsError(f"{FLAG}: {json.dumps(str(self._path))} asks for nothing")
        self._config = config

    def _renew_context(self) -> None:
        context = server_context(self._config.tls_server_config)
        if (context is None) != (self._context is None):
            raise SettingsError(f"{FLAG}: switching TLS on or off takes a restart")
        self._context = context

    def _report(self, faults: tuple[str | None, str | None]) -> None:
        known, self._faults = self._faults, faults
        error = "; ".join(filter(None, faults))
        if not error:
            self._read_at = self._clock()
            self._say_what_is_read()
        elif faults != known:
            logger.error(
                "web configuration not usable: what was good last stays in force",
                extra={"file": str(self._path), "error": error},
            )

    def _say_what_is_read(self) -> None:
        config = self._config
        logger.info(
            "web configuration read",
            extra={
                "file": str(self._path),
                "tls": self._context is not None,
                "users": len(config.basic_auth_users),
            },
        )
        without_effect = {
            "http_server_config.http2": config.http_server_config.http2,
            "tls_server_config.curve_preferences": len(config.tls_server_config.curve_preferences)
            > 1,
        }
        for key, given in without_effect.items():
            if given and key not in self._said:
                self._said.add(key)
                logger.info("key of the web configuration without effect", extra={"key": key})


def _stamped(tls: TlsServerConfig) -> tuple[TlsServerConfig, tuple[Stamp, ...]]:
    """Return what a context is made of: one of another value would be another context."""
    names = filter(None, (tls.cert_file, tls.key_file, tls.client_ca_file))
    return tls, tuple(stamp(Path(name)) for name in names)


def _fault(attempt: Callable[[], None]) -> str | None:
    """Return what comes in the way of something."""
    try:
        attempt()
    except SettingsError as exc:
        return str(exc)
    return None
