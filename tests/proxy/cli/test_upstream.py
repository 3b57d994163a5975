"""`pratique upstream`: which one answers for a name, and giving it to another."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result
from packaging.utils import canonicalize_name

from models.artifact import IndexName
from models.clock import utc_now
from proxy.cli.main import main
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore

TEXT = """
upstream = "https://index.invalid/simple/"
data_dir = "{folder}"
[[upstreams]]
name = "acme"
url = "https://ci:s3cret@devpi.invalid/simple/"
names = ["acme-*"]
"""
WHO = ("--actor", "ann", "--justification", "ours now")


def run(folder: Path, *arguments: str) -> Result:
    file = folder / "pratique.toml"
    file.write_text(TEXT.format(folder=folder))
    return CliRunner().invoke(main, ["upstream", *arguments, "--config", str(file)])


def bind(folder: Path, *names: str) -> None:
    async def work() -> None:
        store = SqliteStore.open(folder / DATABASE, clock=utc_now)
        for name in names:
            await store.bind_origin(canonicalize_name(name), IndexName("pypi"))
        await store.close()

    asyncio.run(work())


def test_list__is_in_their_order_and_has_no_secret(tmp_path: Path) -> None:
    lines = run(tmp_path, "list").output.splitlines()
    assert lines[0] == "acme  https://devpi.invalid/simple/; owns acme-*; with credentials"
    assert lines[1] == "pypi  https://index.invalid/simple/; every other name"


def test_of__says_who_owns_has_or_would_be_asked_for_a_name(tmp_path: Path) -> None:
    bind(tmp_path, "demo")
    assert "acme-x belongs to acme" in run(tmp_path, "of", "Acme.X").output
    assert "demo comes from pypi since" in run(tmp_path, "of", "demo").output
    assert "Nobody has asked for new yet; asked will be: pypi." in run(tmp_path, "of", "new").output


def test_move__names_or_all_of_an_upstream(tmp_path: Path) -> None:
    bind(tmp_path, "demo", "other", "third")
    moved = run(tmp_path, "move", "demo", "--to", "acme", *WHO)
    assert "demo comes from acme now, no longer from pypi.\n" in moved.output
    assert (
        "2 name(s) moved." in run(tmp_path, "move", "--all-of", "pypi", "--to", "acme", *WHO).output
    )
    assert "does not answer for it any more" in run(tmp_path, "of", "demo").output


def test_move__to_nowhere_or_of_nothing_is_refused(tmp_path: Path) -> None:
    bind(tmp_path, "demo")
    nowhere = run(tmp_path, "move", "demo", "--to", "gone", *WHO)
    assert (nowhere.exit_code, "Known are: acme, pypi." in nowhere.output) == (1, True)
    assert run(tmp_path, "move", "--to", "acme", *WHO).exit_code == 2
