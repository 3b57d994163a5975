"""`pratique mirror`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from analyzer.clean import printable
from analyzer.interpreter import EXECUTABLE, describe_interpreter
from proxy.candidates import Interpreter
from proxy.cli.texts import read_lock_file
from proxy.lockfiles import Lock
from proxy.mirror import AT_ONCE, Outcome, Warmed, counted, warm

REFUSED, UNANSWERED = 3, 4
"""Exit codes."""
NAMES_SHOWN = 20
_COLOURS = {
    Outcome.SERVED: "green",
    Outcome.REFUSED: "red",
    Outcome.UNLISTED: "yellow",
    Outcome.FAILED: "yellow",
}


@click.group()
def mirror() -> None:
    """Prepare a firewall for what will be installed through it."""


@mirror.command("warm")
@click.argument(
    "locks", metavar="LOCKFILE…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--index-url",
    default="http://127.0.0.1:8080/simple/",
    show_default=True,
    envvar="PRATIQUE_INDEX_URL",
    help="The firewall, as installers name it; a token goes in as the password.",
)
@click.option(
    "--python",
    default=EXECUTABLE,
    show_default=True,
    metavar="PATH",
    help="The interpreter that will install: of each release the file that fits it is asked for.",
)
@click.option("--all-files", is_flag=True, help="Every file that is pinned, for whatever platform.")
@click.option("--at-once", type=click.IntRange(1, 64), default=AT_ONCE, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each file.")
def warm_(
    locks: tuple[Path, ...],
    index_url: str,
    python: str,
    all_files: bool,
    at_once: int,
    as_json: bool,
) -> None:
    """Have what lock files pin analysed and fetched ahead, and say what will be refused.

    Reads requirement files with hashes, pylock.toml, uv.lock and poetry.lock. Whoever waits for a file
    goes first. Nobody is recorded as having fetched anything. Run it before a roll-out, and at night.

    Exit code 0: all will be served; 3: something is refused; 4: something is not listed, or the
    firewall did not answer.
    """
    read = tuple(read_lock_file(path) for path in locks)
    warmed = asyncio.run(
        _warm(index_url, read, python="" if all_files else python, at_once=at_once)
    )
    if as_json:
        for one in warmed:
            click.echo(msgspec.json.encode(one).decode())
    else:
        _print(warmed, read, Console())
    counts = counted(warmed)
    if counts[Outcome.REFUSED]:
        sys.exit(REFUSED)
    if counts[Outcome.UNLISTED] or counts[Outcome.FAILED]:
        sys.exit(UNANSWERED)


async def _warm(
    index_url: str, locks: Sequence[Lock], *, python: str, at_once: int
) -> tuple[Warmed, ...]:
    interpreter = None
    if python:
        interpreter = Interpreter((await describe_interpreter(python)).target)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("files", total=None)

        def tell(done: int, known: int, last: Warmed | None) -> None:
            words = printable(last.filename or last.project, 40) if last else "files"
            bar.update(task, completed=done, total=known, description=escape(words))

        return await warm(index_url, locks, interpreter=interpreter, at_once=at_once, progress=tell)


def _print(warmed: Sequence[Warmed], locks: Sequence[Lock], out: Console) -> None:
    counts = counted(warmed)
    words = ", ".join(f"{count:,} {outcome.value}" for outcome, count in counts.items() if count)
    out.print(f"{len(warmed):,} file(s): {words or 'none'}.")
    table = Table(box=None, pad_edge=False)
    for heading in ("release", "file", "outcome", "why"):
        table.add_column(heading, overflow="fold")
    for one in warmed:
        if one.outcome is not Outcome.SERVED:
            table.add_row(
                escape(f"{one.project} {one.version}"),
                escape(printable(one.filename, 120)),
                f"[{_COLOURS[one.outcome]}]{one.outcome.value}[/]",
                escape(printable(one.reason, 300)),
            )
    if table.row_count:
        out.print(table)
    unpinned = sorted({name for lock in locks for name in lock.unpinned})
    if unpinned:
        shown = ", ".join(unpinned[:NAMES_SHOWN])
        more = f" and {len(unpinned) - NAMES_SHOWN} more" if len(unpinned) > NAMES_SHOWN else ""
        out.print(f"Left out, for the lock has no sha256 of it: {escape(shown)}{more}")
