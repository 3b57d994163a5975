"""`pratique research audit-qut`: shows from QUT-DV25's own rows why its labels leak."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from models.research.leak_audit import TableAudit
    from models.research.leaks import Leak

STYLES = {"leak": "red", "separates": "yellow", "present": "", "absent": "dim", "undecided": "dim"}
WIDTH_MIN = 110
"""Columns that the table needs; where the terminal has fewer, lines are broken by it, not by us."""


@click.command("audit-qut")
@click.argument(
    "tables", nargs=-1, metavar="[ROWS.csv…]", type=click.Path(dir_okay=False, path_type=Path)
)
@click.option("--json", "as_json_", is_flag=True, help="Everything as one object.")
@click.option("--seed", default=1, show_default=True, help="Of how families are dealt to folds.")
def audit_qut(tables: tuple[Path, ...], as_json_: bool, seed: int) -> None:
    """Show why the labels of QUT-DV25 leak, and how far each tell alone gets.

    \b
    pratique research audit-qut                the sample that Pratique ships
    pratique research audit-qut QUT-DV25.csv   the published table, or the list of its packages

    Each tell is a thing of the laboratory, of the choice of packages, or of both sides alike, such
    as a web browser's threads in a row about a package. Beside it stands what the models that were
    trained on the same columns are published to reach. docs/leak-audit.md says how to read it.
    """
    # What the audit needs takes a while to load, and no other command asks for it.
    from models.research.leak_audit import as_json, audit  # noqa: PLC0415
    from models.research.leak_rows import read_audited, read_sample  # noqa: PLC0415

    wanted = tuple(read_audited(path) for path in tables) if tables else read_sample()
    with Console(stderr=True).status("auditing") as status:
        audits = [
            audit(table, seed=seed, progress=lambda id_: status.update(f"auditing: {id_}"))
            for table in wanted
        ]
    if as_json_:
        click.echo(json.dumps(as_json(audits), indent=1, ensure_ascii=False))
        return
    console = Console(width=None if sys.stdout.isatty() else WIDTH_MIN)
    for one in audits:
        print_audit(console, one)


def print_audit(console: Console, one: TableAudit) -> None:
    """One table's tells, then what each of those that tell was, then what the size allows to say."""
    from models.research.leak_audit import limits  # noqa: PLC0415

    console.print(_table(one))
    for leak in _telling(one.leaks):
        console.print(_why(leak))
    console.print(Text(f"\n{limits(one)}\n"))


def _table(one: TableAudit) -> RichTable:
    from models.research.leak_audit import PUBLISHED  # noqa: PLC0415

    table = RichTable(box=None, pad_edge=False, title=Text(one.source), title_justify="left")
    for heading in ("tell", "malicious", "benign", "right alone (99 %)", "published", "verdict"):
        side = "left" if heading in ("tell", "verdict") else "right"
        table.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for leak in one.leaks:
        published = PUBLISHED.get(leak.category)
        table.add_row(
            leak.id,
            f"{leak.malicious.shown} of {leak.malicious.of}",
            f"{leak.benign.shown} of {leak.benign.of}",
            leak.alone.words if leak.alone else "",
            f"{100 * published:.1f} {leak.category}" if published else "",
            Text(leak.verdict.value, style=STYLES[leak.verdict.value]),
        )
    return table


def _telling(leaks: Sequence[Leak]) -> list[Leak]:
    return [leak for leak in leaks if STYLES[leak.verdict.value] in ("red", "yellow")]


def _why(leak: Leak) -> Text:
    text = Text(f"\n{leak.id}", style="bold")
    text.append(f"  {leak.looked_for}. {leak.says}", style="not bold")
    if leak.examples:
        text.append(f"\n  {'; '.join(leak.examples)}", style="not bold dim")
    return text
