"""TLS before a Unix socket, as an engine has it on TCP."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

from tests.support.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1; return where it and its key are.

    It serves as authority, server and client: nobody else is to trust it.
    """
    cert, key = directory / "cert.pem", directory / "key.pem"
    run_program(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days=1"),
        *(f"-keyout={key}", f"-out={cert}", "-subj=/CN=localhost"),
        *("-addext=subjectAltName=IP:127.0.0.1",),
    )
    return cert, key


class TlsProxy:
    """Listens on a free port of the loopback interface, and asks for a client's certificate.

    Attributes:
        host: Its address, as a value for `DOCKER_HOST`.
    """

    def __init__(self, upstream: Path, directory: Path) -> None:
        """Make the certificates, under the names that Docker's own variables expect.

        Args:
            upstream: The Unix socket behind it.
            directory: Where to put `ca.pem`, `cert.pem` and `key.pem`.
        """
        cert, key = make_certificate(directory)
        shutil.copy(cert, directory / "ca.pem")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=cert)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_cert_chain(cert, key)
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Accept nobody any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self._upstream))
            with self._context.wrap_socket(client, server_side=True) as secured:
                back = threading.Thread(target=_copy, args=(engine, secured), daemon=True)
                back.start()
                _copy(secured, engine)
                engine.shutdown(socket.SHUT_RDWR)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until the source has no more."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
