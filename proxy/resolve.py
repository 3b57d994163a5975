"""Requirement lines out of an artifact to a closed set of files, chosen by metadata alone.

The proxy faces the network, so it never unpacks (invariant 5): a release with metadata on the index
is chosen before one without, and where there is no choice the requirements of its nearest release
stand in, which the answer says. A set that cannot be met as a whole is met as far as it goes.

resolvelib is synchronous and runs in a thread; pages and metadata are fetched on the event loop,
ahead of their use where that can be foreseen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import msgspec
import structlog
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Criterion, Resolution
from resolvelib.resolvers.resolution import _build_result
from resolvelib.structs import RequirementInformation, State

from analyzer.graph.tree import ROOT, Tree
from models.artifact import ArtifactKind, Sha256
from models.evidence import ResolvedFile
from models.work import ResolvedSet, ResolveRequest
from proxy.candidates import (
    Candidate,
    Interpreter,
    Need,
    Reading,
    read_requirements,
)
from proxy.catalogue import Catalogue, Key, Shelf
from proxy.errands import Errands, MetadataSource, Pages, ResolveBounds, Stopped
from proxy.simple.page import ProjectPage
from proxy.tree import Pinned, tree_of

LOG = structlog.get_logger()

NOTES_MAX = 200
"""Lines of `unresolved`, and of `direct_urls`."""

Where = tuple[str, int]
Answered = TypeVar("Answered")


class Resolver:
    """Resolves for any number of leases. Call `close` at the end."""

    def __init__(
        self, index: Pages, metadata: MetadataSource, *, bounds: ResolveBounds | None = None
    ) -> None:
        """`index` is the cached one, `metadata` the Fetcher."""
        self._index = index
        self._metadata = metadata
        self._bounds = bounds or ResolveBounds()
        self._shelf = Shelf()
        self._threads = ThreadPoolExecutor(
            self._bounds.resolutions_max, thread_name_prefix="resolve"
        )

    async def resolve(self, request: ResolveRequest) -> tuple[ResolvedSet, dict[Sha256, Where]]:
        """The set, and for each of its files its place (`IndexFile.place`) and the size (0: not announced).

        Never fails for what the requirements say or upstream lacks; that stands in `unresolved`.
        Raises ResolutionFailed where the request itself is no use.
        """
        return await self._run(request, _Job.run, self._index)

    async def tree(
        self, request: ResolveRequest, *, without: frozenset[Sha256] = frozenset()
    ) -> Tree:
        """The same resolution as a tree below ROOT. Never fails either, and raises the same.

        Files in `without` count as yanked, as refused ones do in the listing of this proxy.
        """
        index = _Yanking(self._index, without) if without else self._index
        return await self._run(request, _Job.grow, index)

    async def _run(
        self, request: ResolveRequest, work: Callable[[_Job], Answered], index: Pages
    ) -> Answered:
        interpreter = Interpreter(request.target)
        loop = asyncio.get_running_loop()
        errands = Errands(index, self._metadata, loop, self._bounds)
        catalogue = Catalogue(interpreter, errands, self._shelf)
        job = _Job(request, interpreter, catalogue, errands, self._bounds)
        try:
            return await loop.run_in_executor(self._threads, work, job)
        finally:
            errands.stop()

    def close(self) -> None:
        """Let no further resolution begin."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Yanking:
    """Pages on which some files are yanked."""

    def __init__(self, index: Pages, files: frozenset[Sha256]) -> None:
        self._index = index
        self._files = files

    async def project(self, project: NormalizedName) -> ProjectPage:
        """A page; the very one of the index where none of the files is on it."""
        page = await self._index.project(project)
        if not any(file.sha256 in self._files for file in page.files):
            return page
        files = (
            msgspec.structs.replace(file, yanked=True) if file.sha256 in self._files else file
            for file in page.files
        )
        return replace(page, files=tuple(files))


