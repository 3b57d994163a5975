"""`pratique research select`: which features are worth learning from, and why the others fell out."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import click

from models.errors import ValueInvalid
from models.research.rows import Table, read_table
from proxy.cli.commands.research_model import ROWS, seed_option, tables_option, telling, there

FIELDS = ("feature", "decided", "importance", "with", "r")


@click.command()
@tables_option
@click.option(
    "--correlation",
    default=0.95,
    show_default=True,
    help="|r| from which two features say the same, so that the less important one falls out.",
)
@click.option(
    "--importance",
    default=0.0,
    show_default=True,
    help="Gain up to which a feature falls out; 0: what no tree splits on.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the same as CSV, one line a feature.",
)
@seed_option
def select(
    tables: Path, correlation: float, importance: float, out: Path | None, seed: int
) -> None:
    """Show which learned features are worth their column: Pearson correlation, then importance.

    A model over all of them is trained for the importances (LightGBM's gain). What falls out is told
    with its reason: nobody measured it, it never varies, no tree needs it, or another one says the
    same and matters more. Nothing is changed: the shipped model is offered all of them, for a
    feature that no sample used yet is what tomorrow's sample does.
    """
    from models.research.artefacts import catalogue_columns  # noqa: PLC0415 - loads LightGBM
    from models.research.matrix import Matrix  # noqa: PLC0415
    from models.research.selection import select as decide  # noqa: PLC0415
    from models.research.selection import selection_lines  # noqa: PLC0415
    from models.research.training import whole_model  # noqa: PLC0415

    if importance < 0:
        raise ValueInvalid("An importance is not below 0.", next_step="Leave --importance out.")
    table = read_table(there(tables / ROWS))
    columns = catalogue_columns(table)
    with telling() as tell:
        tell("training on all features")
        model, _ = whole_model(Matrix.of(table, columns), seed=seed)
        tell("correlating")
        selection = decide(
            _only(table, columns.learned),
            model.gains,
            correlation_max=correlation,
            importance_min=importance,
        )
    for line in selection_lines(selection):
        click.echo(line)
    if out:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(FIELDS)
            for one in selection.choices:
                r = f"{one.r:.4f}" if one.other else ""
                writer.writerow((one.name, one.why.value, f"{one.importance:.6g}", one.other, r))
        click.echo(f"{out} is written.", err=True)


def _only(table: Table, names: tuple[str, ...]) -> Table:
    places = [table.features.index(name) for name in names]
    return Table(
        features=names,
        rows=tuple(
            replace(row, values=tuple(row.values[at] for at in places)) for row in table.rows
        ),
    )
