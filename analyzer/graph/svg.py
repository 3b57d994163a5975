"""A joined tree as an SVG picture: no script, no link, every text escaped, light and dark.

What is bad is told by shape, colour and word alike. Beside the first path to each release, other
requirements are drawn faintly, and all that lead to something bad strongly.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from html import escape
from itertools import pairwise

from analyzer.clean import printable
from analyzer.graph.findings import path_words
from analyzer.graph.joined import Joined, Known, Standing
from analyzer.graph.layout import MARK, Leaf, Spot, lay_out
from analyzer.graph.network import Network
from analyzer.graph.risk import RISKY, Risk, is_young, own_risks

HEAD = 76
"""Pixels above the tree: title, counts and key."""
WIDTH_MIN = 820
"""Pixels that title and key need."""
DESCRIPTION_CHARS_MAX = 5_000
"""Characters of any one text of the picture."""
SAID_MAX = 6
"""Bad releases that the description names."""

LIGHT = (
    "--paper:#fbfaf7;--ink:#1d2328;--quiet:#5c666f;--line:#b9b4a9;--good:#1a6b3c;"
    "--watch:#7a5b00;--held:#9a4a00;--bad:#a3162a;--none:#5c666f"
)
DARK = (
    "--paper:#15191d;--ink:#e6e4df;--quiet:#9aa4ad;--line:#4b555e;--good:#6fcf97;"
    "--watch:#e3c04b;--held:#f0a25a;--bad:#ff8a94;--none:#9aa4ad"
)
"""The colours of the pages (`proxy/web/static/pratique.css`), so that both are of one piece."""
STYLE = f"""
svg{{{LIGHT}}}
@media (prefers-color-scheme:dark){{svg{{{DARK}}}}}
.paper{{fill:var(--paper)}}
text{{font:12px ui-monospace,"DejaVu Sans Mono",monospace;fill:var(--ink)}}
text{{stroke:var(--paper);stroke-width:3px;paint-order:stroke}}
.quiet{{fill:var(--quiet)}}
.title{{font-size:16px;font-weight:700}}
.way{{fill:none;stroke:var(--line);stroke-width:1.3}}
.other{{fill:none;stroke:var(--line);stroke-width:1;opacity:.3}}
.back{{stroke-dasharray:3 3;opacity:.6}}
.toward{{fill:none;stroke-width:2.2;opacity:.85}}
.mark{{stroke-width:2}}
.good{{stroke:var(--good);fill:var(--good)}}
.watch{{stroke:var(--watch);fill:var(--watch)}}
.held{{stroke:var(--held);fill:var(--held)}}
.bad{{stroke:var(--bad);fill:var(--bad)}}
.none{{stroke:var(--none);fill:var(--paper)}}
path.toward.held{{fill:none}}path.toward.bad{{fill:none}}
text.watch,text.held,text.bad{{stroke:var(--paper);font-weight:700}}
tspan.watch,tspan.held{{stroke:var(--paper);font-weight:700}}
"""
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""What a Content-Security-Policy names to allow this one style and no other."""


class Mark(StrEnum):
    """How a release is marked; each has a shape, a colour and a word of its own."""

    ROOT = "root"
    GOOD = "good"
    WATCH = "watch"
    HELD = "held"
    BAD = "bad"
    NONE = "none"


KEY = (
    (Mark.GOOD, "approved"),
    (Mark.WATCH, "watched"),
    (Mark.NONE, "not judged"),
    (Mark.HELD, "held or risky"),
    (Mark.BAD, "refused"),
)


