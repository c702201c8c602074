"""Certificates, made as they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

_EC = ("-newkey=ec", "-pkeyopt=ec_paramgen_curve:prime256v1")


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, each in a file."""

    cert: Path
    key: Path

    @property
    def httpx_cert(self) -> tuple[str, str]:
        """The pair, as httpx takes it."""
        return str(self.cert), str(self.key)


class Authority:
    """One who issues certificates, for the day.

    Attributes:
        certificate: Its own.
    """

    def __init__(self, directory: Path, name: str = "authority") -> None:
        """Make its certificate.

        Args:
            directory: Where all files go; it must exist.
            name: What it, and its files, are called.
        """
        self._directory = directory
        self.certificate = self._make(name)

    def issue(self, name: str, *names: str, kind: tuple[str, ...] = _EC) -> Certificate:
        """Return a certificate for a server or a client.

        Args:
            name: What it, and its files, are called.
            names: Further names, such as `DNS:localhost`; those of this machine if there is none.
            kind: What makes the key, as options of `openssl req`.
        """
        alternatives = ",".join(names or ("DNS:localhost", "IP:127.0.0.1"))
        return self._make(
            name,
            f"-CA={self.certificate.cert}",
            f"-CAkey={self.certificate.key}",
            "-addext=basicConstraints=critical,CA:FALSE",
            f"-addext=subjectAltName={alternatives}",
            kind=kind,
        )

    def _make(self, name: str, *options: str, kind: tuple[str, ...] = _EC) -> Certificate:
        made = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        run_program(
            *("openssl", "req", "-x509", "-nodes", "-days=1", f"-subj=/CN={name}"),
            *(f"-keyout={made.key}", f"-out={made.cert}", *kind, *options),
        )
        return made
