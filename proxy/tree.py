"""A finished resolution as a tree: who requires whom, by which line, and what was left open. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from packaging.utils import NormalizedName

from analyzer.clean import printable
from analyzer.graph.tree import (
    LINKS_MAX,
    NODES_MAX,
    NOTES_MAX,
    ROOT,
    DirectUrl,
    Link,
    Release,
    Tree,
    Unmet,
)
from proxy.candidates import Candidate, Need, Reading
from proxy.catalogue import Catalogue, Key
from proxy.errands import Stopped
from proxy.simple.page import ProjectPage

VERSION_CHARS_MAX = 100
"""Characters kept of a version; a filename has 255 in all."""

Pinned = Mapping[Key, Candidate]


def tree_of(asked: Reading, pinned: Pinned, catalogue: Catalogue, *, stopped: str = "") -> Tree:
    """The tree below requirement lines that were asked for; its root is ROOT."""
    links = _unique([*_links(ROOT, (), asked, pinned), *_all_links(pinned, catalogue)])
    direct = [DirectUrl(source=ROOT, line=printable(line)) for line in asked.direct_urls]
    unmet = list(_unmet(ROOT, asked, pinned, catalogue))
    for candidate in pinned.values():
        reading = _reading(candidate, catalogue)
        direct += [
            DirectUrl(source=candidate.name, line=printable(line)) for line in reading.direct_urls
        ]
        unmet += _unmet(candidate.name, reading, pinned, catalogue)
    releases = _releases(pinned, catalogue)
    kept = {release.project for release in releases} | {ROOT}
    within = [link for link in links if link.source in kept and link.target in kept]
    return Tree(
        root=ROOT,
        releases=releases,
        links=tuple(within[:LINKS_MAX]),
        direct_urls=tuple(dict.fromkeys(direct))[:NOTES_MAX],
        unmet=tuple(dict.fromkeys(unmet))[:NOTES_MAX],
        cut=len(within) > LINKS_MAX or len(within) < len(links),
        stopped=printable(stopped),
    )


def rooted(tree: Tree, root: Release) -> Tree:
    """The tree below `root`'s own requirement lines, with `root` on top.

    What requires the root's project again requires this very release: a circle, as in pip.
    """

    def named(project: str) -> str:
        return root.project if project == ROOT else project

    links = [
        replace(link, source=named(link.source))
        for link in tree.links
        if not (link.source == ROOT and link.target == root.project and not link.extras)
    ]
    others = [release for release in tree.releases if release.project != root.project]
    return replace(
        tree,
        root=root.project,
        releases=tuple(sorted([root, *others], key=lambda release: release.project)),
        links=_unique(links),
        direct_urls=tuple(replace(url, source=named(url.source)) for url in tree.direct_urls),
        unmet=tuple(replace(unmet, source=named(unmet.source)) for unmet in tree.unmet),
    )


def below(tree: Tree, project: str) -> Tree:
    """The tree below one of its releases that was asked for, with that on top.

    Raises ValueError where it is not among them.
    """
    root = tree.release(project)
    if root is None:
        raise ValueError(f"{project} is not in the tree")
    asked = replace(tree, links=tuple(link for link in tree.links if link.source != ROOT))
    return rooted(asked, root)


def release_on(page: ProjectPage | None, filename: str, *, project: str, version: str) -> Release:
    """A file as its page tells of it; without a page only what is given."""
    entry = None
    if page is not None:
        entry = next((file for file in page.files if file.filename == filename), None)
    return Release(
        project=project,
        version=printable(version, VERSION_CHARS_MAX),
        filename=printable(filename),
        sha256=entry.sha256 if entry else None,
        uploaded_at=entry.upload_time if entry else None,
        project_since=first_upload(page),
    )


def first_upload(page: ProjectPage | None) -> datetime | None:
    """The first upload that a page lists."""
    if page is None:
        return None
    return min((f.upload_time for f in page.files if f.upload_time is not None), default=None)


def _releases(pinned: Pinned, catalogue: Catalogue) -> tuple[Release, ...]:
    chosen: dict[NormalizedName, Candidate] = {one.name: one for one in pinned.values()}
    return tuple(_release(chosen[name], catalogue) for name in sorted(chosen)[:NODES_MAX])


def _release(candidate: Candidate, catalogue: Catalogue) -> Release:
    file = candidate.file
    try:
        repository, described = catalogue.repository(candidate), catalogue.lines(candidate)
    except Stopped:
        repository, described = "", None
    return Release(
        project=candidate.name,
        version=printable(str(candidate.version), VERSION_CHARS_MAX),
        filename=printable(file.filename),
        sha256=file.sha256,
        uploaded_at=file.upload_time,
        project_since=first_upload(catalogue.page(candidate.name)),
        repository=repository,
        described=described is not None,
    )


def _reading(candidate: Candidate, catalogue: Catalogue) -> Reading:
    """What a candidate requires; nothing where the search ended before that was known."""
    try:
        return catalogue.requirements(candidate)
    except Stopped:
        return Reading()


def _all_links(pinned: Pinned, catalogue: Catalogue) -> Iterator[Link]:
    # Those without extras first: what always counts is not said to come of an extra.
    for candidate in sorted(pinned.values(), key=lambda one: (one.name, len(one.extras))):
        reading = _reading(candidate, catalogue)
        yield from _links(candidate.name, tuple(sorted(candidate.extras)), reading, pinned)


def _links(
    source: str, through: tuple[str, ...], reading: Reading, pinned: Pinned
) -> Iterator[Link]:
    for need in reading.needs:
        if (need.name, need.extras) in pinned:
            yield Link(
                source=source,
                target=need.name,
                line=printable(need.line or str(need)),
                marker=printable(need.line.partition(";")[2].strip()),
                extras=tuple(sorted(need.extras)),
                through=through,
            )


def _unmet(source: str, reading: Reading, pinned: Pinned, catalogue: Catalogue) -> Iterator[Unmet]:
    for need in reading.needs:
        if (need.name, need.extras) not in pinned:
            yield Unmet(
                source=source,
                line=printable(need.line or str(need)),
                why=_why(need, catalogue),
            )
    for line in reading.unreadable:
        text, _, why = line.rpartition(": ")
        yield Unmet(source=source, line=printable(text), why=printable(why))


def _why(need: Need, catalogue: Catalogue) -> str:
    try:
        met = catalogue.meets(need)
    except Stopped:
        met = True
    if met:
        return "it conflicts with another requirement, or the search ended before it"
    return printable(catalogue.why_not(need))


def _unique(links: Iterable[Link]) -> tuple[Link, ...]:
    """One link for each source, target and line, sorted."""
    kept: dict[tuple[str, str, str], Link] = {}
    for link in links:
        kept.setdefault((link.source, link.target, link.line), link)
    return tuple(kept[key] for key in sorted(kept))
