"""`pratique research score|compare|package`: from the tables to a model that can be believed, or not."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table as RichTable

from models.decision import TrustTier
from models.errors import ValueInvalid
from models.research.rows import Table, read_table, write_table

SHIPPED = Path(__file__).parents[3] / "models" / "corpus"
"""The tables that Pratique ships: everything from here on needs no sandbox and no network."""
ROWS, DYSEC, BASELINES = "rows.csv.gz", "dysec.csv.gz", "baselines.csv.gz"
EVALUATION, REPORT, SUMS = "evaluation.json", "report.html", "SHA256SUMS"
GUARDDOG_THRESHOLD = 5.0
"""From here up GuardDog says "suspicious"."""
NAME = "trust-1"
FOLDER = click.Path(file_okay=False, path_type=Path)

tables_option = click.option(
    "--tables", type=FOLDER, default=SHIPPED, show_default="those that ship", help="From `graph`."
)
seed_option = click.option("--seed", default=1, show_default=True, help="Of folds and trees.")


@click.command()
@tables_option
@click.option("-o", "--out", type=FOLDER, default=Path("model"), show_default=True)
@click.option("--name", default=NAME, show_default=True, help="What a policy will call it.")
@seed_option
def score(tables: Path, out: Path, name: str, seed: int) -> None:
    """Train the model over all layers, calibrate it, and score every row out of fold.

    Writes NAME.txt (LightGBM's text), NAME.json (its card), NAME.reference.json (for drift) and
    scores.csv.gz. The same tables and seed give the same bytes.
    """
    from models.research.artefacts import (  # noqa: PLC0415 - LightGBM takes half a second to load
        artefact_of,
        catalogue_columns,
        scores_of,
        tiers_of_scores,
    )
    from models.research.calibration import GOAL_RATES  # noqa: PLC0415
    from models.research.matrix import Matrix  # noqa: PLC0415
    from models.research.training import train  # noqa: PLC0415

    table = read_table(there(tables / ROWS))
    matrix = Matrix.of(table, catalogue_columns(table))
    with telling() as tell:
        trained = train(matrix, seed=seed, rates=GOAL_RATES, progress=tell)
    artefact_of(trained, table, name=name, seed=seed).write(out)
    scores = scores_of(trained, table)
    write_table(scores, out / "scores.csv.gz")
    console = Console()
    console.print(_tier_table(tiers_of_scores(scores)))
    click.echo(f"{out / name}.txt, .json and .reference.json are written.")
    click.echo("Next: pratique research compare")


@click.command()
@tables_option
@click.option("-o", "--out", type=FOLDER, default=Path("model"), show_default=True)
@click.option("--resamples", default=2000, show_default=True, help="Of each interval.")
@seed_option
def compare(tables: Path, out: Path, resamples: int, seed: int) -> None:
    """Evaluate: splits, baselines, negative controls, ablation, and the thesis' table beside ours.

    Writes evaluation.json and report.html. Needs the extra `research` (scikit-learn, matplotlib).
    The exit code is 3 where a control that must stay at chance rises above it.
    """
    _need_extra()
    from models.research.artefacts import catalogue_columns  # noqa: PLC0415
    from models.research.calibration import GOAL_RATES  # noqa: PLC0415
    from models.research.controls import broken  # noqa: PLC0415
    from models.research.evaluation import Scope, evaluate  # noqa: PLC0415
    from models.research.report import write_report  # noqa: PLC0415
    from models.research.results import View, write_evaluation  # noqa: PLC0415
    from models.research.scorers import Other  # noqa: PLC0415

    table = read_table(there(tables / ROWS))
    columns = catalogue_columns(table)
    others = []
    if (tables / BASELINES).exists():
        said = read_table(tables / BASELINES)
        guarddog = _scores(said, "guarddog", lambda value: value)
        rules = _scores(said, "rules.score", lambda value: 100 - value)
        others = [Other(name="rules", scores=rules, views=(View.STATIC, View.BEHAVIOUR))]
        if guarddog:
            others.append(Other(name="GuardDog", scores=guarddog, threshold=GUARDDOG_THRESHOLD))
    with telling() as tell:
        evaluation = evaluate(
            table,
            layers=columns.layers,
            directions=columns.directions,
            seed=seed,
            dysec=read_table(tables / DYSEC) if (tables / DYSEC).exists() else None,
            others=others,
            scope=Scope(
                rates=GOAL_RATES,
                resamples=resamples,
                route=columns.route,
                before=columns.before,
            ),
            progress=tell,
        )
    out.mkdir(parents=True, exist_ok=True)
    write_evaluation(evaluation, out / EVALUATION)
    write_report(evaluation, out / REPORT)
    click.echo(f"{out / REPORT} is written.")
    risen = broken(evaluation.controls)
    for control in risen:
        click.echo(f"Above chance: {control.name}", err=True)
    click.echo("Next: pratique research package")
    if risen:
        raise SystemExit(3)


@click.command()
@tables_option
@click.option("--model", "made", type=FOLDER, default=Path("model"), show_default=True)
@click.option("-o", "--out", type=FOLDER, default=Path("package"), show_default=True)
@click.option("--name", default=NAME, show_default=True)
def package(tables: Path, made: Path, out: Path, name: str) -> None:
    """Data set, model, card and report in one folder, with their digests."""
    wanted = [
        (tables, ROWS),
        (tables, DYSEC),
        (tables, BASELINES),
        (made, f"{name}.txt"),
        (made, f"{name}.json"),
        (made, f"{name}.reference.json"),
        (made, "scores.csv.gz"),
        (made, EVALUATION),
        (made, REPORT),
    ]
    for folder, file in wanted:
        there(folder / file)
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for folder, file in wanted:
        shutil.copyfile(folder / file, out / file)
        digest = hashlib.sha256((out / file).read_bytes()).hexdigest()
        lines.append(f"{digest}  {file}\n")
    (out / SUMS).write_text("".join(lines))
    click.echo(f"{len(lines)} files in {out}; check them with: sha256sum -c {SUMS}")


def there(path: Path) -> Path:
    """A file that an earlier stage wrote. Raises ValueInvalid with the stage to run."""
    if path.exists():
        return path
    stage = {
        ROWS: "graph",
        DYSEC: "graph",
        BASELINES: "graph",
        EVALUATION: "compare",
        REPORT: "compare",
    }.get(path.name, "score")
    raise ValueInvalid(
        f"{path} is not there.", next_step=f"Make it first: pratique research {stage}"
    )


def _need_extra() -> None:
    missing = [name for name in ("sklearn", "matplotlib") if find_spec(name) is None]
    if missing:
        raise ValueInvalid(
            f"The comparison needs {' and '.join(missing)}, which the firewall itself does not.",
            next_step="Install Pratique with the extra `research`, or use `make dev`.",
        )


def _scores(table: Table, column: str, turn: Callable[[float], float]) -> dict[str, float]:
    values = zip(table.rows, table.column(column), strict=True)
    return {row.id: turn(value) for row, value in values if not math.isnan(value)}


def _tier_table(tiers: Mapping[str, Mapping[TrustTier, int]]) -> RichTable:
    shown = RichTable(title="Tiers of held-out rows, by score alone")
    shown.add_column("population")
    for tier in TrustTier:
        shown.add_column(tier.value, justify="right")
    for name, counts in sorted(tiers.items()):
        shown.add_row(name, *(str(counts.get(tier, 0)) for tier in TrustTier))
    return shown


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """A line that says what is going on, on standard error."""
    console = Console(stderr=True)
    with console.status("starting") as status:

        def tell(text: str) -> None:
            status.update(text)

        yield tell
