"""`pratique drift`."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.clock import utc_now
from models.trust.drift import (
    MOVED_PSI,
    WATCH_PSI,
    ColumnDrift,
    DriftReport,
    Level,
    exposition,
    gauges,
)
from models.trust.reference import LAYER_PREFIX, read_reference
from proxy.cli.commands.rescore import progress_on
from proxy.cli.inforce import say_policy
from proxy.cli.options import settings_options
from proxy.cli.store import with_store_to_read
from proxy.drifting import CATALOG, drift, shipped_reference
from proxy.policyfile import named_policy
from proxy.scorers import scorer_of
from proxy.settings import Settings
from proxy.store.port import Store

MOVED = 3
"""Exit code: something has moved."""
STYLES = {Level.STEADY: "dim", Level.WATCH: "yellow", Level.MOVED: "red", Level.TOO_FEW: "dim"}
BAR_WIDTH = 30


@click.command("drift")
@click.option(
    "--since",
    "days",
    type=click.IntRange(1, 3650),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="Look at what was observed in the last so many days.",
)
@click.option(
    "--reference",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare with this one. Default: that of the model in force; without one, the days before.",
)
@click.option(
    "--limit",
    type=click.IntRange(0, 10_000),
    default=15,
    show_default=True,
    help="Features that are printed; --json and --prometheus have all.",
)
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@click.option("--prometheus", is_flag=True, help="Gauges in Prometheus' text format.")
@settings_options("data_dir", "policy")
def drift_(
    settings: Settings,
    *,
    days: int,
    reference: Path | None,
    limit: int,
    as_json: bool,
    prometheus: bool,
) -> None:
    """Tell whether what comes in is still what the model was trained on.

    A model knows what it was trained on. This compares recent evidence with that, feature by
    feature: the population stability index (PSI), with how large it may be by chance alone. Below
    0.1 little has changed, from 0.25 on it is another population. It also compares the scores, and
    says how often a layer could not be measured. The store is only read.

    \b
    Every night, for Prometheus' textfile collector:
      pratique drift --prometheus > /var/lib/node_exporter/pratique.prom

    Exit code 0: nothing has moved; 3: something has.
    """
    if as_json and prometheus:
        raise click.UsageError("Choose one of --json and --prometheus.")
    given = read_reference(reference) if reference else None

    async def work(store: Store) -> DriftReport:
        policy, source = await named_policy(store, settings.policy)
        say_policy(policy, source)
        chosen = given or shipped_reference(scorer_of(policy).name)
        return await drift(
            store,
            measures=CATALOG,
            reference=chosen,
            since=utc_now() - timedelta(days=days),
            progress=progress_on(sys.stderr.isatty()),
        )

    report = with_store_to_read(settings, work)
    if prometheus:
        click.echo(exposition(gauges(report)), nl=False)
    elif as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        print_drift(report, limit, Console())
    if report.at(Level.MOVED):
        sys.exit(MOVED)


def print_drift(report: DriftReport, limit: int, out: Console) -> None:
    """What moved most, the scores, and the missing rate of each layer."""
    than = f"the reference of {report.model}" if report.model else "what was before"
    out.print(f"{report.rows_now:,} recent files against {report.rows_then:,} of {escape(than)}.")
    if report.columns and all(column.level is Level.TOO_FEW for column in report.columns):
        out.print("[yellow]Too few to tell anything yet.[/]")
    out.print(f"\n[bold]Features[/] (PSI from {WATCH_PSI}: watch; from {MOVED_PSI}: moved)")
    out.print(_columns(report.features[:limit]))
    if len(report.features) > limit:
        out.print(f"… and {len(report.features) - limit} that moved less (--limit)")
    if report.score is not None:
        out.print("\n[bold]Trust scores[/]")
        out.print(_columns((report.score,)))
        out.print(_scores(report))
    if report.layers:
        out.print("\n[bold]Layers that could not be measured[/]")
        for layer in report.layers:
            name = layer.name.removeprefix(LAYER_PREFIX)
            out.print(
                f"  {name:12} {layer.missing_now:6.1%}  (then {layer.missing_then:.1%})"
                f"  [{STYLES[layer.level]}]{layer.level.value}[/]"
            )


def _columns(columns: tuple[ColumnDrift, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("column", "PSI", "by chance", "missing then", "now", ""):
        table.add_column(heading, overflow="fold")
    for one in columns:
        table.add_row(
            escape(one.name),
            f"{one.psi:.3f}",
            f"< {one.noise:.3f}",
            f"{one.missing_then:.1%}",
            f"{one.missing_now:.1%}",
            f"[{STYLES[one.level]}]{one.level.value}[/]",
        )
    return table


def _scores(report: DriftReport) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    names = [f"{low + bool(low)}-{low + 10}" for low in range(0, 100, 10)] + ["none"]
    then, now = max(sum(report.score_then), 1), max(sum(report.score_now), 1)
    for name, before, after in zip(names, report.score_then, report.score_now, strict=False):
        bar = "█" * round(after / now * BAR_WIDTH)
        table.add_row(name, f"{before / then:6.1%}", f"{after / now:6.1%}", bar)
    return table
