"""`make fuzz NAME=archive [BUDGET=40m]`: one target under atheris; without NAME, all in turn."""

from __future__ import annotations

import sys

import click

from tests.fuzz import campaign
from tests.fuzz.targets import TARGETS
from tests.proofs.proof import seconds_of


@click.command()
@click.argument("name", required=False)
@click.option("--budget", default="40m", help="Time for each target, such as 90s, 40m, 2h.")
@click.option(
    "--keep", type=int, default=0, help="Then copy so many of its inputs into tests/fuzz/corpus."
)
def fuzz(name: str | None, budget: str, keep: int) -> None:
    """Fuzz the target NAME, or every one, each for the budget. Ends with 1 where something broke."""
    if name and name not in TARGETS:
        raise click.BadParameter(f"there are {', '.join(TARGETS)}")
    seconds = seconds_of(budget)
    if seconds is None:
        raise click.BadParameter("write a budget such as 90s, 40m or 2h")
    broken = False
    for target in [TARGETS[name]] if name else TARGETS.values():
        ran = campaign.run(target, seconds)
        click.echo(
            f"{target.name}: {ran.executions} inputs in {ran.seconds:.0f} s, "
            f"{ran.covered} branches, {len(ran.crashes)} crash(es)"
        )
        if ran.crashes:
            broken = True
            click.echo(f"{ran.said}\nMend it, and keep it as a test: {', '.join(ran.crashes)}")
        elif keep:
            click.echo(f"{campaign.keep(target, files_max=keep)} inputs kept")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    fuzz()
