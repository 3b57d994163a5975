"""A scan's outcome for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.acts import ActGroup, act_groups, added_groups, gone_groups, release_words
from models.behaviour import BehaviourProfile
from models.contents import ContentsChanges
from models.decision import Action, Decision, LayerStatus
from models.evidence import Evidence, Finding, Severity
from models.facts import Facts, SourceState
from models.filewords import contents_groups
from models.reason import reason_line
from proxy.scanning import Scanned
from proxy.told import told_by_layer

COLOURS = {Action.SERVE: "green", Action.HOLD: "yellow", Action.DENY: "red"}
SEVERITIES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
BAR_WIDTH = 20
FINDINGS_SHOWN = 25
STATES = {SourceState.MEASURED: "green", SourceState.MISSING: "yellow"}
SIGNALS_SHOWN = 20
"""Facts of one layer that are printed."""
ACTS_SHOWN = 12
"""Acts of one kind that are printed; `--json` has all."""


def print_report(scanned: Scanned, console: Console | None = None) -> None:
    """Verdict first, then the layers, then what was found, then how well we looked."""
    out = console or Console()
    decision, evidence = scanned.decision, scanned.evidence
    colour = COLOURS[decision.action]
    tier = decision.tier.value if decision.tier else "—"
    score = decision.score.value if decision.score else "—"
    out.print(f"\n[bold {colour}]{decision.action.value}[/]  {escape(evidence.filename)}")
    out.print(f"{tier}, trust score {score} of 100")
    if decision.action is not Action.SERVE:
        out.print(escape(reason_line(decision)))
    out.print()
    out.print(_layers(decision))
    _print_changes(out, scanned)
    _print_file_changes(out, evidence.contents_changes)
    _print_findings(out, evidence.findings)
    if scanned.facts is not None:
        _print_told(out, scanned.facts)
    _print_profile(out, evidence.profile)
    _print_coverage(out, evidence)


def _print_changes(out: Console, scanned: Scanned) -> None:
    changes = scanned.evidence.changes
    if changes is None:
        if scanned.since:
            out.print(
                f"\n[yellow]Not compared: {escape(scanned.since)} or this file did not run.[/]"
            )
        return
    out.print(f"\n[bold]What changed since {escape(release_words(changes.since))}[/]")
    added = added_groups(changes, scanned.evidence.profile)
    gone = gone_groups(changes)
    if not added and not gone:
        out.print("  nothing: it does what that release did")
    _print_acts(out, added, "[yellow]new [/] ")
    _print_acts(out, gone, "[dim]gone[/] ")


def _print_file_changes(out: Console, changes: ContentsChanges | None) -> None:
    if changes is None:
        return
    out.print(f"\n[bold]What changed in its files since {escape(release_words(changes.since))}[/]")
    groups = contents_groups(changes)
    if not groups:
        out.print("  nothing new: no other code, hosts, hooks, programs or requirements")
    for group in groups:
        for line in group.lines[:ACTS_SHOWN]:
            told = f"{escape(line.value)}  [dim]{line.when}[/]" if line.when else escape(line.value)
            out.print(f"  [yellow]new [/] {group.heading.lower():28}  {told}")
        if len(group.lines) > ACTS_SHOWN:
            out.print(f"  [yellow]new [/] {'':28}  … and {len(group.lines) - ACTS_SHOWN} more")


def _print_profile(out: Console, profile: BehaviourProfile | None) -> None:
    if profile is None:
        return
    out.print("\n[bold]What it did[/]")
    if not profile.acts:
        out.print("  nothing beyond its own files")
    _print_acts(out, act_groups(profile.acts), "")
    if profile.left_out:
        out.print(f"  … and {profile.left_out} more that are only counted")


def _print_acts(out: Console, groups: Iterable[ActGroup], mark: str) -> None:
    for group in groups:
        for line in group.lines[:ACTS_SHOWN]:
            out.print(
                f"  {mark}{group.heading.lower():17}  {escape(line.value)}  [dim]{line.when}[/]"
            )
        if len(group.lines) > ACTS_SHOWN:
            out.print(f"  {mark}{'':17}  … and {len(group.lines) - ACTS_SHOWN} more")


def _layers(decision: Decision) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for layer in decision.score.layers if decision.score else ():
        shown = "" if layer.score is None else f"{layer.score:3}"
        filled = 0 if layer.score is None else round(layer.score * BAR_WIDTH / 100)
        bar = "█" * filled + "·" * (BAR_WIDTH - filled)
        status = "" if layer.status is LayerStatus.MEASURED else layer.status.value
        moved = ", ".join(
            f"{part.code} {part.points:+}" for part in layer.contributions if part.points
        )
        table.add_row(
            layer.layer.value, shown, bar, f"weight {layer.weight_percent} %", status, escape(moved)
        )
    return table


def _print_findings(out: Console, findings: Iterable[Finding]) -> None:
    order = list(SEVERITIES)
    ranked = sorted(findings, key=lambda finding: order.index(finding.severity))
    if not ranked:
        out.print("\nNothing notable was found.")
        return
    out.print("\n[bold]Found[/]")
    for finding in ranked[:FINDINGS_SHOWN]:
        where = " ".join(
            part
            for part in (
                f"{finding.place.path}:{finding.place.line}"
                if finding.place.line
                else finding.place.path,
                finding.place.host or finding.place.address,
                f"port {finding.place.port}" if finding.place.port else "",
                f"[{finding.technique}]" if finding.technique else "",
            )
            if part
        )
        phase = f"{finding.phase.value} " if finding.phase else ""
        proof = " PROOF" if finding.proof else ""
        colour = SEVERITIES[finding.severity]
        out.print(
            f"  [{colour}]{finding.severity.value:8}[/] {phase}{escape(finding.title)}"
            f"[bold red]{proof}[/]  [dim]{escape(where)}[/]"
        )
    if len(ranked) > FINDINGS_SHOWN:
        out.print(f"  … and {len(ranked) - FINDINGS_SHOWN} more (--json has all)")


def _print_told(out: Console, facts: Facts) -> None:
    """What sources said, layer by layer; `--json` has every fact in full."""
    for layer in told_by_layer(facts):
        out.print(f"\n[bold]What sources say: {layer.layer.value}[/]")
        for source in layer.sources:
            tail = f": {source.reason}" if source.reason else ""
            age = f"  [dim]told {source.age}[/]" if source.age else ""
            colour = STATES.get(source.state, "dim")
            out.print(f"  [{colour}]{source.words:18}[/] {escape(source.name + tail)}{age}")
        for finding in layer.findings:
            colour = SEVERITIES[finding.severity]
            proof = "[bold red] PROOF[/]" if finding.proof else ""
            where = " ".join(part for part in (finding.what, finding.place.path) if part)
            out.print(
                f"  [{colour}]{finding.severity.value:18}[/] {escape(finding.title)}{proof}"
                f"  [dim]{escape(where)}[/]"
            )
        facts_line = ", ".join(
            f"{signal.name.partition('.')[2] or signal.name} {signal.bare}"
            for signal in layer.signals[:SIGNALS_SHOWN]
        )
        if facts_line:
            out.print(f"  [dim]{escape(facts_line)}[/]")


def _print_coverage(out: Console, evidence: Evidence) -> None:
    out.print("\n[bold]How we looked[/]")
    for phase in evidence.phases:
        calls = sum(count for _, count in phase.syscalls)
        events = sum(count for _, count in phase.events)
        out.print(
            f"  {phase.phase.value}  {phase.ended}, exit {phase.exit_code}, {phase.wall_ms} ms, "
            f"{calls} system calls, {events} events"
        )
    coverage, account = evidence.coverage, evidence.account
    out.print(
        f"  {coverage.modules_imported} of {coverage.modules_found} modules imported; "
        f"{account.received} of {account.emitted} events received, {account.dropped} dropped"
    )
    if evidence.dependencies:
        names = ", ".join(f"{d.project} {d.version}" for d in evidence.dependencies[:12])
        out.print(f"  beside it: {escape(names)}")
    if evidence.shortfalls:
        out.print(f"  [yellow]incomplete: {', '.join(s.value for s in evidence.shortfalls)}[/]")
    missing = [layer for layer in ("metadata", "behaviour") if layer not in evidence.layers]
    if missing:
        out.print(f"  [yellow]not measured: {', '.join(missing)}[/]")
    out.print(f"  {evidence.duration_ms} ms in all")