def picture(joined: Joined, *, title: str = "") -> str:
    """The picture of a joined tree. `title` empty: the root's name and version."""
    network = Network.of(joined)
    risks = own_risks(network)
    leaves = tuple(_leaves(network))
    labels = {name: label_of(network, name) for name in network.graph}
    tails = {name: " ".join(word for _, word in _words(network, name)) for name in labels}
    layout = lay_out(network, labels, leaves, tails=tails)
    marks = {name: mark_of(network.known[name], risks.get(name)) for name in network.graph}
    marks[network.root] = Mark.ROOT
    marks |= {leaf.name: Mark.HELD for leaf in leaves}
    width, height = max(layout.width, WIDTH_MIN), layout.height + HEAD
    shown = title or label_of(network, network.root)
    parts = [
        _open(width, height),
        f'<title id="title">What {_text(shown)} depends on</title>',
        f'<desc id="desc">{_text(described(network, marks))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        *_head(network, shown),
        f'<g transform="translate(0 {HEAD})">',
        *_edges(network, layout.spots, marks),
        *(_spot(network, spot, marks[name]) for name, spot in layout.spots.items()),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _open(width: int, height: int) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title desc">'
    )


def mark_of(known: Known, risk: Risk | None) -> Mark:
    """How a release is marked."""
    if known.standing is Standing.REFUSED or known.malicious:
        return Mark.BAD
    if known.standing is Standing.HELD or (risk is not None and risk.milli >= RISKY):
        return Mark.HELD
    if known.standing is Standing.MONITORED:
        return Mark.WATCH
    return Mark.GOOD if known.standing.trusted else Mark.NONE


def label_of(network: Network, name: str) -> str:
    """`name version`, or what stands for the one who asks."""
    release = network.joined.tree.release(name)
    return f"{release.project} {release.version}" if release else "requirements"


def described(network: Network, marks: Mapping[str, Mark]) -> str:
    """The picture in a few sentences, for whoever does not see it."""
    hops = max(network.hops.values())
    sentences = [f"{len(network.releases)} releases, the furthest {hops} requirements away."]
    for mark, words in ((Mark.BAD, "Refused"), (Mark.HELD, "Held or risky")):
        names = [name for name in network.releases if marks[name] is mark]
        if names:
            said = "; ".join(path_words(network.path(name)) for name in names[:SAID_MAX])
            more = f" and {len(names) - SAID_MAX} more" if len(names) > SAID_MAX else ""
            sentences.append(f"{words}: {said}{more}.")
    return " ".join(sentences)


def _leaves(network: Network) -> Iterator[Leaf]:
    for number, url in enumerate(network.joined.tree.direct_urls):
        if url.source in network.graph:
            yield Leaf(name=f"\0url{number}", label=f"by URL: {url.line}", parent=url.source)
    for number, unmet in enumerate(network.joined.tree.unmet):
        if unmet.source in network.graph:
            label = f"not met: {unmet.line.partition(';')[0].strip()}"
            yield Leaf(name=f"\0unmet{number}", label=label, parent=unmet.source)


def _text(text: str) -> str:
    """Text for XML, which has no way to write control characters at all."""
    return escape(printable(text, DESCRIPTION_CHARS_MAX))


def _head(network: Network, shown: str) -> Iterator[str]:
    tree = network.joined.tree
    counts = [f"{len(network.releases)} releases", f"{max(network.hops.values())} deep"]
    if network.circles:
        counts.append(f"{len(network.circles)} circle{'s' if len(network.circles) > 1 else ''}")
    if network.joined.since:
        counts.append(f"{len(network.joined.added)} new since {network.joined.since}")
    if tree.cut or tree.stopped:
        counts.append("not all of it")
    yield f'<text class="title" x="{MARK}" y="26">{_text(shown)}</text>'
    counted = f"{' · '.join(counts)} · as of {network.joined.as_of:%Y-%m-%d %H:%M} UTC"
    yield f'<text class="quiet" x="{MARK}" y="46">{_text(counted)}</text>'
    x = MARK + 6
    for mark, words in KEY:
        yield _shape(mark, x, 64)
        yield f'<text class="quiet" x="{x + 12}" y="68">{words}</text>'
        x += 40 + round(len(words) * 7.3)


