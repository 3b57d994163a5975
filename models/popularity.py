"""How popular a project is: its rank in the bundled list of the most downloaded ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from packaging.utils import NormalizedName, canonicalize_name

LIST_FILE = "popular-projects.txt"
"""In `models/data`; its head says where it comes from and of when it is."""


@cache
def ranks() -> Mapping[NormalizedName, int]:
    """Every listed project with its rank (1 is the most downloaded), in the order of the ranks."""
    text = files("models.data").joinpath(LIST_FILE).read_text(encoding="ascii")
    names = (line for line in text.splitlines() if line and not line.startswith("#"))
    return MappingProxyType(
        {canonicalize_name(name): rank for rank, name in enumerate(names, start=1)}
    )


def rank_of(project: NormalizedName) -> int | None:
    """The rank of a project; None where it is not on the list."""
    return ranks().get(project)
