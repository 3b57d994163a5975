"""The rules for grafts: what is ours obeys as in a recipe, what is the host's is as it was."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.corpus.building import ACTS
from tests.corpus.grafting import Graft
from tests.corpus.recipe import Kind
from tests.corpus.rules import CLASSIFIER, problems_of, tells_of, unguarded

RECORD = ".dist-info/RECORD"


def graft_problems(one: Graft, twin: Graft) -> list[str]:
    """What is wrong with a graft and its twin, a sentence each; empty where nothing is."""
    found = [problem for graft in (one, twin) for problem in _of_one(graft)]
    return [*found, *_of_both(one, twin)]


def _of_one(graft: Graft) -> Iterator[str]:
    for path, data in graft.ours.items():
        yield from (f"{path}: {problem}" for problem in problems_of(path, data))
    for path, data in graft.changed.items():
        text = data.decode()
        yield from (f"{path}: {problem}" for problem in unguarded(ast.parse(data), text))
        if path == "setup.py":  # behind its head stands the host's own text, addresses and all
            yield from (f"{path}: {problem}" for problem in problems_of("head.py", graft.head))
    root = "src/" if any(path.startswith("src/") for path in graft.ours) else ""
    for path, data in graft.host.files.items():
        here = f"{root}{path}"
        if here not in graft.changed and graft.members.get(here) != data:
            yield f"{here}: the host's own file was changed"
    name = "PKG-INFO" if graft.recipe.kind is Kind.SDIST else "METADATA"
    top = [p for p in graft.members if p == name or p.endswith(f".dist-info/{name}")]
    if not top or any(CLASSIFIER not in graft.members[path] for path in top):
        yield f"no {CLASSIFIER!r}"
    if len(graft.changed) > 1:
        yield f"more than one file of the host was changed: {sorted(graft.changed)}"


def _of_both(one: Graft, twin: Graft) -> Iterator[str]:
    """What tells a graft from its twin by more than which of the two acts is called."""
    if list(one.members) != list(twin.members):
        yield f"files of one only: {sorted(one.members.keys() ^ twin.members.keys())}"
    other = set(one.recipe.twin_files)
    for path, data in one.members.items():
        theirs = twin.members.get(path, b"")
        if data == theirs or path.endswith(RECORD):
            continue
        if path not in one.ours and path not in one.changed:
            yield f"{path}: a file of the host differs"
        turned = data.replace(ACTS[False].encode(), ACTS[True].encode())
        if not other and turned != theirs.replace(ACTS[False].encode(), ACTS[True].encode()):
            yield f"{path}: more than the act differs"
    if tells := tells_of(_ours(one)) - tells_of(_ours(twin)):
        yield f"the twin lacks {sorted(tells)[:5]}"


def _ours(graft: Graft) -> dict[str, bytes]:
    return {**graft.ours, **graft.changed}
