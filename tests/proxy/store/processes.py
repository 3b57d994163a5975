"""Other processes that use a store: ones that write until they are killed, ones with fewer rights."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
NOBODY = 65534
"""The uid of `nobody`."""

OPEN_AND_WRITE = """
import asyncio, sys
from pathlib import Path
from models.clock import utc_now
from models.errors import StoreError
from proxy.store.sqlite import SqliteStore
async def main():
    store = SqliteStore.open(Path(sys.argv[1]), clock=utc_now)
    await store.append_audit(actor="nobody", action="written", subject="x", detail="{}")
    print(await store.verify_audit())
    await store.close()
try:
    asyncio.run(main())
except StoreError as error:
    print("StoreError", error.next_step)
"""


def spawn_writer(path: Path, writer: str, count: int) -> subprocess.Popen[str]:
    """A process that writes `count` decisions, one line on stdout after each."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.proxy.store.writer_child", str(path), writer, str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def open_as_nobody(path: Path) -> subprocess.CompletedProcess[str]:
    """Opens the store and appends a row, as somebody without our rights (if we are root)."""
    root = os.geteuid() == 0
    return subprocess.run(
        [sys.executable, "-c", OPEN_AND_WRITE, str(path)],
        cwd=ROOT,
        user=NOBODY if root else None,
        group=NOBODY if root else None,
        extra_groups=[] if root else None,
        env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