class _Provider(AbstractProvider[Need, Candidate, Key]):
    """resolvelib's view of the catalogue."""

    def __init__(self, catalogue: Catalogue, errands: Errands, *, lenient: bool) -> None:
        self._catalogue = catalogue
        self._errands = errands
        self._lenient = lenient
        self._satisfied: dict[tuple[int, int], tuple[Need, Version, bool]] = {}
        """By the identities of both, which are kept alive here: hashing a specifier costs more."""

    def identify(self, requirement_or_candidate: Need | Candidate) -> Key:
        """A project with some extras is a thing of its own, which requires the project."""
        return requirement_or_candidate.name, requirement_or_candidate.extras

    def get_preference(
        self,
        identifier: Key,
        resolutions: Mapping[Key, Candidate],
        candidates: Mapping[Key, Iterator[Candidate]],
        information: Mapping[Key, Iterator[RequirementInformation[Need, Candidate]]],
        backtrack_causes: Sequence[RequirementInformation[Need, Candidate]],
    ) -> tuple[bool, bool, bool, NormalizedName, int]:
        """Causes of a conflict first, then pins, then whatever has bounds; then by name."""
        del resolutions, candidates
        needs = [info.requirement for info in information[identifier]]
        causes = {cause.requirement.name for cause in backtrack_causes}
        name, extras = identifier
        return (
            name not in causes,
            not any(need.pinned for need in needs),
            not any(need.specifier for need in needs),
            name,
            len(extras),
        )

    def find_matches(
        self,
        identifier: Key,
        requirements: Mapping[Key, Iterator[Need]],
        incompatibilities: Mapping[Key, Iterator[Candidate]],
    ) -> Iterable[Candidate]:
        """Best first."""
        self._errands.check()
        name, extras = identifier
        bad = {candidate.version for candidate in incompatibilities[identifier]}
        matches = self._catalogue.matching(name, requirements[identifier])
        found = [each for each in matches if each.version not in bad] if bad else matches
        preferred = self._catalogue.preferring_described(found)
        if not extras:
            return preferred
        return [replace(each, extras=extras) for each in preferred]

    def is_satisfied_by(self, requirement: Need, candidate: Candidate) -> bool:
        """By version alone; the rest was looked at when it became a candidate."""
        # The solver asks this of every pin in every round.
        version = candidate.version
        key = (id(requirement), id(version))
        known = self._satisfied.get(key)
        if known is None:
            answer = requirement.specifier.contains(version, prereleases=True)
            known = self._satisfied[key] = (requirement, version, answer)
        return known[2]

    def get_dependencies(self, candidate: Candidate) -> Iterable[Need]:
        """What its metadata says; where lenient, only what can be met at all."""
        self._errands.check()
        needs = list(self._catalogue.requirements(candidate).needs)
        if candidate.extras:
            same = SpecifierSet(f"==={candidate.version}")
            needs.append(Need(name=candidate.name, specifier=same))
        kept = [need for need in needs if not self._lenient or self._catalogue.meets(need)]
        return with_bare(kept)


class _Search(Resolution[Need, Candidate, Key]):
    """resolvelib's search, which asks of every pin in every round whether it is still right.

    Where neither the pin nor what is asked of it changed, it is told so from memory.
    """

    def __init__(
        self,
        provider: AbstractProvider[Need, Candidate, Key],
        reporter: BaseReporter[Need, Candidate, Key],
    ) -> None:
        super().__init__(provider, reporter)
        self._judged: dict[Key, tuple[object, object, bool]] = {}

    def _is_current_pin_satisfying(self, name: Key, criterion: Criterion[Need, Candidate]) -> bool:
        pin = self.state.mapping.get(name)
        known = self._judged.get(name)
        if known is None or known[0] is not pin or known[1] is not criterion:
            answer = super()._is_current_pin_satisfying(name, criterion)
            known = self._judged[name] = (pin, criterion, answer)
        return known[2]


class _Progress(BaseReporter[Need, Candidate, Key]):
    """Remembers the fullest state, for when a bound ends the search."""

    def __init__(self) -> None:
        self.fullest: dict[Key, Candidate] = {}

    def ending_round(self, index: int, state: State[Need, Candidate, Key]) -> None:
        """Called by the solver."""
        del index
        if len(state.mapping) >= len(self.fullest):
            self.fullest = dict(state.mapping)


