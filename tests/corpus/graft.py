"""`python -m tests.corpus.graft OUT --hosts FOLDER`: write every graft and its twin, and a list of them."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from tests.corpus.grafting import Graft, LeftOutError, Plan, graft, plan
from tests.corpus.hosts import read_hosts
from tests.corpus.library import halves, recipes
from tests.corpus.recipe import Recipe
from tests.proofs.manifest import MANIFEST

COLUMNS = ("kind", "filename", "sha256", "project", "label", "population", "group", "template",
           "technique", "phase", "host", "half")  # fmt: skip


def write_grafts(
    out: Path, planned: Plan, *, seed: int, say: Callable[[str], None]
) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Write the archives to OUT/<kind>/<sha256>/<filename>; their rows, and project → why left out."""
    rows: list[dict[str, str]] = []
    left_out = dict(planned.left_out)
    half_of = {recipe.project: half for half, some in halves().items() for recipe in some}
    for number, (recipe, host) in enumerate(planned.pairs, 1):
        try:
            both = [graft(recipe, host, twin=twin, seed=seed) for twin in (False, True)]
        except LeftOutError as error:
            left_out[recipe.project] = str(error)
            continue
        rows += [_written(out, one, half_of.get(recipe.project, "")) for one in both]
        if not number % 25:
            say(f"{number} of {len(planned.pairs)} grafted")
    with (out / MANIFEST).open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows, left_out


def _written(out: Path, one: Graft, half: str) -> dict[str, str]:
    sha256 = hashlib.sha256(one.data).hexdigest()
    kind = one.recipe.kind.value
    path = out / kind / sha256 / one.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(one.data)
    return {
        "kind": kind,
        "filename": one.filename,
        "sha256": sha256,
        "project": one.recipe.project,
        "label": "0" if one.twin else "1",
        "population": "twin" if one.twin else "graft",
        "group": one.recipe.project,
        "template": one.recipe.project,
        "technique": one.recipe.technique,
        "phase": one.recipe.phase.value,
        "host": one.host.project,
        "half": half,
    }


def summary(every: tuple[Recipe, ...], left_out: Mapping[str, str]) -> list[str]:
    """A line for each technique, with how many grafts there are, then one for each that is left out."""
    whole = Counter(recipe.technique for recipe in every)
    missing = Counter(recipe.technique for recipe in every if recipe.project in left_out)
    lines = [
        f"{technique}: {number - missing[technique]} of {number}"
        for technique, number in sorted(whole.items())
    ]
    lines.append(f"all: {sum(whole.values()) - len(left_out)} of {sum(whole.values())}")
    return [*lines, *(f"left out: {project}: {why}" for project, why in sorted(left_out.items()))]


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--hosts",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of benign archives with a manifest.csv (tests/proofs/manifest.py).",
)
@click.option("--seed", default=1, show_default=True, help="Chooses the hosts.")
def main(out: Path, folder: Path, seed: int) -> None:
    """Graft every recipe onto a host from a folder of benign archives; nothing of them is run."""
    hosts, unfit = read_hosts(folder, click.echo)
    for why, number in sorted(unfit.items()):
        click.echo(f"no host: {number} archives: {why}")
    out.mkdir(parents=True, exist_ok=True)
    planned = plan(recipes(), hosts, seed=seed)
    _, left_out = write_grafts(out, planned, seed=seed, say=click.echo)
    for line in summary(recipes(), left_out):
        click.echo(line)


if __name__ == "__main__":
    main()
