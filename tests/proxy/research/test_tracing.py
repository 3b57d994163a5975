"""Every class goes one way through the sandbox; malware is read and never reaches it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any, Self, cast

import msgspec
import pytest

from analyzer.readers.confinement import Confinement
from analyzer.readers.pool import ReaderPool
from analyzer.readers.porter import Porter
from models.artifact import ArtifactKind
from models.clock import utc_now
from models.errors import SandboxFailed, ValueInvalid
from models.evidence import Evidence, Layer, Signal
from models.research.manifest import Item
from models.research.rows import Population
from models.work import EvidencePost
from proxy.research.tracing import (
    Traced,
    left,
    make_folders,
    read_all,
    trace_all,
)
from proxy.scanning import Found, Scanner
from tests.analyzer.archives import make_zip
from tests.corpus.building import wheel_members
from tests.models.examples import evidence


def item_of(folder: Path, population: Population, name: str) -> Item:
    data = make_zip(wheel_members({f"{name}/__init__.py": b"x = 1\n"}, name, ()))
    item = Item(
        kind=ArtifactKind.WHEEL,
        filename=f"{name}-1.0-py3-none-any.whl",
        sha256=hashlib.sha256(data).hexdigest(),
        project=name,
        population=population,
    )
    item.path(folder).parent.mkdir(parents=True)
    item.path(folder).write_bytes(data)
    return item


class FakeScanner:
    """Stands in for the sandbox: remembers what it was given."""

    def __init__(self, failing: str = "", *, traces: bool = True) -> None:
        self.seen: list[Found] = []
        self._failing = failing
        self._traces = traces

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def forget_old(self) -> int:
        return 0

    async def observe(self, found: Found) -> EvidencePost:
        self.seen.append(found)
        if found.ref.project == self._failing:
            raise SandboxFailed("it fell")
        seen = evidence(
            found.ref,
            signals=(Signal(name="behaviour.traced", layer=Layer.BEHAVIOUR, value=self._traces),),
        )
        return EvidencePost(
            lease_id="x", sha256=found.ref.sha256, evidence=seen, trace=b"trace", metadata=b""
        )


async def traced(
    folder: Path, items: list[Item], scanner: FakeScanner, **more: Any
) -> list[Traced]:
    make_folders(folder, None)
    told: list[Traced] = []
    known = {"boxes": 2, "deadline": None, "tell": told.append}
    await trace_all(folder, items, cast("Scanner", scanner), **{**known, **more})
    return told


async def test_trace_all__gives_every_class_the_same_and_malware_nothing(tmp_path: Path) -> None:
    kinds = [p for p in Population if p is not Population.MALWARE]
    items = [item_of(tmp_path, kind, f"demo{number}") for number, kind in enumerate(kinds)]
    malware = item_of(tmp_path, Population.MALWARE, "other")
    scanner = FakeScanner()
    told = await traced(tmp_path, [*items, malware], scanner)
    assert {found.ref.project for found in scanner.seen} == {item.project for item in items}
    assert all(found.page is None for found in scanner.seen)
    assert {str(found.ref.index) for found in scanner.seen} == {"corpus"}
    assert {t.item for t in told} == set(items)


async def test_trace_all__what_is_done_is_not_run_again(tmp_path: Path) -> None:
    items = [item_of(tmp_path, Population.POPULAR, name) for name in ("one", "two")]
    told = await traced(tmp_path, items, FakeScanner(failing="two"))
    assert [t.error for t in told if t.item.project == "two"] == ["SandboxFailed: it fell"]
    assert left(tmp_path, items) == (items[1],)
    kept = msgspec.json.decode(items[0].evidence_path(tmp_path).read_bytes(), type=Evidence)
    assert kept.sha256 == items[0].sha256
    assert items[0].trace_path(tmp_path).read_bytes() == b"trace"


async def test_trace_all__starts_nothing_after_its_time(tmp_path: Path) -> None:
    items = [item_of(tmp_path, Population.POPULAR, "one")]
    scanner = FakeScanner()
    assert await traced(tmp_path, items, scanner, deadline=time.monotonic() - 1) == []
    assert scanner.seen == []


def test_read_all__reads_malware_alone_and_runs_nothing(tmp_path: Path) -> None:
    honest = item_of(tmp_path, Population.POPULAR, "honest")
    malware = item_of(tmp_path, Population.MALWARE, "other")
    make_folders(tmp_path, None)
    told: list[Traced] = []
    porter = Porter([], confinement=Confinement.NONE)
    try:
        with ReaderPool(porter, size=1) as pool:
            read_all(tmp_path, [honest, malware], pool, tell=told.append, clock=utc_now)
    finally:
        porter.close()
    (one,) = told
    assert one.item == malware
    assert one.evidence is not None
    assert one.evidence.layers == (Layer.METADATA,)
    assert left(tmp_path, [honest, malware]) == (honest,)


async def test_trace_all__what_was_only_read_is_not_kept_as_if_it_had_run(tmp_path: Path) -> None:
    items = [item_of(tmp_path, Population.POPULAR, "one")]
    (told,) = await traced(tmp_path, items, FakeScanner(traces=False))
    assert "traces nothing" in told.error
    assert left(tmp_path, items) == tuple(items)


def test_read_all__other_bytes_than_the_manifest_says_are_no_evidence(tmp_path: Path) -> None:
    malware = item_of(tmp_path, Population.MALWARE, "other")
    malware.path(tmp_path).write_bytes(b"PK changed")
    make_folders(tmp_path, None)
    told: list[Traced] = []
    porter = Porter([], confinement=Confinement.NONE)
    try:
        with ReaderPool(porter, size=1) as pool:
            read_all(tmp_path, [malware], pool, tell=told.append)
            read_all(tmp_path, [malware], pool, deadline=time.monotonic() - 1, tell=told.append)
    finally:
        porter.close()
    (one,) = told
    assert "other bytes" in one.error
    assert left(tmp_path, [malware]) == (malware,)


def test_make_folders__writes_through_no_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "evidence").symlink_to(victim)
    owner = victim.stat().st_uid
    with pytest.raises(ValueInvalid, match="is a link"):
        make_folders(folder, os.geteuid() + 5)
    assert victim.stat().st_uid == owner
