"""A corpus' manifest survives its file; a line that could point elsewhere is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.artifact import ArtifactKind
from models.errors import ValueInvalid
from models.research.manifest import MANIFEST, Item, read_manifest, write_manifest
from models.research.rows import Population

DIGEST = "ab" * 32


def an_item(**fields: object) -> Item:
    known = {"kind": ArtifactKind.WHEEL, "project": "demo", "population": Population.POPULAR}
    return Item(**{**known, **fields})  # type: ignore[arg-type]


def test_manifest__comes_back_as_it_was_written(tmp_path: Path) -> None:
    items = (
        an_item(filename="demo-1-py3-none-any.whl", sha256=DIGEST, date="2026-01-02"),
        an_item(note="no such project"),
        an_item(
            filename="demo-1.tar.gz",
            sha256="cd" * 32,
            kind=ArtifactKind.SDIST,
            population=Population.GRAFT,
            malicious=True,
            template="reenact-t05-x",
        ),
    )
    write_manifest(tmp_path, items)
    assert read_manifest(tmp_path) == items


def test_read_manifest__of_an_empty_folder_is_empty(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == ()


@pytest.mark.parametrize(
    "line",
    [
        "wheel,../x.whl," + DIGEST + ",demo,popular,0,,,,,,,",
        "wheel,.x.whl," + DIGEST + ",demo,popular,0,,,,,,,",
        "wheel,x.whl,../../etc,demo,popular,0,,,,,,,",
        "egg,x.whl," + DIGEST + ",demo,popular,0,,,,,,,",
        "wheel,x.whl," + DIGEST + ",demo,nobody,0,,,,,,,",
        "wheel,x.whl," + DIGEST + ",demo,popular,maybe,,,,,,,",
    ],
)
def test_read_manifest__refuses_a_wrong_line_and_names_it(tmp_path: Path, line: str) -> None:
    write_manifest(tmp_path, ())
    head = (tmp_path / MANIFEST).read_text()
    (tmp_path / MANIFEST).write_text(f"{head}{line}\n")
    with pytest.raises(ValueInvalid, match="line 2"):
        read_manifest(tmp_path)


def test_path__lies_below_the_folder_by_kind_and_digest(tmp_path: Path) -> None:
    item = an_item(filename="demo-1-py3-none-any.whl", sha256=DIGEST)
    assert item.path(tmp_path) == tmp_path / "wheel" / DIGEST / "demo-1-py3-none-any.whl"