def _edges(network: Network, spots: Mapping[str, Spot], marks: Mapping[str, Mark]) -> Iterator[str]:
    toward = _toward_bad(network, marks)
    strong: list[str] = []
    for source, target in sorted(network.graph.edges):
        start, end = spots[source], spots[target]
        curve = _curve(start, end)
        mark = toward.get((source, target))
        back = " back" if end.x <= start.x else ""
        if mark is not None:
            strong.append(f'<path class="toward {mark}{back}" d="{curve}"/>')
        elif end.parent == source:
            yield f'<path class="way" d="{curve}"/>'
        else:
            yield f'<path class="other{back}" d="{curve}"/>'
    for spot in spots.values():
        if spot.name.startswith("\0"):
            yield f'<path class="way back" d="{_curve(spots[spot.parent], spot)}"/>'
    yield from strong


def _toward_bad(network: Network, marks: Mapping[str, Mark]) -> dict[tuple[str, str], Mark]:
    """Requirements on the first path to each release that is bad, the worst mark last."""
    found: dict[tuple[str, str], Mark] = {}
    for mark in (Mark.HELD, Mark.BAD):
        for name in network.releases:
            if marks[name] is mark:
                path = network.path(name)
                found |= dict.fromkeys(pairwise(path), mark)
    return found


def _curve(start: Spot, end: Spot) -> str:
    x, y = start.x + start.width, start.y
    if end.x > start.x:
        to = end.x - 8
        bend = max((to - start.out) // 2, 20)
        return f"M{x} {y}H{start.out}C{start.out + bend} {y} {to - bend} {end.y} {to} {end.y}"
    # Within a column, or back: out on the right, and in again from the right.
    to = end.x + end.width
    out = max(x, to) + 34
    return f"M{x} {y}C{out} {y} {out} {end.y} {to} {end.y}"


def _spot(network: Network, spot: Spot, mark: Mark) -> str:
    x = spot.x + 12
    title = _text(_title(network, spot))
    words = "".join(
        f'<tspan class="{kind}" dx="7">{_text(word)}</tspan>'
        for kind, word in _words(network, spot.name)
    )
    name, _, version = spot.label.partition(" ")
    if spot.name.startswith("\0"):
        label = _text(spot.label)
    else:
        label = f'{_text(name)} <tspan class="quiet">{_text(version)}</tspan>'
    kind = f' class="{mark}"' if mark in {Mark.BAD, Mark.HELD, Mark.WATCH} else ""
    return (
        f"<g><title>{title}</title>{_shape(mark, spot.x, spot.y)}"
        f'<text{kind} x="{x}" y="{spot.y + 4}">{label}{words}</text></g>'
    )


def _words(network: Network, name: str) -> Iterator[tuple[str, str]]:
    """What stands behind a label: short, and only what matters."""
    release = network.releases.get(name)
    if release is None:
        return
    if is_young(network, name):
        yield "held", f"{network.joined.project_days(release)} d"
    if name in network.joined.added:
        yield "watch", "new"


def _title(network: Network, spot: Spot) -> str:
    if spot.name.startswith("\0"):
        return spot.label
    known = network.known[spot.name]
    facts = [label_of(network, spot.name)]
    if spot.name in network.releases:
        release = network.releases[spot.name]
        facts.append(known.standing.value)
        days = network.joined.project_days(release)
        facts.append("age unknown" if days is None else f"project {days} days old")
        facts.append(f"number {known.rank}" if known.rank else "not among the most downloaded")
        facts.append(path_words(network.path(spot.name)))
    return ", ".join(facts)


def _shape(mark: Mark, x: int, y: int) -> str:
    match mark:
        case Mark.BAD:
            return f'<path class="mark bad" d="M{x - 5} {y - 5}l10 10m0-10l-10 10"/>'
        case Mark.HELD:
            return f'<rect class="mark held" x="{x - 4}" y="{y - 4}" width="8" height="8"/>'
        case Mark.WATCH:
            return f'<path class="mark watch" d="M{x} {y - 5}L{x + 5} {y + 4}L{x - 5} {y + 4}Z"/>'
        case Mark.GOOD:
            return f'<circle class="mark good" cx="{x}" cy="{y}" r="4"/>'
        case _:
            radius = 6 if mark is Mark.ROOT else 4
            return f'<circle class="mark none" cx="{x}" cy="{y}" r="{radius}"/>'
