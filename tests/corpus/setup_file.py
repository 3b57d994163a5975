"""Two setup.py as one: the code before a recipe's `setup(…)`, then the host's with the recipe's name."""

from __future__ import annotations

import ast

NOT_TAKEN = frozenset({"packages"})
"""Keywords of the recipe's call that the host's own stand for."""


def setup_call(tree: ast.Module) -> ast.Call | None:
    """The only call of a `setup` in a module; None where there is none, or several."""
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "setup")
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "setup")
        )
    ]
    return calls[0] if len(calls) == 1 else None


def head_of(recipe: str) -> str:
    """A recipe's setup.py up to its call of `setup`, which is its last statement."""
    last = ast.parse(recipe).body[-1]
    return "".join(recipe.splitlines(keepends=True)[: last.lineno - 1])


def merged_setup(host: bytes, recipe: str) -> bytes:
    """The host's setup.py behind the recipe's code, with the recipe's name, version and commands.

    The host's must have one call of `setup` with keywords (`hosts.read_host` sees to that).
    """
    text = host.decode().replace("\r\n", "\n")
    theirs = setup_call(ast.parse(text))
    ours = setup_call(ast.parse(recipe))
    if theirs is None or ours is None or not theirs.keywords:
        raise ValueError("there is no one call of setup")
    data = text.encode()
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    present = {keyword.arg: keyword for keyword in theirs.keywords}
    edits: list[tuple[int, int, bytes]] = []
    for keyword in ours.keywords:
        segment = ast.get_source_segment(recipe, keyword.value)
        if keyword.arg in NOT_TAKEN or segment is None:
            continue
        old = present.get(keyword.arg)
        if old is None:
            first = theirs.keywords[0]
            at = starts[first.lineno - 1] + first.col_offset
            edits.append((at, at, f"{keyword.arg}={segment}, ".encode()))
            continue
        begin = starts[old.value.lineno - 1] + old.value.col_offset
        end = starts[(old.value.end_lineno or 0) - 1] + (old.value.end_col_offset or 0)
        if keyword.arg == "classifiers" and isinstance(old.value, ast.List | ast.Tuple):
            segment = f"[*{data[begin:end].decode()}, *{segment}]"
        edits.append((begin, end, segment.encode()))
    for begin, end, new in sorted(edits, reverse=True):
        data = data[:begin] + new + data[end:]
    return head_of(recipe).encode() + b"\n" + data
