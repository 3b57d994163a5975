"""The source that looks at a project's name: what it is taken for, and what speaks for an impostor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from packaging.utils import canonicalize_name

from analyzer.confusion.findings import SOURCE, findings_of, signals_of
from analyzer.confusion.index import NameIndex, popular_names
from analyzer.confusion.lookalike import Lookalike
from analyzer.confusion.owned import owned_lookalikes
from analyzer.confusion.weighing import About, Weighed, weigh
from models.evidence import Layer
from models.facts import Answer, Source, SourceState
from models.popularity import rank_of
from policies.owned import OwnedNames
from proxy.facts import gather
from proxy.inquiry import Question
from proxy.sources.background import Background, Backgrounds, background_or_none

TARGETS_ASKED_MAX = 2
"""Targets whose background is asked for; the gravest say enough, and a source has 10 s."""


class ConfusionSource:
    """Compares with the bundled popular names, and with the owned ones of the policy in force.

    Names alone are looked up offline; the index is asked for backgrounds only where a name is taken
    for another, and what it does not tell is no sign.
    """

    name = SOURCE
    layer = Layer.METADATA

    def __init__(
        self,
        *,
        backgrounds: Backgrounds,
        owned: Callable[[], OwnedNames],
        names: Callable[[], NameIndex] = popular_names,
    ) -> None:
        """`names` may take a second; it is called once, in a thread."""
        self._backgrounds = backgrounds
        self._owned = owned
        self._names = names
        self._index: NameIndex | None = None
        self._building = asyncio.Lock()

    async def ask(self, question: Question) -> Answer:
        """What the name of the question's project is taken for, weighed. Always measured."""
        project, owned = question.ref.project, self._owned()
        index = await self._popular()
        found = index.lookalikes(project)
        if not owned.refuses(question.ref):
            found = (*owned_lookalikes(project, owned.patterns), *found)
        weighed = await self._weighed(found, question) if found else ()
        source = Source(
            name=self.name,
            layer=self.layer,
            state=SourceState.MEASURED,
            told_at=question.as_of,
        )
        return Answer(
            source=source,
            signals=signals_of(weighed, owned_digest=owned.digest),
            findings=findings_of(weighed),
        )

    async def _popular(self) -> NameIndex:
        async with self._building:
            if self._index is None:
                self._index = await asyncio.to_thread(self._names)
            return self._index

    async def _weighed(
        self, found: tuple[Lookalike, ...], question: Question
    ) -> tuple[Weighed, ...]:
        page = question.page
        facts = gather(page, question.ref, question.as_of) if page else None
        known = About(
            age_days=facts.project_age_days if facts else None,
            releases=facts.project_release_count if facts else None,
            listed=rank_of(question.ref.project) is not None,
        )
        plain = tuple(weigh(one, known, About()) for one in found)
        if all(one.severity is None for one in plain):
            return plain  # its own age excuses it: nobody need be asked
        own, *others = await asyncio.gather(
            background_or_none(self._backgrounds, question.ref.project),
            *(self._of_target(one) for one in found[:TARGETS_ASKED_MAX]),
        )
        project = about(own, age_days=known.age_days, releases=known.releases, listed=known.listed)
        targets = [*(about(other) for other in others), *(About() for _ in found[len(others) :])]
        return tuple(
            weigh(one, project, target) for one, target in zip(found, targets, strict=True)
        )

    async def _of_target(self, lookalike: Lookalike) -> Background | None:
        if not lookalike.is_project:
            return None  # ours is on no public index, and the others are no projects
        return await background_or_none(self._backgrounds, canonicalize_name(lookalike.target))


def about(
    background: Background | None,
    *,
    age_days: int | None = None,
    releases: int | None = None,
    listed: bool = False,
) -> About:
    """What is known of a project, with its background where there is one."""
    if background is None:
        return About(age_days=age_days, releases=releases, listed=listed)
    return About(
        age_days=age_days,
        releases=releases,
        listed=listed,
        summary=background.summary,
        description=background.description,
        owners=background.owners,
        links=background.links,
        requires=background.requires,
    )
