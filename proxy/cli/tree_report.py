"""A dependency graph in a terminal: a tree in which each release is opened once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text
from rich.tree import Tree as Branch

from analyzer.graph.joined import Standing
from analyzer.graph.network import Network
from analyzer.graph.risk import PARTS, RISKY, Risk, is_young, own_risks
from analyzer.graph.svg import Mark, mark_of
from models.evidence import Severity
from proxy.graphing import Graphed

MARKS = {
    Mark.BAD: ("✗", "red"),
    Mark.HELD: ("■", "yellow"),
    Mark.WATCH: ("▲", "yellow"),
    Mark.GOOD: ("●", "green"),
    Mark.NONE: ("○", "dim"),
}
SEVERITIES = {
    Severity.CRITICAL: "red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "dim",
    Severity.INFO: "dim",
}
NOTES_SHOWN_MAX = 20
"""Lines of each kind below the tree; `--json` has them all."""


def print_graph(console: Console, graphed: Graphed, *, depth: int | None) -> None:
    """The tree, then what was found, what was left open, and the counts."""
    network = Network.of(graphed.joined)
    risks = own_risks(network)
    root = network.joined.tree.release(network.root)
    branch = Branch(Text(f"{network.root} {root.version if root else ''}", style="bold"))
    _grow(branch, network.root, (network.root,), network, risks, depth)
    console.print(branch)
    console.print()
    for line in _notes(network, graphed):
        console.print(line)
    console.print(_counts(network, graphed))


def age_words(days: int | None) -> str:
    """An age as people say it, short: `12 d`, `8 mo`, `9 y`."""
    if days is None:
        return "age ?"
    if days < 60:
        return f"{days} d"
    return f"{days // 30} mo" if days < 730 else f"{days // 365} y"


def _grow(
    branch: Branch,
    name: str,
    path: tuple[str, ...],
    network: Network,
    risks: Mapping[str, Risk],
    depth: int | None,
) -> None:
    """Add what `name` requires; a release is opened below the first that brings it in alone."""
    children = sorted(network.graph.successors(name))
    if depth is not None and len(path) > depth:
        below = sum(network.parents.get(child) == name for child in children)
        if below:
            branch.add(Text(f"… {below} more below", style="dim"))
        return
    for child in children:
        top = child == network.root
        line = Text(child, style="bold") if top else _line(network, child, name, risks)
        if child in path:
            line.append("  ↺ circle", style="magenta")
            branch.add(line)
        elif network.parents.get(child) == name:
            _grow(branch.add(line), child, (*path, child), network, risks, depth)
        else:
            again = bool(network.graph.out_degree(child))
            if again:
                line.append(f"  ↑ under {network.parents[child]}", style="dim")
            branch.add(line)


def _line(network: Network, name: str, source: str, risks: Mapping[str, Risk]) -> Text:
    release, known = network.releases[name], network.known[name]
    symbol, style = MARKS[mark_of(known, risks[name])]
    line = Text.assemble((f"{symbol} ", style), (name, "" if style == "dim" else style), " ")
    line.append(release.version, style="dim")
    days = network.joined.project_days(release)
    line.append(f"  {age_words(days)}", style="yellow" if is_young(network, name) else "dim")
    line.append(f"  #{known.rank}" if known.rank else "  unlisted", style="dim")
    if known.standing is not Standing.UNJUDGED:
        scored = f" {known.score}" if known.score is not None else ""
        line.append(f"  {known.standing.value}{scored}", style=style)
    extras = _extras(network, source, name)
    if extras:
        line.append(f"  [{extras}]", style="cyan")
    return line


def _extras(network: Network, source: str, name: str) -> str:
    asked = {
        extra
        for link in network.joined.tree.links
        if (link.source, link.target) == (source, name)
        for extra in link.extras
    }
    return ",".join(sorted(asked))


def _notes(network: Network, graphed: Graphed) -> Iterator[Text]:
    for found in graphed.findings[:NOTES_SHOWN_MAX]:
        yield Text.assemble(
            (f"{found.severity.value:8} ", SEVERITIES[found.severity]),
            f"{found.title}: ",
            (found.place.path, "bold"),
        )
    tree = graphed.joined.tree
    for url in tree.direct_urls[:NOTES_SHOWN_MAX]:
        yield Text.assemble(("by URL   ", "yellow"), f"{url.line}  (of {url.source})")
    for unmet in tree.unmet[:NOTES_SHOWN_MAX]:
        yield Text.assemble(
            ("not met  ", "yellow"), f"{unmet.line}  (of {unmet.source}): {unmet.why}"
        )
    for passed in graphed.joined.passed_over[:NOTES_SHOWN_MAX]:
        yield Text.assemble(
            ("passed   ", "yellow"), f"{passed} is refused or held here; an older one is taken"
        )
    unread = [one for one in tree.releases if not one.described]
    for release in unread[:NOTES_SHOWN_MAX]:
        yield Text.assemble(
            ("unknown  ", "yellow"),
            f"{release.project} {release.version}: the index has no metadata of it; what it requires "
            "is taken from an older release, or left out",
        )
    if tree.stopped or tree.cut:
        yield Text(f"This is not all of it. {tree.stopped}".strip(), style="yellow")
    for name, risk in sorted(own_risks(network).items(), key=lambda pair: -pair[1].milli)[:3]:
        if risk.milli >= RISKY:
            why = "; ".join(PARTS[part].meaning for part in risk.parts)
            yield Text.assemble((f"{name}: ", "bold"), why)


def _counts(network: Network, graphed: Graphed) -> Text:
    values = {signal.name: signal.value for signal in graphed.signals}
    parts = [
        f"{values['graph.releases']} releases ({values['graph.direct']} direct)",
        f"{values['graph.depth']} deep",
        f"youngest project {age_words(_days(values['graph.youngest_project_days']))}",
        f"{values['graph.unlisted']} unlisted",
    ]
    if network.circles:
        parts.append(f"{len(network.circles)} circle(s)")
    if graphed.judged:
        parts.append(f"{values['graph.unjudged']} unjudged here, {values['graph.refused']} refused")
    else:
        parts.append("nothing was judged: there is no data folder here")
    return Text("; ".join(parts) + ".", style="dim")


def _days(value: object) -> int | None:
    return value if isinstance(value, int) else None
