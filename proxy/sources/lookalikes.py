"""Which popular project a dependency's name could be taken for, by name and age alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from packaging.utils import NormalizedName

from analyzer.confusion.index import NameIndex, popular_names
from analyzer.confusion.weighing import About, weigh
from models.evidence import Severity
from models.popularity import rank_of
from models.trust.findings import SEVERITY_RANK


class Lookalikes:
    """Compares offline; nobody is asked about a dependency that may never be judged here."""

    def __init__(self, names: Callable[[], NameIndex] = popular_names) -> None:
        """`names` may take a second; it is called once, in a thread."""
        self._names = names
        self._index: NameIndex | None = None
        self._building = asyncio.Lock()

    async def of(self, project: NormalizedName, days: int | None) -> str:
        """The popular project that weighs, given that `project` is so many days old; empty: none.

        Only what has a second sign beside the name counts, which without the index is its age.
        """
        if rank_of(project) is not None:
            return ""
        async with self._building:
            if self._index is None:
                self._index = await asyncio.to_thread(self._names)
            index = self._index
        known = About(age_days=days, listed=False)
        for lookalike in index.lookalikes(project):
            severity = weigh(lookalike, known, About()).severity
            if severity and SEVERITY_RANK[severity] >= SEVERITY_RANK[Severity.MEDIUM]:
                return lookalike.target
        return ""
