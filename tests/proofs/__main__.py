"""`make prove NAME=… [BUDGET=40m]`: run a proof, or go on with one, and write its record."""

from __future__ import annotations

import json
import logging
import sys

import click
import structlog

from tests.proofs.catalogue import PROOFS
from tests.proofs.proof import RECORDS, STATE, commit, run_proof, seconds_of, stale_records, stands


@click.command()
@click.argument("name", required=False)
@click.option("--budget", default="40m", help="Time for this run, such as 90s, 40m, 2h.")
@click.option("--seed", default=1, show_default=True)
@click.option("--limit", type=int, default=None, help="Only the first N items.")
@click.option("--again", is_flag=True, help="Forget what an earlier run did.")
def prove(name: str | None, budget: str, seed: int, limit: int | None, again: bool) -> None:
    """Run the proof NAME within a budget; call again to go on. Without NAME, list the proofs."""
    if name not in PROOFS:
        click.echo("Proofs (make prove NAME=…):")
        for proof in PROOFS.values():
            click.echo(f"  {proof.name:14} {proof.claim}")
        click.echo(f"Stale records: {', '.join(stale_records()) or 'none'}")
        sys.exit(1 if name else 0)
    # A line for each item is enough; what the pipeline logs would bury it.
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    budget_s = seconds_of(budget)
    if budget_s is None:
        raise click.BadParameter("write a budget such as 90s, 40m or 2h")
    # The state belongs to one commit: half a proof of other code proves nothing.
    state = STATE / f"{name}-{seed}-{commit()[:12]}.jsonl"
    if again:
        state.unlink(missing_ok=True)
    record = run_proof(
        PROOFS[name],
        seed=seed,
        budget_s=budget_s,
        limit=limit,
        state=state,
        say=click.echo,
    )
    RECORDS.mkdir(parents=True, exist_ok=True)
    (RECORDS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    short = {key: value for key, value in record.items() if key not in ("details", "facts")}
    click.echo(json.dumps(short, indent=1))
    sys.exit(0 if stands(record) else 1)


if __name__ == "__main__":
    prove()
