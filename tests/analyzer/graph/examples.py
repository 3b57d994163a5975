"""Small trees, written as `a > b` lines, with what a test wants known of their releases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from analyzer.graph.joined import Joined, Known
from analyzer.graph.network import Network
from analyzer.graph.tree import DirectUrl, Link, Release, Tree, Unmet

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD_DAYS = 2_000


def tree_of(
    *edges: str,
    ages: dict[str, int] | None = None,
    root: str = "app",
    direct_urls: Iterable[DirectUrl] = (),
    unmet: Iterable[Unmet] = (),
    repositories: dict[str, str] | None = None,
) -> Tree:
    """A tree of `a > b` edges; every project is old but for those in `ages` (days)."""
    pairs = [tuple(part.strip() for part in edge.split(">")) for edge in edges]
    names = sorted({root, *(name for pair in pairs for name in pair)})
    releases = []
    for name in names:
        days = (ages or {}).get(name, OLD_DAYS)
        releases.append(
            Release(
                project=name,
                version="1.0",
                filename=f"{name}-1.0-py3-none-any.whl",
                uploaded_at=NOW - timedelta(days=min(days, 100)),
                project_since=NOW - timedelta(days=days),
                repository=(repositories or {}).get(name, ""),
            )
        )
    links = sorted(
        (Link(source=source, target=target, line=f"{target}>=1") for source, target in pairs),
        key=lambda link: (link.source, link.target),
    )
    return Tree(
        root=root,
        releases=tuple(releases),
        links=tuple(links),
        direct_urls=tuple(direct_urls),
        unmet=tuple(unmet),
    )


def joined(tree: Tree, *, added: Iterable[str] | None = None, **known: dict[str, Any]) -> Joined:
    """A tree with what is known; every project but those in `known` is popular and unjudged."""
    rows = [
        Known(project=release.project, **{"rank": 100, **known.get(release.project, {})})
        for release in tree.releases
    ]
    return Joined(
        tree=tree,
        as_of=NOW,
        known=tuple(rows),
        since="" if added is None else "0.9",
        added=tuple(sorted(added or ())),
    )


def network(tree: Tree, *, added: Iterable[str] | None = None, **known: dict[str, Any]) -> Network:
    """The network of `joined`."""
    return Network.of(joined(tree, added=added, **known))
