"""`pratique audit verify` over what retention moved into archives."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import main
from proxy.keeping.archive import archive_audit
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore
from tests.proxy.store.values import FakeClock


@pytest.fixture(name="archived")
def _archived(tmp_path: Path) -> Path:
    """The newest archive of a store with nine rows."""

    async def fill() -> None:
        clock = FakeClock()
        store = SqliteStore.open(tmp_path / DATABASE, clock=clock)
        for number in range(8):
            await store.append_audit(actor="a", action="acted", subject=str(number), detail="{}")
            clock.advance(60)
        await archive_audit(store, tmp_path, before=clock.now, clock=clock, actor="keeping")
        while await store.drop_archived(limit=100):
            pass
        await store.close()

    asyncio.run(fill())
    (made,) = tmp_path.glob("audit-archive-*.jsonl")
    return made


def verify(folder: Path) -> Result:
    return CliRunner().invoke(main, ["audit", "verify"], env={"PRATIQUE_DATA_DIR": str(folder)})


def test_verify__reads_the_archives_too(archived: Path) -> None:
    done = verify(archived.parent)
    assert done.exit_code == 0, done.output
    assert "The audit log holds: 9 row(s), 7 of them in 1 archive(s)." in done.output


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
def test_verify__names_an_archive_that_is_not_what_it_was(archived: Path, how: str) -> None:
    data = archived.read_bytes()
    if how == "missing":
        archived.unlink()
    else:
        archived.write_bytes(data[:-40] if how == "cut" else data.replace(b"acted", b"slept", 1))
    done = verify(archived.parent)
    assert done.exit_code == 1
    assert archived.name in done.output
    assert how in done.output
    assert "backup" in done.output
