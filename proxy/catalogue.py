"""Candidates and their requirements, each worked out once in a resolution, or once in many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock

from cachetools import LRUCache
from packaging.utils import NormalizedName

from models.errors import PratiqueError, UpstreamNotFound
from proxy.candidates import (
    Candidate,
    Described,
    Interpreter,
    Need,
    Reading,
    candidates_of,
    matching,
    read_metadata,
    read_requirements,
)
from proxy.errands import Errands
from proxy.simple.page import IndexFile, ProjectPage

PROBES = ((0,), (1, 2), (4, 8, 16, 32, 64))
"""Places in a list of releases, newest first, where metadata is looked for, in waves. An index may
lack it for all that is newer than some day: steps that double find that day's release soon."""
CANDIDATES_KEPT = 100_000
"""Candidates kept from resolution to resolution; some 30 MB, and the releases of 1,000 projects."""

Key = tuple[NormalizedName, frozenset[str]]


class Shelf:
    """The candidates of pages that were worked out before. Resolutions share it across threads.

    A page that changed is another object, so that nothing here can be older than its page.
    """

    def __init__(self, *, candidates_max: int = CANDIDATES_KEPT) -> None:
        self._lock = Lock()
        self._kept: LRUCache[
            tuple[NormalizedName, int], tuple[ProjectPage, tuple[Candidate, ...]]
        ] = LRUCache(
            maxsize=candidates_max, getsizeof=lambda kept: min(len(kept[1]) + 1, candidates_max)
        )

    def candidates(self, page: ProjectPage, interpreter: Interpreter) -> tuple[Candidate, ...]:
        """As `candidates_of`."""
        key = (page.name, interpreter.identity)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept[0] is page:
            return kept[1]
        found = candidates_of(page, interpreter)
        with self._lock:
            self._kept[key] = (page, found)
        return found


class Catalogue:
    """Candidates and their requirements, each worked out once in a resolution."""

    def __init__(self, interpreter: Interpreter, errands: Errands, shelf: Shelf) -> None:
        self._interpreter = interpreter
        self._errands = errands
        self._shelf = shelf
        self._matches: dict[tuple[NormalizedName, frozenset[Need]], tuple[Candidate, ...]] = {}
        self._candidates: dict[NormalizedName, tuple[Candidate, ...]] = {}
        self._described_as: dict[tuple[NormalizedName, str], Described | None] = {}
        self._readings: dict[tuple[Key, str], Reading] = {}
        self.failures: dict[NormalizedName, str] = {}
        """Projects without a usable page, and why."""

    def candidates(self, name: NormalizedName) -> tuple[Candidate, ...]:
        """The releases of a project that can be used, best first."""
        if name not in self._candidates:
            found: tuple[Candidate, ...] = ()
            try:
                found = self._shelf.candidates(self._errands.page(name), self._interpreter)
            except UpstreamNotFound:
                self.failures[name] = "the index has no such project"
            except PratiqueError:
                self.failures[name] = "the index did not give its page"
            if not found:
                self.failures.setdefault(name, "no file of it fits the interpreter")
            self._candidates[name] = found
        return self._candidates[name]

    def meets(self, need: Need) -> bool:
        """Whether any release meets this one need."""
        return bool(self.matching(need.name, [need.bare]))

    def matching(self, name: NormalizedName, needs: Iterable[Need]) -> tuple[Candidate, ...]:
        """The releases of a project that meet all of some needs, best first."""
        # A solver that goes back asks the same again and again, for a project in every state.
        key = (name, frozenset(needs))
        if key not in self._matches:
            self._matches[key] = tuple(matching(self.candidates(name), key[1]))
        return self._matches[key]

    def page(self, name: NormalizedName) -> ProjectPage | None:
        """The page that candidates of a project were read from; None where there is none."""
        try:
            return self._errands.page(name)
        except PratiqueError:
            return None

    def repository(self, candidate: Candidate) -> str:
        """The repository that a candidate's metadata claims; empty: none."""
        described = self._describe(candidate)
        return described.repository if described else ""

    def why_not(self, need: Need) -> str:
        """Why none does."""
        return self.failures.get(need.name, "no release of it that can be used matches")

    def requirements(self, candidate: Candidate) -> Reading:
        """What a candidate requires with its extras."""
        key = ((candidate.name, candidate.extras), str(candidate.version))
        if key not in self._readings:
            lines = self.lines(candidate)
            if lines is None:
                lines = self._guess(candidate)
            reading = read_requirements(lines or (), self._interpreter, extras=candidate.extras)
            for need in reading.needs:
                self._errands.expect(need.name)
            self._readings[key] = reading
        return self._readings[key]

    def lines(self, candidate: Candidate) -> tuple[str, ...] | None:
        """Its Requires-Dist lines; None where no metadata of the release is to be had."""
        described = self._describe(candidate)
        return None if described is None else described.requires

    def preferring_described(self, found: Sequence[Candidate]) -> Iterable[Candidate]:
        """The same candidates; first, where there is one, the best whose metadata is to be had."""
        described = self._described(found)
        if described is None or described is found[0]:
            return found
        return [described, *(each for each in found if each is not described)]

    def guessed_from(self, candidate: Candidate) -> Candidate | None:
        """The release whose requirements stand in for those of a candidate without metadata."""
        older = [
            each
            for each in self.candidates(candidate.name)
            if each.version < candidate.version and each.described_by
        ]
        return self._described(older)

    def _describe(self, candidate: Candidate) -> Described | None:
        key = (candidate.name, str(candidate.version))
        if key not in self._described_as:
            self._described_as[key] = self._read(candidate.described_by)
        return self._described_as[key]

    def _guess(self, candidate: Candidate) -> tuple[str, ...] | None:
        neighbour = self.guessed_from(candidate)
        return None if neighbour is None else self.lines(neighbour)

    def _described(self, found: Sequence[Candidate]) -> Candidate | None:
        for wave in PROBES:
            probed = [found[place] for place in wave if place < len(found)]
            for candidate in probed:
                for file in candidate.described_by[:1]:
                    self._errands.expect_metadata(file)
            for candidate in probed:
                if self.lines(candidate) is not None:
                    return candidate
        return None

    def _read(self, files: Iterable[IndexFile]) -> Described | None:
        for file in files:
            try:
                metadata = self._errands.metadata(file)
            except PratiqueError:
                continue
            described = None if metadata is None else read_metadata(metadata)
            if described is not None:
                return described
        return None
