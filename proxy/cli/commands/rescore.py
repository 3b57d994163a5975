"""`pratique rescore`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.clock import utc_now
from models.decision import Action, Decision, TrustTier
from models.trust.scorer import Scorer
from policies.flips import Comparison
from policies.policy import Policy
from proxy.cli.options import settings_options
from proxy.cli.store import with_store_to_read
from proxy.policyfile import policy_in_force
from proxy.rescoring import CountedFlip, Progress, Rescored, rescore
from proxy.scorers import scorer_named, scorer_of
from proxy.settings import Settings
from proxy.store.port import Store

WORSE = 3
"""Exit code: something would be held or denied that is not now."""
UNKNOWN = 4
"""Exit code: nothing is known to become worse, but some decisions could not be derived."""
COLOURS = {Action.SERVE: "green", Action.HOLD: "yellow", Action.DENY: "red"}


@click.command("rescore")
@click.option("--scorer", metavar="NAME", help="Score with this one, such as `rules`.")
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object.")
@click.option(
    "--limit",
    type=click.IntRange(0, 10_000),
    default=50,
    show_default=True,
    help="Changed decisions that are listed; all are counted.",
)
@settings_options("data_dir", "policy")
def rescore_(settings: Settings, *, scorer: str | None, as_json: bool, limit: int) -> None:
    """Show what another model or policy would flip, before it does.

    Every current decision is derived again, from the evidence and facts that are stored, and
    nothing is changed: it only reads, also while `pratique serve` runs. Name another policy with
    --policy, another model with --scorer. Without either it shows what the policy and model in
    force make of what older ones decided.

    \b
    What would our stricter policy hold?   pratique rescore --policy stricter.toml
    And the scorer by plain rules?         pratique rescore --scorer rules

    Changes from SERVE to HOLD or DENY come first, each with how often its file was fetched. Facts
    and advisories are those that were known when it was decided.

    Exit code 0: nothing would become stricter; 3: something would; 4: nothing would as far as can
    be told, but some decisions could not be derived.
    """

    async def work(store: Store) -> tuple[Rescored, Scorer, Policy]:
        policy = await policy_in_force(store, settings.policy)
        chosen = scorer_named(scorer) if scorer else scorer_of(policy)
        outcome = await rescore(
            store,
            scorer=chosen,
            policy=policy,
            as_of=utc_now(),
            listed_max=limit,
            progress=progress_on(sys.stderr.isatty()),
        )
        return outcome, chosen, policy

    outcome, chosen, policy = with_store_to_read(settings, work)
    if as_json:
        click.echo(msgspec.json.encode(as_builtins(outcome, chosen, policy)).decode())
    else:
        print_outcome(outcome, chosen, Console())
    if outcome.comparison.worse:
        sys.exit(WORSE)
    if outcome.failed:
        sys.exit(UNKNOWN)


def progress_on(terminal: bool) -> Progress:
    """Progress on a line of standard error that is written over; none where nobody looks."""
    if not terminal:
        return lambda _done, _total: None

    def tell(done: int, total: int) -> None:
        click.echo(f"\r{done:,} of {total:,} decisions", nl=done >= total, err=True)

    return tell


def print_outcome(outcome: Rescored, scorer: Scorer, out: Console) -> None:
    """The matrix, then the changes that matter most."""
    found = outcome.comparison
    out.print(
        f"{found.compared:,} decisions, {outcome.rescored:,} of them scored again by {scorer.name}."
    )
    if found.compared:
        out.print("\n[bold]Tier now (down) and then (across)[/]")
        out.print(_matrix(found))
    for why in outcome.failures:
        out.print(f"[yellow]Not derived:[/] {escape(why.decision.ref.filename)}: {escape(why.why)}")
    if outcome.failed > len(outcome.failures):
        out.print(f"[yellow]… and {outcome.failed - len(outcome.failures)} more not derived[/]")
    if not found.worse and not found.better:
        out.print("\nNo action would change.")
        return
    out.print(f"\n[bold]{found.worse} would be stricter, {found.better} more lenient[/]")
    if outcome.flips:
        out.print(_listing(outcome.flips))
    left = found.worse + found.better - len(outcome.flips)
    if left:
        out.print(f"… and {left} more (--limit)")


def _matrix(found: Comparison) -> Table:
    tiers: list[TrustTier | None] = [*TrustTier, None]
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for tier in tiers:
        table.add_column(_tier(tier), justify="right")
    for now in tiers:
        cells = []
        for then in tiers:
            count = found.tiers[now, then]
            shown = f"{count:,}" if count else "·"
            cells.append(f"[dim]{shown}[/]" if now is then else shown)
        table.add_row(_tier(now), *cells)
    return table


def _listing(flips: tuple[CountedFlip, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("file", "now", "then", "score", "fetched", "why"):
        table.add_column(heading, overflow="fold")
    for one in flips:
        flip = one.flip
        table.add_row(
            escape(flip.before.ref.filename),
            _action(flip.before),
            _action(flip.after),
            f"{_score(flip.before)} → {_score(flip.after)}",
            str(one.fetches),
            escape(flip.words),
        )
    return table


def as_builtins(outcome: Rescored, scorer: Scorer, policy: Policy) -> dict[str, Any]:
    """The outcome as JSON holds it; the keys are stable."""
    found = outcome.comparison
    return {
        "scorer": scorer.name,
        "model_digest": scorer.digest,
        "policy_digest": policy.digest,
        "decisions": found.compared,
        "rescored": outcome.rescored,
        "failed": outcome.failed,
        "stricter": found.worse,
        "more_lenient": found.better,
        "tiers": _pairs(found.tiers, _tier),
        "actions": _pairs(found.actions, lambda action: action.value),
        "changes": [_change(one) for one in outcome.flips],
        "not_derived": [
            {"id": one.decision.id, "filename": one.decision.ref.filename, "why": one.why}
            for one in outcome.failures
        ],
    }


def _pairs(counts: Any, name: Callable[[Any], str]) -> list[dict[str, Any]]:
    rows = [{"now": name(a), "then": name(b), "count": n} for (a, b), n in counts.items()]
    return sorted(rows, key=lambda row: (row["now"], row["then"]))


def _change(one: CountedFlip) -> dict[str, Any]:
    before, after = one.flip.before, one.flip.after
    moved = one.flip.moved
    return {
        "id": before.id,
        "project": before.ref.project,
        "version": before.ref.version,
        "filename": before.ref.filename,
        "sha256": before.ref.sha256,
        "action": {"now": before.action.value, "then": after.action.value},
        "tier": {"now": _tier(before.tier), "then": _tier(after.tier)},
        "score": {"now": _number(before), "then": _number(after)},
        "stricter": one.flip.worse,
        "reason": one.flip.words,
        "layer": msgspec.to_builtins(moved) if moved else None,
        "fetches": one.fetches,
    }


def _tier(tier: TrustTier | None) -> str:
    return tier.value if tier else "unseen"


def _action(decision: Decision) -> str:
    return f"[{COLOURS[decision.action]}]{decision.action.value}[/]"


def _number(decision: Decision) -> int | None:
    return decision.score.value if decision.score else None


def _score(decision: Decision) -> str:
    number = _number(decision)
    return "none" if number is None else str(number)
