"""Archives of the audit log: whole, chained, and told when they are not what they were."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import NotAllowed, StoreConflict, StoreError
from proxy.keeping import archive
from proxy.keeping.archive import (
    Whole,
    archive_audit,
    read_archive,
    verify_archives,
    verify_whole,
)
from proxy.store.memory import MemoryStore
from tests.proxy.admin.people import CI, VIEW
from tests.proxy.store.values import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(clock: FakeClock) -> MemoryStore:
    made = MemoryStore(clock=clock)
    for number in range(7):
        await made.append_audit(
            actor="a\nb\u2028", action="acted", subject=f"ünï {number}", detail='{"a":"\\n"}'
        )
        clock.advance(86_400)
    return made


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def put_away(store: MemoryStore, folder: Path, clock: FakeClock) -> None:
    while await archive_audit(store, folder, before=clock.now, clock=clock, actor="keeping"):
        while await store.drop_archived(limit=100):
            pass


async def test_archive__holds_the_rows_and_the_chain_runs_through_it(
    store: MemoryStore, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ARCHIVE_ROWS_MAX", 4)
    rows = (await store.audit())[::-1]
    await put_away(store, tmp_path, clock)
    anchors = await store.audit_anchors()
    files = [tmp_path / anchor.file for anchor in anchors]
    assert files_in(tmp_path) == files
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600] * len(files)
    kept = [row for path in files for row in read_archive(path)]
    assert tuple(kept[:7]) == rows
    assert verify_archives(tmp_path, anchors) == anchors[-1].number >= 6
    assert await store.verify_audit() == (await store.audit())[0].number


async def test_archive__of_nothing_old_enough_is_none(
    store: MemoryStore, clock: FakeClock, tmp_path: Path
) -> None:
    first = (await store.audit())[-1]
    assert not await archive_audit(store, tmp_path, before=first.at, clock=clock, actor="k")
    assert files_in(tmp_path) == []


async def test_archive__that_a_crash_left_without_an_anchor_is_written_anew(
    store: MemoryStore, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / archive.archive_name(1, 6)).write_bytes(b"half")
    await put_away(store, tmp_path, clock)
    assert verify_archives(tmp_path, await store.audit_anchors()) >= 6


async def test_archive__leaves_a_broken_chain_where_it_is(
    store: MemoryStore, clock: FakeClock, tmp_path: Path
) -> None:
    del store._audit[2]
    with pytest.raises(StoreError, match="row 3 is missing"):
        await archive_audit(store, tmp_path, before=clock.now, clock=clock, actor="k")
    assert files_in(tmp_path) == []


async def test_archive__that_cannot_be_written_lets_no_row_go(
    store: MemoryStore, clock: FakeClock, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="cannot be read or written"):
        await archive_audit(store, tmp_path / "none", before=clock.now, clock=clock, actor="k")
    assert await store.audit_anchors() == ()
    assert await store.verify_audit() == 7


async def test_archive__second_one_at_once_is_refused(
    store: MemoryStore, clock: FakeClock, tmp_path: Path
) -> None:
    anchor = await archive_audit(store, tmp_path, before=clock.now, clock=clock, actor="k")
    assert anchor is not None
    with pytest.raises(StoreConflict):
        await store.anchor_audit(anchor, actor="k")


TAMPERING: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a word": (lambda data: data.replace(b"acted", b"slept", 1), "was changed"),
    "a row less": (lambda data: data.split(b"\n", 1)[1], "was changed"),
    "nothing left": (lambda _: b"", "was changed"),
    "no rows": (lambda _: b"{}\n", "was changed, or cut"),
}


@pytest.mark.parametrize(("change", "told"), TAMPERING.values(), ids=TAMPERING.keys())
async def test_verify_archives__tells_what_is_not_as_it_was(
    store: MemoryStore,
    clock: FakeClock,
    tmp_path: Path,
    change: Callable[[bytes], bytes],
    told: str,
) -> None:
    await put_away(store, tmp_path, clock)
    anchors = await store.audit_anchors()
    path = tmp_path / anchors[0].file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(StoreError, match=told) as caught:
        verify_archives(tmp_path, anchors)
    assert "backup" in caught.value.next_step


async def test_verify_archives__tells_one_that_is_gone(
    store: MemoryStore, clock: FakeClock, tmp_path: Path
) -> None:
    await put_away(store, tmp_path, clock)
    anchors = await store.audit_anchors()
    (tmp_path / anchors[0].file).unlink()
    with pytest.raises(StoreError, match="is missing"):
        verify_archives(tmp_path, anchors)


async def test_verify_whole__counts_store_and_archives_and_finds_either_broken(
    store: MemoryStore, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ARCHIVE_ROWS_MAX", 4)
    await put_away(store, tmp_path, clock)
    anchors = await store.audit_anchors()
    whole = await verify_whole(store, VIEW, tmp_path)
    newest = (await store.audit())[0].number
    assert whole == Whole(rows=newest, archived=anchors[-1].number, archives=len(anchors))
    with pytest.raises(NotAllowed):
        await verify_whole(store, CI, tmp_path)
    path = tmp_path / anchors[0].file
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(StoreError, match=re.escape(anchors[0].file)):
        await verify_whole(store, VIEW, tmp_path)
    path.write_bytes(data)
    await verify_whole(store, VIEW, tmp_path)
