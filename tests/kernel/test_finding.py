"""Where the cgroups of containers are: both versions, both drivers, rootless, and namespaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine.kernel import v1, v2
from exporter.engine.kernel.finding import Finder, container_paths
from tests.kernel.trees import CONSTRUCTED_ID as ONE
from tests.kernel.trees import OTHER_ID as OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator

V1 = tuple(v1.FILES)
USER = "user.slice/user-1000.slice/user@1000.service"


def lines(version: int, path: str) -> bytes:
    """Return `/proc/<pid>/cgroup` of a process that is in the same place everywhere."""
    if version == 2:
        return f"0::{path}\n".encode()
    named = [f"{n}:{controller}:{path}\n" for n, controller in enumerate(V1, 2)]
    return "".join([*reversed(named), f"1:name=systemd:{path}\n", "0::/\n"]).encode()


def tree(root: Path, version: int, directory: str) -> Finder:
    """Make a directory in each hierarchy, and return what finds it."""
    for hierarchy in V1 if version == 1 else (".",):
        (root / hierarchy / directory).mkdir(parents=True)
        (root / hierarchy / "init.scope").mkdir()
    return Finder(root)


def found(finder: Finder, text: bytes) -> set[str]:
    """Return the directories that a container was found in, without the hierarchy's name."""
    cgroup = finder.find(container_paths(text, ONE))
    if cgroup is None:
        return set()
    places = {str(Path(path).parent) for _, path in cgroup.files}
    if cgroup.stats is v1.container_stats:
        assert {place.partition("/")[0] for place in places} == set(V1)
        return {place.partition("/")[2] for place in places}
    assert {name for name, _ in cgroup.files} == set(v2.FILES)
    return places


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("seen", "mounted"),
    [
        pytest.param(f"/docker/{ONE}", f"docker/{ONE}", id="cgroupfs driver"),
        pytest.param(
            f"/system.slice/docker-{ONE}.scope",
            f"system.slice/docker-{ONE}.scope",
            id="systemd driver",
        ),
        pytest.param(
            f"/{USER}/user.slice/docker-{ONE}.scope",
            f"{USER}/user.slice/docker-{ONE}.scope",
            id="rootless",
        ),
        pytest.param(
            f"/{USER}/user.slice/user-libpod_pod_{OTHER}.slice/libpod-{ONE}.scope/container",
            f"{USER}/user.slice/user-libpod_pod_{OTHER}.slice/libpod-{ONE}.scope",
            id="rootless podman",
        ),
        pytest.param(f"/libpod_parent/libpod-{ONE}", f"libpod_parent/libpod-{ONE}", id="podman"),
        pytest.param(f"/mine/{ONE}", f"mine/{ONE}", id="a parent of one's own"),
        pytest.param(
            f"/docker/{ONE}/docker/{OTHER}", f"docker/{ONE}", id="a container that has containers"
        ),
        pytest.param(
            f"/docker/{OTHER}/docker/{ONE}/init",
            f"docker/{OTHER}/docker/{ONE}",
            id="a container within a container",
        ),
        pytest.param(f"/../{ONE}", f"docker/{ONE}", id="beside the reader, cgroupfs driver"),
        pytest.param(
            f"/../docker-{ONE}.scope",
            f"system.slice/docker-{ONE}.scope",
            id="beside the reader, systemd driver",
        ),
        pytest.param(
            f"/../../{USER}/user.slice/docker-{ONE}.scope",
            f"{USER}/user.slice/docker-{ONE}.scope",
            id="far from the reader",
        ),
        pytest.param(
            f"/../docker-{ONE}.scope",
            f"{USER}/user.slice/docker-{ONE}.scope",
            id="beside a rootless reader",
        ),
        pytest.param(
            f"/docker/{OTHER}/docker/{ONE}",
            f"docker/{ONE}",
            id="a mount that shows the reader's part only",
        ),
    ],
)
def test_container_is_found(tmp_path: Path, version: int, seen: str, mounted: str) -> None:
    """The directory that bears the container's name is it, not one below."""
    assert found(tree(tmp_path, version, mounted), lines(version, seen)) == {mounted}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "seen",
    [
        pytest.param("/", id="none"),
        pytest.param(f"/docker/{OTHER}", id="of another"),
        pytest.param(f"/docker/{ONE[:-1]}", id="a digit is missing"),
        pytest.param(f"/docker/{ONE}0", id="a digit too many"),
        pytest.param(f"/docker/0{ONE}", id="a digit too many before it"),
        pytest.param(f"/machine.slice/libpod-conmon-{ONE}.scope", id="of what watches over it"),
        pytest.param(f"/docker/{ONE} (deleted)", id="one that is gone"),
    ],
)
def test_process_that_is_not_in_the_containers_cgroup(
    tmp_path: Path, version: int, seen: str
) -> None:
    """Nothing is found, though the directory is there."""
    assert container_paths(lines(version, seen), ONE) == {}
    assert found(tree(tmp_path, version, f"docker/{ONE}"), lines(version, seen)) == set()


