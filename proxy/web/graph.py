"""`/v/<id>/graph.svg`: the dependency graph that a decision rests on, as a picture."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web
from packaging.utils import canonicalize_name

from analyzer.clean import printable
from analyzer.graph.joined import Joined, Known, unpack
from analyzer.graph.svg import STYLE_HASH, picture
from analyzer.graph.tree import Link, Release, Tree
from models.canonical import Digest
from models.decision import Decision
from models.errors import UpstreamNotFound, ValueInvalid
from models.evidence import Evidence
from models.facts import Facts
from models.popularity import rank_of
from proxy.sources.graph import TREE_SIGNAL
from proxy.store.port import Store

CSP = (
    f"default-src 'none'; style-src '{STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
"""For the picture opened by itself; one style, known by its hash, and nothing else."""


def has_graph(evidence: Evidence | None, facts: Facts | None) -> bool:
    """Whether there is a picture to show."""
    kept = facts is not None and isinstance(facts.signal(TREE_SIGNAL), str)
    return kept or bool(evidence and any(one.role == "run" for one in evidence.dependencies))


async def graph_of_decision(
    store: Store, decision: Decision, evidence: Evidence | None, facts: Facts | None
) -> Joined:
    """What the decision's facts rest on; else what was installed beside the file, all of it direct.

    Raises UpstreamNotFound where neither is there, and StoreError.
    """
    digest = facts.signal(TREE_SIGNAL) if facts is not None else None
    data = await store.blob(Digest(digest)) if isinstance(digest, str) else None
    if data is not None:
        try:
            return await asyncio.to_thread(unpack, data)
        except ValueInvalid:
            pass  # of another version: what was installed is told all the same
    if evidence is None or not any(one.role == "run" for one in evidence.dependencies):
        raise UpstreamNotFound("No dependencies are known for this decision.")
    return installed(decision, evidence)


def installed(decision: Decision, evidence: Evidence) -> Joined:
    """A file with what was installed to run it; who required whom is not known there."""
    project = str(decision.ref.project)
    beside = {
        canonicalize_name(printable(one.project, 200)): one
        for one in evidence.dependencies
        if one.role == "run" and canonicalize_name(one.project) != project
    }
    names = sorted(beside)
    releases = [
        Release(project=name, version=printable(beside[name].version, 100)) for name in names
    ]
    root = Release(project=project, version=decision.ref.version)
    return Joined(
        tree=Tree(
            root=project,
            releases=tuple(sorted([root, *releases], key=lambda one: one.project)),
            links=tuple(Link(source=project, target=name, line=name) for name in names),
        ),
        as_of=decision.as_of,
        known=tuple(Known(project=name, rank=rank_of(name)) for name in names),
    )


async def svg_response(joined: Joined) -> web.Response:
    """The picture, with headers under which it can do nothing but be looked at."""
    text = await asyncio.to_thread(picture, joined)
    return web.Response(
        body=text.encode("utf-8", errors="replace"),
        headers={
            hdrs.CONTENT_TYPE: "image/svg+xml; charset=utf-8",
            hdrs.CACHE_CONTROL: "no-store",
            "Content-Security-Policy": CSP,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
