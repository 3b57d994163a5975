"""`pratique policy`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from analyzer.clean import printable
from models.clock import utc_now
from policies.casefile import parse_trials
from policies.document import DEFAULT_POLICY_TOML, parse_policy
from policies.trial import try_all
from proxy.admin.access import at_the_machine
from proxy.admin.policy import document, roll_back, set_policy
from proxy.cli.commands.policy_grandfather import grandfather
from proxy.cli.commands.policy_simulate import simulate
from proxy.cli.options import settings_options
from proxy.cli.store import with_store, with_store_to_read
from proxy.cli.texts import read_policy_text
from proxy.settings import Settings
from proxy.store.policy_port import PolicyDocument
from proxy.store.port import Store


@click.group()
def policy() -> None:
    """Look at policies, try them, and put them in force.

    What a policy would change of all that was decided is told by `pratique rescore --policy FILE`,
    what it would have changed in the last days by `pratique policy simulate FILE`.
    """


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Read a policy and name every mistake in it at once, with its line and a suggestion."""
    parsed = parse_policy(read_policy_text(file), source=str(file))
    click.echo(f"{file} is sound. Digest: {parsed.digest}")


@policy.command()
@click.argument("number", type=int, required=False)
@click.option("--in-force", is_flag=True, help="The one that was last put in force with `set`.")
@settings_options("data_dir")
def show(settings: Settings, number: int | None, in_force: bool) -> None:
    """Print a policy: the one that ships, a comment on every line, to start your own from.

    With NUMBER, one of `history`.
    """
    if number is None and not in_force:
        click.echo(DEFAULT_POLICY_TOML, nl=False)
        return

    async def work(store: Store) -> PolicyDocument | None:
        return await store.policy_document() if number is None else await document(store, number)

    found = with_store_to_read(settings, work)
    click.echo(DEFAULT_POLICY_TOML if found is None else found.text, nl=False)


@policy.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--actor", required=True, help="Who does it; it goes into the audit log.")
@click.option("--comment", default="", help="Why; it stands in the history.")
@click.option(
    "--expect",
    type=int,
    help="The number that is in force as far as you know; if it is another, nothing changes.",
)
@settings_options("data_dir")
def set_(settings: Settings, file: Path, actor: str, comment: str, expect: int | None) -> None:
    """Put FILE in force, for every process on this store, within seconds and without a restart.

    It is kept with who and when. A policy with a mistake changes nothing. A server that was started
    with --policy follows its file instead, and says so.
    """
    text = read_policy_text(file)

    async def work(store: Store) -> PolicyDocument:
        current = await store.policy_document()
        known = (current.number if current else 0) if expect is None else expect
        return await set_policy(
            store,
            at_the_machine(actor),
            text,
            comment=comment,
            expected=known,
        )

    made = with_store(settings, work)
    click.echo(f"Policy {made.number} is in force. Digest: {made.digest}")


@policy.command()
@click.option("--limit", default=20, show_default=True)
@settings_options("data_dir")
def history(settings: Settings, limit: int) -> None:
    """List the policies that were put in force, the newest first."""

    async def work(store: Store) -> tuple[PolicyDocument, ...]:
        return await store.policy_documents(limit=limit)

    found = with_store_to_read(settings, work)
    if not found:
        click.echo("None was put in force with `pratique policy set`.")
    for one in found:
        why = printable(one.comment, 80)
        click.echo(
            f"{one.number:4}  {one.at:%Y-%m-%d %H:%M} UTC  {printable(one.actor, 40)}  "
            f"{one.digest[:19]}  {why}".rstrip()
        )


@policy.command()
@click.argument("number", type=int)
@click.option("--actor", required=True, help="Who does it; it goes into the audit log.")
@click.option("--comment", default="", help="Why; it stands in the history.")
@settings_options("data_dir")
def rollback(settings: Settings, number: int, actor: str, comment: str) -> None:
    """Put policy NUMBER of the history in force again, as a new entry."""

    async def work(store: Store) -> PolicyDocument:
        return await roll_back(store, at_the_machine(actor), number, comment=comment)

    made = with_store(settings, work)
    click.echo(f"Policy {made.number} is in force: the text of {number} again.")


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("cases", type=click.Path(path_type=Path))
def test(file: Path, cases: Path) -> None:
    """Run a table of cases through FILE; nothing is stored, and no server is needed.

    \b
    [[case]]
    name = "a young release waits"
    project = "demo"
    release_age_hours = 71
    expect = "hold"        # "serve", "hold" or "deny"
    rule = "young"         # optional: the rule that must decide
    tier = "quarantine"    # optional

    Beside these: version, filename, sha256, groups, unseen, score, findings ("id" or
    "id:severity"), shortfalls, project_age_hours (-1: unknown), licence, provenance ("verified",
    "announced", "none", "unknown"), advisories ("vulnerable:PYSEC-2026-1", "malicious", "unknown"),
    layers_missing, layers_incomplete, and [[case.override]] tables for exceptions in force. What is
    not stated is an old, clean file of an established project. The exit code is 1 where a case fails.
    """
    parsed = parse_policy(read_policy_text(file), source=str(file))
    trials = parse_trials(read_policy_text(cases), source=str(cases), as_of=utc_now())
    table = Table("case", "expected", "found", "decided by", "", title=f"{cases} under {file}")
    failed = 0
    for one in try_all(trials, parsed):
        failed += not one.passed
        tier = one.decision.tier.value if one.decision.tier else ""
        by = one.rule or (one.decision.reasons[0].code.value if one.decision.reasons else "")
        table.add_row(
            printable(one.trial.name, 60),
            one.trial.expected.value,
            f"{one.found.value} {tier}".strip(),
            by,
            "ok" if one.passed else "FAILS",
        )
    Console().print(table)
    click.echo(f"{len(trials) - failed} of {len(trials)} as expected.")
    if failed:
        raise SystemExit(1)


for command in (simulate, grandfather):
    policy.add_command(command)