def test_short_id_is_no_id() -> None:
    """Whatever an engine calls an id: less than 64 digits could be another's."""
    for named in (ONE, ONE[:12]):
        assert container_paths(lines(2, f"/docker/{named}"), ONE[:12]) == {}


def test_directory_that_is_not_mounted(tmp_path: Path) -> None:
    """A container of which a hierarchy is not to be seen is not read in part."""
    finder = tree(tmp_path, 1, f"docker/{ONE}")
    (tmp_path / "memory/docker" / ONE).rename(tmp_path / "memory/docker" / OTHER)
    assert found(finder, lines(1, f"/docker/{ONE}")) == set()
    assert found(finder, lines(1, f"/../{ONE}")) == set()


def test_tree_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no deeper than the first container is; the others are beside it."""
    finder = tree(tmp_path, 2, f"docker/{ONE}")
    (tmp_path / "docker" / OTHER).mkdir()
    seen: list[Path] = []
    iterdir = Path.iterdir

    def listed(path: Path) -> Iterator[Path]:
        seen.append(path)
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", listed)
    for one, expected in ((ONE, [tmp_path]), (OTHER, [])):
        seen.clear()
        assert finder.find(container_paths(lines(2, f"/../{one}"), one)) is not None
        assert seen == expected


def test_tree_is_looked_through_to_a_depth_only(tmp_path: Path) -> None:
    """No engine puts its containers deeper; what they make for themselves may have no end."""
    finder = tree(tmp_path, 2, f"1/2/3/4/5/6/7/{ONE}")
    assert found(finder, lines(2, f"/../{ONE}")) == set()


def test_tree_is_not_looked_through_for_a_place_that_is_named(tmp_path: Path) -> None:
    """It is there or not: a machine whose hierarchies are not mounted costs no search."""
    finder = tree(tmp_path, 2, f"elsewhere/docker/{ONE}")
    assert found(finder, lines(2, f"/docker/{ONE}")) == set()


def test_directory_that_goes_while_the_tree_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are looked into."""
    finder = tree(tmp_path, 2, f"a/docker/{ONE}")
    iterdir = Path.iterdir

    def listed(path: Path) -> Iterator[Path]:
        if path.name == "init.scope":
            raise FileNotFoundError
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", listed)
    assert found(finder, lines(2, f"/../{ONE}")) == {f"a/docker/{ONE}"}


def test_controller_that_the_kernel_lacks(tmp_path: Path) -> None:
    """What it does not name is not missed: a Raspberry Pi has no memory controller by default."""
    finder = tree(tmp_path, 1, f"docker/{ONE}")
    without = b"".join(
        line
        for line in lines(1, f"/docker/{ONE}").splitlines(keepends=True)
        if b":memory:" not in line
    )
    cgroup = finder.find(container_paths(without, ONE))
    assert cgroup is not None
    names = {name for name, _ in cgroup.files}
    assert "cpuacct.usage" in names
    assert "memory.stat" not in names


def test_pressure_of_the_hierarchy_beside(tmp_path: Path) -> None:
    """Where systemd mounts cgroup v2 beside v1, pressure is read there."""
    (tmp_path / "unified/docker" / ONE).mkdir(parents=True)
    text = lines(1, f"/docker/{ONE}").replace(b"0::/", f"0::/docker/{ONE}".encode())
    cgroup = tree(tmp_path, 1, f"docker/{ONE}").find(container_paths(text, ONE))
    assert cgroup is not None
    assert ("io.pressure", f"unified/docker/{ONE}/io.pressure") in cgroup.files


@given(st.binary(max_size=300) | st.text(":/\n01c" + ONE[:3]).map(str.encode))
def test_rubbish_is_no_container(text: bytes) -> None:
    """Only the whole id in the name of a cgroup is one."""
    assert container_paths(text, ONE) == {}
    found = container_paths(text + b"\n1:cpu:/docker/" + ONE.encode() + b"\n", ONE)
    assert found == {"cpu": f"/docker/{ONE}"}
