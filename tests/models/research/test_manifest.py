"""A corpus' manifest survives its file; a line that could point elsewhere is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.artifact import ArtifactKind
from models.errors import ValueInvalid
from models.research.manifest import MANIFEST, RUN, Item, read_manifest, write_manifest
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
            template="reenact-t05-x",
        ),
    )
    write_manifest(tmp_path, items)
    assert read_manifest(tmp_path) == items


def test_read_manifest__of_an_empty_folder_is_empty(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) == ()


GOOD = {
    "kind": "wheel",
    "filename": "x.whl",
    "sha256": DIGEST,
    "project": "demo",
    "population": "popular",
}


def written(folder: Path, **fields: str) -> None:
    row = {**GOOD, **fields}
    lines = (",".join(row), ",".join(row.values()))
    (folder / MANIFEST).write_text("\n".join(lines) + "\n")


def test_read_manifest__takes_what_a_good_line_says(tmp_path: Path) -> None:
    written(tmp_path, label="0")
    (item,) = read_manifest(tmp_path)
    assert (item.project, item.population, item.malicious) == ("demo", Population.POPULAR, False)


@pytest.mark.parametrize(
    "fields",
    [
        {"filename": "../x.whl"},
        {"filename": ".x.whl"},
        {"sha256": "../../etc"},
        {"kind": "egg"},
        {"population": "nobody"},
        {"population": ""},
        {"label": "1"},
        {"label": "maybe"},
        {"population": "malware", "label": "0"},
        {"population": "graft", "label": "0"},
        {"population": "twin", "label": "1"},
    ],
)
def test_read_manifest__refuses_a_wrong_line_and_names_it(
    tmp_path: Path, fields: dict[str, str]
) -> None:
    written(tmp_path, **fields)
    with pytest.raises(ValueInvalid, match="line 2"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("data", [b"kind\n\xff\xfe\n", b"kind\n" + b"x" * 200_000 + b"\n"])
def test_read_manifest__what_is_no_list_is_one_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(data)
    with pytest.raises(ValueInvalid):
        read_manifest(tmp_path)


def test_items__only_honest_ones_stand_for_their_project() -> None:
    honest = an_item(filename="a.whl", sha256=DIGEST)
    malware = an_item(filename="a.whl", sha256=DIGEST, population=Population.MALWARE)
    other = an_item(filename="b.whl", sha256="cd" * 32, population=Population.MALWARE)
    assert len({honest.key, malware.key, other.key}) == 3
    assert an_item(filename="b.whl", sha256="cd" * 32).key == honest.key


def test_run__holds_no_real_malware() -> None:
    assert {population for population in Population if population not in RUN} == {
        Population.MALWARE
    }


def test_path__lies_below_the_folder_by_kind_and_digest(tmp_path: Path) -> None:
    item = an_item(filename="demo-1-py3-none-any.whl", sha256=DIGEST)
    assert item.path(tmp_path) == tmp_path / "wheel" / DIGEST / "demo-1-py3-none-any.whl"
