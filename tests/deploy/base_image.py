"""A stand-in for the base image: this Python, what it needs, and busybox."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pip

from tests.support.image import busybox_image
from tests.support.programs import program

# Of what lies in the library: other packages, and the large things that nobody imports here.
_LEFT_OUT = re.compile(
    r"site-packages|dist-packages|EXTERNALLY-MANAGED|config-.*|.*\.opt-\d\.pyc"
    r"|tests?|idlelib|tkinter|_tkinter\..*|turtledemo|lib2to3|pydoc_data"
)
# Its package manager knows one package, which it has from this machine.
_APT_GET = b"""\
#!/bin/sh
case "$*" in
*install*docker-cli) cp /usr/share/docker /usr/bin/docker ;;
esac
"""
_USERS = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"


def base_image() -> bytes:
    """Return the file system of an image as a tar, with the commands `python`, `pip` and `sh`."""
    executable = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    buffer = io.BytesIO(busybox_image())
    # Links are followed: what they lead to is not in the image.
    with tarfile.open(fileobj=buffer, mode="a", dereference=True) as archive:
        archive.add(executable)
        archive.add(library, filter=_wanted)
        extensions = [one for one in library.glob("lib-dynload/*.so") if _is_kept(one.name)]
        docker = Path(program("docker")).resolve()
        for file in _shared_libraries(executable, docker, *extensions):
            archive.add(file)
        archive.add(Path(pip.__file__).parent, arcname=f"{_site(executable)}/pip")
        _file(archive, "usr/local/bin/pip", b'#!/bin/sh\nexec python -m pip "$@"\n', mode=0o755)
        archive.add(docker, arcname="usr/share/docker")
        _file(archive, "usr/bin/apt-get", _APT_GET, mode=0o755)
        _link(archive, "usr/local/bin/python", str(executable))
        _link(archive, "usr/bin/env", "/bin/env")
        _file(archive, "etc/passwd", _USERS)
    return buffer.getvalue()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if _is_kept(Path(member.name).name) else None


def _is_kept(name: str) -> bool:
    return _LEFT_OUT.fullmatch(name) is None


def _shared_libraries(*files: Path) -> set[Path]:
    # It fails when one of them is static.
    listed = subprocess.run(
        [program("ldd"), *map(str, files)], check=False, capture_output=True, text=True
    ).stdout
    found = {Path(path) for path in re.findall(r"(?:=>|^)\s+(/\S+) \(0x", listed, re.MULTILINE)}
    # Packages that were built on an older glibc still name these parts of it; the last is loaded
    # when a thread ends.
    parts = ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libgcc_s.so.1")
    [glibc] = (file for file in found if file.name == "libc.so.6")
    return found | {part for name in parts if (part := glibc.with_name(name)).exists()}


def _site(executable: Path) -> str:
    """Return where a Python has its packages, outside of a virtual environment."""
    asked = [str(executable), "-c", "import site; print(site.getsitepackages()[0])"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def _file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    file = tarfile.TarInfo(name)
    file.size, file.mode = len(content), mode
    archive.addfile(file, io.BytesIO(content))


def _link(archive: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name)
    link.type = tarfile.SYMTYPE
    link.linkname = target
    archive.addfile(link)
