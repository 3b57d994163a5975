"""`pratique replay`."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.errors import StoreError
from models.reason import reason_line
from policies.document import DEFAULT_POLICY_TOML, parse_policy
from proxy.cli.options import settings_options
from proxy.cli.store import with_store_to_read
from proxy.policyfile import PolicyFile
from proxy.replay import Outcome, Replay, replay
from proxy.scorers import scorer_by_digest
from proxy.settings import Settings
from proxy.store.port import Store

EXIT = {Outcome.SAME: 0, Outcome.ROUNDED: 3, Outcome.DIFFERS: 4, Outcome.NOT_WHOLE: 5}
WORDS = {
    Outcome.SAME: "[green]The same, bit for bit.[/]",
    Outcome.ROUNDED: (
        "[yellow]The same decision and score; parts of the score were rounded otherwise.[/] "
        "Another machine does that."
    ),
    Outcome.DIFFERS: "[bold red]It is not the same.[/]",
    Outcome.NOT_WHOLE: "[yellow]It cannot be derived whole.[/]",
}
DIFFERENCES_SHOWN = 60
"""Fields that are printed; `--json` has all."""
CELL_CHARS_MAX = 200
"""Characters of one value that is printed."""


@click.command("replay")
@click.argument("decision_id", metavar="DECISION")
@click.option("--json", "as_json", is_flag=True, help="The replay as one JSON object.")
@settings_options("data_dir", "policy")
def replay_(settings: Settings, *, decision_id: str, as_json: bool) -> None:
    """Derive a stored decision again, and say where it differs.

    DECISION is the short id that stands in every reason and in `pratique decisions --json`; old
    decisions can be named as well as current ones. Its evidence, facts, policy, overrides and model
    are taken as they were then, by digest, and the network is left alone. Nothing is changed.

    \b
    Why was that file let in last week?   pratique replay 7fk2m9qa3c

    Exit code 0: the same, bit for bit; 3: the same decision and score, but parts of the score were
    rounded otherwise, as on another machine; 4: it differs; 5: something it rested on is no longer
    here (a model or policy of another version), so that only a part could be compared.
    """
    others = (
        PolicyFile(settings.policy).current(),
        parse_policy(DEFAULT_POLICY_TOML, source="the default policy"),
    )

    async def work(store: Store) -> Replay:
        decision = await store.decision_by_id(decision_id.lower())
        if decision is None:
            raise StoreError(
                f"There is no decision {decision_id} in this store.",
                next_step="`pratique decisions --json` lists ids.",
            )
        return await replay(store, decision, scorers=scorer_by_digest, policies=others)

    outcome = with_store_to_read(settings, work)
    if as_json:
        click.echo(msgspec.json.encode(as_builtins(outcome)).decode())
    else:
        print_replay(outcome, Console())
    sys.exit(EXIT[outcome.outcome])


def print_replay(outcome: Replay, out: Console) -> None:
    """The decision, how the replay ended, what is gone, and every difference."""
    decision = outcome.decision
    score = f", trust score {decision.score.value}" if decision.score else ""
    out.print(f"{decision.id}  {escape(decision.ref.filename)}")
    out.print(f"{decision.action.value}{score}, decided {decision.as_of:%Y-%m-%d %H:%M:%S} UTC")
    out.print(escape(reason_line(decision)))
    out.print(f"\n{WORDS[outcome.outcome]}")
    for gone in outcome.gone:
        out.print(f"  {gone.part.value} {gone.digest}: {escape(gone.why)}", soft_wrap=True)
    if outcome.gone and outcome.derived is not None:
        rest = "differs" if outcome.differences else "is the same"
        out.print(f"  What can be told without it {rest}.")
    if outcome.differences:
        table = Table(box=None, pad_edge=False)
        for heading in ("field", "stored", "derived"):
            table.add_column(heading, overflow="fold")
        for one in outcome.differences[:DIFFERENCES_SHOWN]:
            cells = (one.field, one.stored[:CELL_CHARS_MAX], one.derived[:CELL_CHARS_MAX])
            table.add_row(*map(escape, cells))
        out.print(table)
    if len(outcome.differences) > DIFFERENCES_SHOWN:
        out.print(f"… and {len(outcome.differences) - DIFFERENCES_SHOWN} more (--json has all)")


def as_builtins(outcome: Replay) -> dict[str, object]:
    """The replay as JSON holds it; the keys are stable."""
    return {
        "id": outcome.decision.id,
        "filename": outcome.decision.ref.filename,
        "outcome": outcome.outcome.value,
        "stored_digest": outcome.decision.digest,
        "derived_digest": outcome.derived.digest if outcome.derived else None,
        "gone": [
            {"part": one.part.value, "digest": one.digest, "why": one.why} for one in outcome.gone
        ],
        "differences": [msgspec.to_builtins(one) for one in outcome.differences],
    }
