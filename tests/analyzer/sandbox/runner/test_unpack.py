"""Wheels are unpacked as an installer would, and none gets out of its folder."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox.runner import unpack
from analyzer.sandbox.runner.unpack import Refused


def make(fill: Callable[[zipfile.ZipFile], None], folder: Path) -> str:
    """A wheel on disk."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    path = folder / "x-1-py3-none-any.whl"
    path.write_bytes(buffer.getvalue())
    return str(path)


def test_unpack__schemes_and_scripts(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("x/__init__.py", "1")
        archive.writestr("x-1.data/purelib/y.py", "2")
        archive.writestr("x-1.data/platlib/z.py", "3")
        archive.writestr("x-1.data/scripts/tool", "#!python\nprint(1)\n")
        archive.writestr("x-1.data/data/share/doc.txt", "4")
        archive.writestr("x-1.data/headers/x.h", "5")
        archive.writestr(
            "x-1.dist-info/entry_points.txt",
            "[console_scripts]\ngo = x.cli:main [extra]\nbad/name = x:y\nworse = os;evil:x\n"
            "[other]\nno = x:y\n",
        )

    site = tmp_path / "site"
    files, size = unpack.unpack(make(fill, tmp_path), str(tmp_path), str(site))

    assert files == 7
    assert size > 0
    assert {p.name for p in site.iterdir()} == {"x", "y.py", "z.py", "x-1.dist-info"}
    assert (tmp_path / "share/doc.txt").read_text() == "4"
    assert (tmp_path / "include/x/x.h").read_text() == "5"
    assert (tmp_path / "bin/tool").read_text().startswith("#!/env/bin/python\n")
    assert {p.name for p in (tmp_path / "bin").iterdir()} == {"tool", "go"}
    assert "from x.cli import main" in (tmp_path / "bin/go").read_text()
    assert (tmp_path / "bin/go").stat().st_mode & 0o111


@pytest.mark.parametrize(
    "name",
    [
        "/abs",
        "../up",
        "a/../../b",
        "a//b",
        "./a",
        "a\\b",
        "a/\0b",
        "",
        "x" * 2000,
        "x-1.data/odd/f",
    ],
)
def test_names__that_could_leave_are_refused(name: str) -> None:
    with pytest.raises(Refused):
        unpack.target_of(unpack.safe_parts(name), "/p", "/p/site")


@given(st.text(max_size=60))
def test_names__whatever_is_accepted_stays_inside(name: str) -> None:
    try:
        target, _ = unpack.target_of(unpack.safe_parts(name), "/p", "/p/site")
    except Refused:
        return
    parts = target.split("/")
    assert parts[:2] == ["", "p"]
    assert ".." not in parts


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_members__devices_are_refused(kind: int) -> None:
    info = zipfile.ZipInfo("x")
    info.external_attr = (kind | 0o777) << 16
    with pytest.raises(Refused, match="is a device"):
        unpack.check_member(info)


@pytest.mark.parametrize("target", ["", "../../outside"])
def test_members__a_link_becomes_a_file_that_holds_its_target(tmp_path: Path, target: str) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        link = zipfile.ZipInfo("x/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)

    unpack.unpack(make(fill, tmp_path), str(tmp_path), str(tmp_path / "site"))

    made = tmp_path / "site/x/link"
    assert not made.is_symlink()
    assert made.read_text() == target


def test_members__bombs_are_refused(tmp_path: Path) -> None:
    path = make(lambda archive: archive.writestr("x.py", b"\0" * (65 << 20)), tmp_path)
    with pytest.raises(Refused, match="too tightly"):
        unpack.unpack(path, str(tmp_path), str(tmp_path / "site"))


def test_members__a_small_one_may_be_padded_with_zeros(tmp_path: Path) -> None:
    path = make(lambda archive: archive.writestr("x.so", b"\0" * (2 << 20)), tmp_path)

    assert unpack.unpack(path, str(tmp_path), str(tmp_path / "site")) == (1, 2 << 20)


def test_members__too_many_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "FILES_MAX", 2)

    def fill(archive: zipfile.ZipFile) -> None:
        for name in "abc":
            archive.writestr(name, "")

    with pytest.raises(Refused, match="too many"):
        unpack.unpack(make(fill, tmp_path), str(tmp_path), str(tmp_path / "site"))


def test_links_in_place__are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/x.py").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").write_text("safe")
    path = make(lambda archive: archive.writestr("x.py", "evil"), tmp_path)

    with pytest.raises(OSError, match="symbolic"):
        unpack.unpack(path, str(tmp_path), str(tmp_path / "site"))
    assert (tmp_path / "victim").read_text() == "safe"


@given(st.binary(max_size=300))
def test_install__garbage_is_reported_not_raised(data: bytes) -> None:
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.whl")
        path.write_bytes(data)
        unpack.REPORT_FD = -1
        assert unpack.install(str(path), folder, folder) is False


def test_main__groups_are_separated_by_dashes(tmp_path: Path) -> None:
    unpack.REPORT_FD = -1
    path = make(lambda archive: archive.writestr("x.py", "1"), tmp_path)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")

    assert unpack.main([one, f"{one}/s", path, "--", two, f"{two}/s", path]) == 0
    assert (tmp_path / "one/s/x.py").exists()
    assert (tmp_path / "two/s/x.py").exists()


@pytest.mark.parametrize(
    ("names", "fits"), [(["a.whl"], True), ([], False), (["a.whl", "b.whl"], False), (["a"], False)]
)
def test_only_wheel__a_folder_stands_for_the_one_wheel_in_it(
    tmp_path: Path, names: list[str], fits: bool
) -> None:
    for name in names:
        (tmp_path / name).touch()

    if fits:
        assert unpack.only_wheel(str(tmp_path)) == str(tmp_path / "a.whl")
    else:
        with pytest.raises(Refused):
            unpack.only_wheel(str(tmp_path))


def test_only_wheel__a_file_stands_for_itself() -> None:
    assert unpack.only_wheel("/in/run/x.whl") == "/in/run/x.whl"
