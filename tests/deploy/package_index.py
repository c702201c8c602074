"""A package index that has what is installed in this environment, so that builds need no other."""

from __future__ import annotations

import io
import threading
import zipfile
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What installing has added to the files of the wheel.
_ADDED = ("INSTALLER", "REQUESTED", "direct_url.json")


@contextmanager
def package_index() -> Iterator[str]:
    """Give the URL of an index that serves until the context ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers `/NAME/` with a link to the wheel, and `/NAME/FILE` with the wheel."""

    def do_GET(self) -> None:
        _, name, wanted = self.path.split("/")
        try:
            found = distribution(name)
        except PackageNotFoundError:
            self.send_error(404)
            return
        file = _file_name(found)
        body = _wheel(name) if wanted else f'<a href="{file}">{file}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/zip" if wanted else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def _file_name(found: Distribution) -> str:
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ").split("-") for line in lines if line.startswith("Tag: ")]
    # One tag of several stands for all of them: interpreters, ABIs, platforms.
    tag = "-".join(".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True))
    return f"{found.name.replace('-', '_')}-{found.version}-{tag}.whl"


@lru_cache
def _wheel(name: str) -> bytes:
    """Return what is installed of a package, as the wheel that it came from."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in distribution(name).files or ():
            # Scripts, which lie outside, are made anew of the entry points.
            if ".." not in file.parts and file.name not in _ADDED and file.suffix != ".pyc":
                archive.write(file.locate(), str(file))
    return buffer.getvalue()
