"""Tables hold every traced artifact once, and nothing of what reading our own fixtures says."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from models.artifact import ArtifactKind
from models.canonical import canonical_json
from models.errors import ValueInvalid
from models.evidence import Layer, Signal
from models.phase import Phase
from models.research.manifest import Item
from models.research.rows import Population
from models.trust.features.catalog import FEATURES
from proxy.research.tabling import BASELINES, read_guarddog, row_of, tables_of
from proxy.research.tracing import make_folders, ref_of
from tests.models.examples import evidence


def item_of(number: int, population: Population = Population.POPULAR, **more: str) -> Item:
    return Item(
        kind=ArtifactKind.WHEEL,
        filename="demo-1.0-py3-none-any.whl",
        sha256=f"{number:064x}",
        project="demo",
        population=population,
        **more,
    )


def seen(folder: Path, item: Item) -> None:
    told = evidence(
        ref_of(item),
        signals=(
            Signal(
                name="metadata.static_import_network",
                layer=Layer.METADATA,
                value=True,
                phase=Phase.INVENTORY,
            ),
        ),
    )
    item.evidence_path(folder).write_bytes(canonical_json(told))


def test_tables_of__takes_each_traced_item_once_in_order(tmp_path: Path) -> None:
    make_folders(tmp_path, None)
    items = [
        item_of(3),
        item_of(1, Population.MALWARE, template="t", date="2024-01-02"),
        item_of(2),
    ]
    for item in items[:2]:
        seen(tmp_path, item)
    items.append(replace(item_of(4), sha256="", note="too large: 9"))
    tables = tables_of(tmp_path, items, lambda _name: None, {items[1].sha256: 7.5})
    assert [row.id for row in tables.ours.rows] == [item.sha256[:16] for item in items[:2]]
    assert [row.malicious for row in tables.ours.rows] == [False, True]
    assert tables.ours.rows[1].date == "2024-01-02"
    assert tables.left_out == {"not traced": 1, "no file: too large": 1}
    guarddog = tables.baselines.column(BASELINES[-1])
    assert math.isnan(guarddog[0])
    assert guarddog[1] == 7.5


def test_row_of__a_fixtures_code_is_not_measured_and_anybody_elses_is(tmp_path: Path) -> None:
    make_folders(tmp_path, None)
    graft, honest = item_of(1, Population.GRAFT, template="reenact-x"), item_of(2)
    for item in (graft, honest):
        told = evidence(ref_of(item))
        row = row_of(item, told)
        of_reading = [
            value
            for feature, value in zip(FEATURES, row.values, strict=True)
            if feature.layer is Layer.METADATA
        ]
        hidden = item is graft
        assert all(map(math.isnan, of_reading)) is hidden
        assert (Layer.METADATA.value in row.measured) is not hidden


def test_tables_of__re_enactments_that_never_run_are_left_out(tmp_path: Path) -> None:
    make_folders(tmp_path, None)
    item = item_of(1, Population.GRAFT, template="reenact-x", phase="P0")
    seen(tmp_path, item)
    tables = tables_of(tmp_path, [item], lambda _name: None)
    assert tables.ours.rows == ()
    assert sum(tables.left_out.values()) == 1


def test_tables_of__says_which_evidence_cannot_be_read(tmp_path: Path) -> None:
    make_folders(tmp_path, None)
    item = item_of(1)
    item.evidence_path(tmp_path).write_bytes(b"{")
    with pytest.raises(ValueInvalid, match="is no evidence"):
        tables_of(tmp_path, [item], lambda _name: None)


def test_read_guarddog__what_it_could_not_read_it_does_not_flag(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"score": 6.5}))
    (tmp_path / "b.json").write_text(json.dumps({"score": None}))
    assert read_guarddog(tmp_path) == {"a": 6.5, "b": 0.0}
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(ValueInvalid, match=r"c\.json"):
        read_guarddog(tmp_path)
