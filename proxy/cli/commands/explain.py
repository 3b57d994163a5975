"""`pratique explain`: how a decision's score came about, step by step."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from analyzer.clean import printable
from models.decision import Decision, TrustTier
from models.errors import ValueInvalid
from models.trust.explain import Explanation, Step, Unit, explain
from proxy.cli.meant import Judged, judged_in, judged_of
from proxy.cli.options import settings_options
from proxy.cli.store import with_store_to_read
from proxy.settings import Settings

BAR_CELLS = 28
"""Cells of the longest bar."""
STEPS_SHOWN = 6
"""Steps of each layer that are shown, unless all are asked for."""
MILLI_MAX = 10**9
"""Thousandths of the largest step; a real one is below 10^5."""
STYLES = {
    TrustTier.APPROVE: "green",
    TrustTier.MONITOR: "cyan",
    TrustTier.QUARANTINE: "yellow",
    TrustTier.BLOCK: "red",
}


@click.command("explain")
@click.argument("target", metavar="DECISION|FILE|RELEASE|SCAN.json")
@click.option("--all", "everything", is_flag=True, help="Every step, however small.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@settings_options("data_dir")
def explain_(settings: Settings, target: str, everything: bool, as_json: bool) -> None:
    """Show how a score came about: from where every artifact begins, step by step, to the whole.

    DECISION is the id at the end of the link in a refusal, or of `pratique decisions --json`. A
    file is named by its filename or sha256, a release as `demo==2.0`, a scan by what `pratique scan
    --json` wrote; for that no firewall need run.

    \b
    pratique explain 7fk2m9qa3c
    pratique explain demo==2.0
    pratique scan demo-2.0-py3-none-any.whl --json > demo.json; pratique explain demo.json

    A learned score is told in log-odds, in which steps add up exactly: what stands right of the
    base made the artifact riskier. The rules are told in points of the score.
    """
    judged = _judged(settings, target)
    decision = judged.decision
    told = _told(judged, target)
    if as_json:
        click.echo(msgspec.json.encode({"decision": decision.id, "explanation": told}).decode())
    elif told is None:
        named = printable(decision.ref.filename)
        click.echo(f"{named} has no score: nothing of it has been measured yet.")
    else:
        _print(decision, told, everything=everything)


def _told(judged: Judged, target: str) -> Explanation | None:
    """The explanation; None without a score. Raises ValueInvalid for a score that cannot be."""
    score = judged.decision.score
    if score is None:
        return None
    try:
        told = explain(score, judged.evidence, judged.facts)
        sums = [told.total_milli, *(step.milli for part in told.parts for step in part.steps)]
        if max(map(abs, sums)) > MILLI_MAX:
            raise ValueError("its steps are too large")
        TrustTier.of(told.score)
    except (ValueError, ArithmeticError) as error:
        raise ValueInvalid(
            f"{printable(target, 200)} holds a score that cannot be: {printable(str(error), 100)}."
        ) from error
    return told


def _judged(settings: Settings, target: str) -> Judged:
    path = Path(target)
    if path.suffix == ".json":
        return judged_in(path)
    return with_store_to_read(settings, lambda store: judged_of(store, target))


def _print(decision: Decision, told: Explanation, *, everything: bool) -> None:
    console = Console()
    style = STYLES[told.tier]
    console.print(
        Text.assemble(
            f"{printable(decision.ref.filename)}  ",
            (f"{told.score} {told.tier.value}", f"bold {style}"),
            f"  by {printable(told.model, 60)}",
        )
    )
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("step", "left"), (told.unit.value, "right"), ("", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    table.add_row("where every artifact begins", _number(told, told.base_milli), "")
    widest = max((abs(s.milli) for part in told.parts for s in part.steps), default=1) or 1
    for part in told.parts:
        score = "" if part.score is None else f", {part.score} of 100 by itself"
        head = f"[bold]{part.layer.value}[/] ({part.status.value}{score})"
        table.add_row(head, _number(told, part.milli), "")
        shown = part.steps if everything else part.steps[:STEPS_SHOWN]
        for step in shown:
            table.add_row(_words(step), _number(told, step.milli), _bar(told, step, widest))
        if rest := part.steps[len(shown) :]:
            left = sum(step.milli for step in rest)
            table.add_row("  smaller steps together (--all shows them)", _number(told, left), "")
    table.add_row("[bold]together[/]", _number(told, told.total_milli), "")
    console.print(table)
    edges = ", ".join(_number(told, edge).strip("+") for edge in told.edges_milli)
    console.print(f"Tiers meet at {edges}: {' · '.join(t.value for t in told.tiers)}", style="dim")
    if told.capped:
        console.print(f"It comes to {told.uncapped}, and is capped at {told.score}:")
    for cap in told.caps:
        console.print(Text(printable(cap)))


def _words(step: Step) -> str:
    """Of a scan's JSON nothing was vetted, so every text is made harmless here."""
    value = f" ({printable(step.value, 40)})" if step.value else ""
    return escape(f"  {printable(step.sentence)}{value}")


def _number(told: Explanation, milli: int) -> str:
    return f"{milli / 1000:+.2f}" if told.unit is Unit.RISK else f"{milli / 1000:+.1f}"


def _bar(told: Explanation, step: Step, widest: int) -> Text:
    worse = (step.milli > 0) is (told.unit is Unit.RISK)
    cells = max(1, round(BAR_CELLS * abs(step.milli) / widest)) if step.milli else 0
    return Text("█" * cells, style="red" if worse else "green")
