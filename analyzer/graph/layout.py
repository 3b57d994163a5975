"""Where each release of a tree stands in a picture: a column for each hop, near who brought it in.

Deterministic and without a force that would have to settle: in each column the order is that of the
parents, and the places are the closest to the parents' that leave each its room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from analyzer.graph.network import Network

ROW = 22
"""Pixels between two labels of a column; text of 12 pixels can be read with this."""
CHAR = 7.3
"""Pixels of a character of monospace text of 12 pixels, rounded up."""
LABEL_CHARS_MAX = 44
"""Characters of a label; longer ones lose their middle."""
GAP = 72
"""Pixels between the longest label of a column and the next column."""
MARK = 16
"""Pixels of the mark before a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One mark with its label: the mark's centre, and where the label ends."""

    name: str
    label: str
    x: int
    y: int
    width: int
    """Pixels from the mark's centre to the label's end."""
    parent: str
    """Who brought it in; empty at the root."""
    out: int
    """Where the longest label of its column ends: until there a line to the right runs level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All spots by name, and the size of the whole."""

    spots: dict[str, Spot]
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Something that hangs on a release and is none: a direct URL, or what was not met."""

    name: str
    label: str
    parent: str


def lay_out(
    network: Network,
    labels: Mapping[str, str],
    leaves: Sequence[Leaf] = (),
    *,
    tails: Mapping[str, str] | None = None,
) -> Layout:
    """Places for every release of the network and for the leaves.

    `labels` by project; `tails` are words behind some of them, for which room is kept.
    """
    columns = _columns(network, leaves)
    texts = {name: shortened(labels[name]) for name in network.graph}
    texts |= {leaf.name: shortened(leaf.label) for leaf in leaves}
    chars = {name: len(text) for name, text in texts.items()}
    for name, tail in (tails or {}).items():
        chars[name] += len(tail) + 2 if tail else 0
    parents = {**network.parents, **{leaf.name: leaf.parent for leaf in leaves}}
    heights: dict[str, float] = {network.root: 0.0}
    spots: dict[str, Spot] = {}
    x = MARK
    for column in columns:
        ordered = sorted(column, key=lambda name: (heights.get(parents.get(name, ""), 0.0), name))
        wanted = [heights.get(parents.get(name, ""), 0.0) for name in ordered]
        heights |= dict(zip(ordered, _spread(wanted), strict=True))
        out = x + round(MARK + max(chars[name] for name in ordered) * CHAR)
        for name in ordered:
            spots[name] = Spot(
                name=name,
                label=texts[name],
                x=x,
                y=0,
                width=round(MARK + chars[name] * CHAR),
                parent=parents.get(name, ""),
                out=out,
            )
        x = out + GAP
    top = min(heights[name] for name in spots)
    placed = {
        name: replace(spot, y=round(heights[name] - top) + ROW) for name, spot in spots.items()
    }
    bottom = max(spot.y for spot in placed.values()) + ROW
    return Layout(spots=placed, width=x - GAP + MARK, height=bottom)


def shortened(label: str) -> str:
    """A label within LABEL_CHARS_MAX; a long one keeps its beginning and its end."""
    if len(label) <= LABEL_CHARS_MAX:
        return label
    end = LABEL_CHARS_MAX // 3
    return f"{label[: LABEL_CHARS_MAX - end - 1]}…{label[-end:]}"


def _columns(network: Network, leaves: Sequence[Leaf]) -> list[list[str]]:
    columns: list[list[str]] = []
    depths = dict(network.hops)
    depths |= {leaf.name: network.hops.get(leaf.parent, 0) + 1 for leaf in leaves}
    for name, depth in sorted(depths.items()):
        while len(columns) <= depth:
            columns.append([])
        columns[depth].append(name)
    return columns


def _spread(wanted: Sequence[float]) -> list[float]:
    """The ascending places at least ROW apart that are closest to `wanted` (least squares).

    Pooling of adjacent violators, once each place is counted from where its row would be.
    """
    blocks: list[tuple[float, int]] = []
    for row, place in enumerate(wanted):
        mean, size = place - row * ROW, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean = (before * count + mean * size) / (count + size)
            size += count
        blocks.append((mean, size))
    free = [mean for mean, size in blocks for _ in range(size)]
    return [mean + row * ROW for row, mean in enumerate(free)]
