"""`pratique policy simulate`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.clock import utc_now
from models.decision import Action
from proxy.admin.access import at_the_machine
from proxy.admin.simulation import simulate_policy, told
from proxy.cli.commands.rescore import COLOURS, UNKNOWN, WORSE, progress_on
from proxy.cli.options import settings_options
from proxy.cli.store import with_store_to_read
from proxy.cli.texts import read_policy_text
from proxy.settings import Settings
from proxy.simulating import DAYS_MAX, Changed, Simulated
from proxy.store.port import Store

ACTOR = "simulation"
"""Nothing is written, so that no name is asked for."""
CLIENTS_SHOWN = 20


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=14,
    show_default=True,
    help="How many of the last days.",
)
@click.option("--json", "as_json", is_flag=True, help="Everything as one JSON object.")
@click.option(
    "--limit",
    type=click.IntRange(0, 10_000),
    default=50,
    show_default=True,
    help="Changed decisions that are listed; all are counted.",
)
@settings_options("data_dir")
def simulate(settings: Settings, *, file: Path, days: int, as_json: bool, limit: int) -> None:
    """Replay the last days under the policy in FILE, and show what it would have changed.

    What was decided or fetched in those days is judged again as of the moment when it was first
    fetched, from what is stored; nothing is run, and nothing is changed. It only reads, also while
    `pratique serve` runs. Whom it would have stopped is told by the fetch records, and by the mode
    that FILE gives to the groups of each client.

    What it would make of everything today, whoever asks for it: `pratique rescore --policy FILE`.

    Exit code 0: nothing would have been stricter; 3: something would; 4: nothing as far as can be
    told, but some decisions could not be derived.
    """
    text = read_policy_text(file)

    async def work(store: Store) -> Simulated:
        return await simulate_policy(
            store,
            at_the_machine(ACTOR),
            text,
            source=str(file),
            days=days,
            as_of=utc_now(),
            listed_max=limit,
            progress=progress_on(sys.stderr.isatty()),
        )

    outcome = with_store_to_read(settings, work)
    if as_json:
        click.echo(msgspec.json.encode(told(outcome)).decode())
    else:
        print_outcome(outcome, Console())
    if outcome.comparison.worse:
        sys.exit(WORSE)
    if outcome.failed:
        sys.exit(UNKNOWN)


def print_outcome(outcome: Simulated, out: Console) -> None:
    """The counts, the clients, then the changes that matter most."""
    found = outcome.comparison
    out.print(
        f"{outcome.replayed:,} decisions since {outcome.since:%Y-%m-%d %H:%M} UTC replayed; "
        f"{outcome.older:,} are older and were not fetched since."
    )
    if outcome.beyond:
        out.print(f"[yellow]{outcome.beyond:,} more were left out: there are too many.[/]")
    for why in outcome.failures:
        out.print(f"[yellow]Not derived:[/] {escape(why.decision.ref.filename)}: {escape(why.why)}")
    if outcome.failed > len(outcome.failures):
        out.print(f"[yellow]… and {outcome.failed - len(outcome.failures)} more not derived[/]")
    if not found.worse and not found.better:
        out.print("\nNothing would have changed.")
        return
    out.print(f"\n[bold]{found.worse} would have been stricter, {found.better} more lenient[/]")
    out.print(_counts(outcome))
    if outcome.stopped:
        out.print("\n[bold]Who would have been stopped[/]")
        out.print(_clients(outcome))
    elif found.worse:
        out.print("\nNobody who fetched them would have been stopped.")
    if outcome.changes:
        out.print("")
        out.print(_changes(outcome.changes))
    left = found.worse + found.better - len(outcome.changes)
    if left:
        out.print(f"… and {left} more (--limit)")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _counts(outcome: Simulated) -> Table:
    table = _table("now", "then", "decisions")
    for (now, then), count in sorted(outcome.comparison.actions.items()):
        if now is not then:
            table.add_row(_action(now), _action(then), f"{count:,}")
    return table


def _clients(outcome: Simulated) -> Table:
    table = _table("client", "fetches", "files")
    for one in outcome.stopped[:CLIENTS_SHOWN]:
        table.add_row(escape(one.requester), f"{one.fetches:,}", f"{one.files:,}")
    left = len(outcome.stopped) - CLIENTS_SHOWN
    if left > 0:
        table.add_row(f"… and {left} more", "", "")
    return table


def _changes(changes: tuple[Changed, ...]) -> Table:
    table = _table("file", "now", "then", "stopped", "why")
    for one in changes:
        flip = one.flip
        table.add_row(
            escape(flip.before.ref.filename),
            _action(flip.before.action),
            _action(flip.after.action),
            _stopped(one),
            escape(flip.words),
        )
    return table


def _stopped(change: Changed) -> str:
    names = ", ".join(escape(one.requester) for one in change.stopped[:3])
    more = ", …" if len(change.stopped) > 3 else ""
    return f"{change.fetches} ({names}{more})" if change.fetches else "nobody"


def _action(action: Action) -> str:
    return f"[{COLOURS[action]}]{action.value}[/]"