class _Job:
    """One resolution, in its thread."""

    def __init__(
        self,
        request: ResolveRequest,
        interpreter: Interpreter,
        catalogue: Catalogue,
        errands: Errands,
        bounds: ResolveBounds,
    ) -> None:
        self._request = request
        self._bounds = bounds
        self._interpreter = interpreter
        self._errands = errands
        self._catalogue = catalogue
        self._progress = _Progress()
        self._notes: list[str] = []
        self._guessed: list[str] = []

    def run(self) -> tuple[ResolvedSet, dict[Sha256, Where]]:
        """The answer for a lease."""
        reading, pinned, stopped = self._search()
        self._notes = [*reading.unreadable, *self._notes]
        direct = list(reading.direct_urls)
        if not stopped:
            try:
                direct += self._describe(pinned)
            except Stopped as late:
                stopped = str(late)
        if stopped:
            self._notes.append(f"the rest: the resolution was stopped, for {stopped}")
        return self._answer(pinned, direct)

    def grow(self) -> Tree:
        """The answer as a tree."""
        reading, pinned, stopped = self._search()
        try:
            return tree_of(reading, pinned, self._catalogue, stopped=stopped)
        except Stopped as late:
            return Tree(root=ROOT, cut=True, stopped=stopped or str(late))

    def _search(self) -> tuple[Reading, Pinned, str]:
        """What was asked, what was chosen, and why the search ended early; empty: it did not."""
        self._errands.begin()
        reading = read_requirements(self._request.requirements, self._interpreter)
        try:
            for need in reading.needs:
                self._errands.expect(need.name)
            return reading, self._pin(reading.needs), ""
        except Stopped as stopped:
            LOG.warning("resolution_stopped", why=str(stopped))
            return reading, self._progress.fullest, str(stopped)

    def _pin(self, needs: Sequence[Need]) -> Pinned:
        """The whole set; else what of it can be met at all; else need by need."""
        try:
            return self._solve(needs, lenient=False)
        except (ResolutionImpossible, ResolutionTooDeep):
            pass
        possible = [need for need in needs if self._catalogue.meets(need)]
        self._notes += [
            f"{need}: {self._catalogue.why_not(need)}" for need in needs if need not in possible
        ]
        try:
            return self._solve(possible, lenient=True)
        except ResolutionImpossible:
            return self._one_by_one(possible)
        except ResolutionTooDeep as error:
            raise _too_deep() from error

    def _one_by_one(self, needs: Sequence[Need]) -> Pinned:
        kept: list[Need] = []
        pinned: Pinned = {}
        for need in needs:
            try:
                pinned = self._solve([*kept, need], lenient=True)
            except ResolutionTooDeep as error:
                raise _too_deep() from error
            except ResolutionImpossible:
                self._notes.append(f"{need}: it conflicts with another requirement")
            else:
                kept.append(need)
        return pinned

    def _solve(self, needs: Sequence[Need], *, lenient: bool) -> Pinned:
        provider = _Provider(self._catalogue, self._errands, lenient=lenient)
        search = _Search(provider, self._progress)
        state = search.resolve(with_bare(needs), max_rounds=self._bounds.rounds_max)
        return _build_result(state).mapping

    def _describe(self, pinned: Pinned) -> list[str]:
        """Note what the chosen files leave open; their requirements by direct URL."""
        direct: list[str] = []
        for candidate in pinned.values():
            label = f"{candidate.name}=={candidate.version}"
            reading = self._catalogue.requirements(candidate)
            direct += reading.direct_urls
            self._notes += reading.unreadable
            self._notes += [
                f"{need} (of {label}): {self._catalogue.why_not(need)}"
                for need in reading.needs
                if (need.name, need.extras) not in pinned
            ]
            if candidate.extras or self._catalogue.lines(candidate) is not None:
                continue
            if self._catalogue.guessed_from(candidate) is not None:
                self._guessed.append(label)
            else:
                kind = "wheel" if candidate.file.kind is ArtifactKind.WHEEL else "sdist"
                self._notes.append(f"{label}: what this {kind} requires is not known to the index")
        return direct

    def _answer(
        self, pinned: Pinned, direct: Sequence[str]
    ) -> tuple[ResolvedSet, dict[Sha256, Where]]:
        chosen = {candidate.name: candidate for candidate in pinned.values()}
        ordered = [chosen[name] for name in sorted(chosen)]
        files_max = self._bounds.files_max
        if len(ordered) > files_max:
            self._notes.append(f"the rest: the set has more than {files_max} files")
        files: list[ResolvedFile] = []
        where: dict[Sha256, Where] = {}
        for candidate in ordered[:files_max]:
            file = candidate.file
            if file.sha256 is None:
                continue
            where[file.sha256] = (file.place, file.size or 0)
            files.append(
                ResolvedFile(
                    project=candidate.name,
                    version=str(candidate.version),
                    filename=file.filename,
                    sha256=file.sha256,
                    role=self._request.role,
                )
            )
        resolved = ResolvedSet(
            files=tuple(files),
            unresolved=tuple(dict.fromkeys(self._notes))[:NOTES_MAX],
            direct_urls=tuple(dict.fromkeys(direct))[:NOTES_MAX],
            guessed=tuple(dict.fromkeys(self._guessed)),
        )
        return resolved, where


def with_bare(needs: Sequence[Need]) -> list[Need]:
    """The needs, and for each with extras the same without, so that both are narrowed at once.

    Else the project without extras is chosen as if nobody had asked for less, and every one of its
    releases is tried against every one with extras (apache-airflow and fastapi: 40 s and no end).
    """
    return [each for need in needs for each in ((need, need.bare) if need.extras else (need,))]


def _too_deep() -> Stopped:
    return Stopped("the search took too many steps")
