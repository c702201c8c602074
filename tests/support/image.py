"""A container image made of nothing but busybox, so that no registry is needed."""

from __future__ import annotations

import io
import tarfile

from tests.support.programs import program, run_program


def busybox_image() -> bytes:
    """Return the file system of an image as a tar: busybox under the name of every applet."""
    busybox = program("busybox")
    applets = run_program(busybox, "--list").split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(busybox, arcname="bin/busybox")
        for applet in set(applets) - {"busybox"}:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type = tarfile.SYMTYPE
            link.linkname = "busybox"
            archive.addfile(link)
        temporary = tarfile.TarInfo("tmp")
        temporary.type = tarfile.DIRTYPE
        temporary.mode = 0o1777
        archive.addfile(temporary)
    return buffer.getvalue()
