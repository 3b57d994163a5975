"""Finding the names that a name is taken for, among thousands, without comparing it with each.

Every target is filed under a few keys: its forms, and its spelling with any one letter left out
(a deletion neighbourhood: two words that are one slip apart share such a key). A query looks up its
own keys and classifies only what it meets there. Keys are kept as 64-bit hashes in sorted arrays,
some 4 MB for 15,000 names; a clash of hashes costs one comparison, as every hit is classified.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from packaging.utils import NormalizedName

from analyzer.confusion.classes import (
    FORM_CHARS_MIN,
    SLIP_CHARS_MIN,
    SOUND_CHARS_MIN,
    TWICE_CHARS_MIN,
    Confusion,
    classify,
    left_out,
    slip_forms,
    slip_targets,
)
from analyzer.confusion.forms import Forms, forms_of
from analyzer.confusion.lookalike import Lookalike, TargetKind, gravest_of
from analyzer.confusion.words import (
    COMBO_WORDS,
    OTHER_ECOSYSTEMS,
    STANDARD_LIBRARY,
    VENDOR_NAMESPACES,
)
from models.popularity import ranks

CANDIDATES_MAX = 400
"""Targets classified for one query, in the order of their rank; ordinary names meet fewer than 30."""
COMBO_RANK_MAX = 1_000
"""Rank of a project whose name plus a word is a sign at all; attacks ride on the best known."""
SHORT_RANKS_MAX = {4: 300, 5: 1_500, 6: 4_000, 7: 9_000}
"""Rank up to which a name so short is a target of slips: among short names everything is near."""
TELLING_CHARS_MIN = 6
"""Characters from which on a slip that chance seldom makes (`_TELLING`) counts at every rank."""
TWICE_CHARS_MAX = 20
"""Characters up to which two slips are looked for: a name of 20 has 211 spellings without two."""
ELSEWHERE_RANK = 1_000
"""The rank that names known from elsewhere count as."""
TWICE_RANK_MAX = 200
"""Rank up to which two slips in a name lead to a project; beyond it they lead anywhere."""
LEAGUE = 50
"""How many times better a target must rank than a name that is listed itself."""
FAMILY_MIN = 8
"""Listed projects that begin with one word make it a family (`django-…`), where newcomers are usual."""
_TELLING = frozenset(
    {
        Confusion.SEPARATOR,
        Confusion.WORD_ORDER,
        Confusion.PLURAL,
        Confusion.HOMOGLYPH,
        Confusion.REPETITION,
        Confusion.TRANSPOSITION,
    }
)
_HASH_MASK = (1 << 64) - 1


@cache
def popular_names() -> NameIndex:
    """The index of the bundled popular names; takes about a second once, and some 5 MB."""
    return NameIndex(ranks())


@dataclass(frozen=True, slots=True)
class _Target:
    forms: Forms
    kind: TargetKind
    rank: int


class NameIndex:
    """Targets, filed once. Immutable; safe to ask from several threads."""

    def __init__(self, popular: Mapping[NormalizedName, int], *, elsewhere: bool = True) -> None:
        """`popular` maps names to ranks from 1. `elsewhere` adds names of other ecosystems."""
        self._targets = sorted(_targets(popular, elsewhere=elsewhere), key=lambda t: t.rank)
        self._places = {target.forms.name: at for at, target in enumerate(self._targets)}
        self._combining = _combining(self._targets)
        begins = Counter(name.split("-")[0] for name in popular if "-" in name)
        self._families = frozenset(word for word, count in begins.items() if count >= FAMILY_MIN)
        filed = sorted(
            (_hash(key), at)
            for at, target in enumerate(self._targets)
            for key in _keys_of_target(target)
        )
        self._hashes = array("Q", (key for key, _ in filed))
        self._owners = array("I", (at for _, at in filed))

    @property
    def size_bytes(self) -> int:
        """Bytes of the two arrays that hold the keys."""
        return len(self._hashes) * self._hashes.itemsize + len(self._owners) * self._owners.itemsize

    def knows(self, project: str) -> bool:
        """Whether `project` is a target."""
        return forms_of(project).name in self._places

    def lookalikes(self, project: str) -> tuple[Lookalike, ...]:
        """What `project` is taken for, the gravest first, at most LOOKALIKES_MAX.

        A project is not confused with itself, nor with one that is not far more popular.
        """
        name = forms_of(project)
        listed = self._popular(name.name)
        own = listed.rank if listed else None
        found = [
            Lookalike(
                target=target.forms.name,
                kind=target.kind,
                rank=target.rank,
                how=how,
                family=target.forms.tokens[0] in self._families,
            )
            for target in self._met(name)
            if _far_more_popular(target.rank, own) and (how := _how(name, target))
        ]
        if listed is not None:  # a name of many users: only a slip may be meant
            return gravest_of(one for one in found if one.near)
        return gravest_of((*found, *self._combined(name)))

    def _met(self, name: Forms) -> list[_Target]:
        places: set[int] = set()
        for key in _keys_of_query(name):
            wanted = _hash(key)
            at = bisect_left(self._hashes, wanted)
            while at < len(self._hashes) and self._hashes[at] == wanted:
                places.add(self._owners[at])
                at += 1
        return [self._targets[at] for at in sorted(places)[:CANDIDATES_MAX]]

    def _combined(self, name: Forms) -> Iterator[Lookalike]:
        """A popular name with words around it, and names under a vendor's namespace."""
        for namespace in VENDOR_NAMESPACES:
            if name.name.startswith(f"{namespace}-"):
                yield Lookalike(
                    target=namespace,
                    kind=TargetKind.POPULAR,
                    rank=ELSEWHERE_RANK,
                    how=Confusion.NAMESPACE,
                    family=True,
                )
        for words, rest in (*_splits(name.tokens), *_cuts(name.joined)):
            target = self._combining.get("".join(words))
            if target is not None and all(self._plausible(word) for word in rest):
                yield Lookalike(
                    target=target.forms.name,
                    kind=target.kind,
                    rank=target.rank,
                    how=Confusion.COMBINATION,
                    family=words[0] in self._families,
                )

    def _popular(self, name: str) -> _Target | None:
        at = self._places.get(name)
        target = None if at is None else self._targets[at]
        return target if target is not None and target.kind is TargetKind.POPULAR else None

    def _plausible(self, word: str) -> bool:
        return word in COMBO_WORDS or word.isdigit() or word in self._combining


def _combining(targets: Iterable[_Target]) -> dict[str, _Target]:
    """The best known projects by the spellings in which others put them into their names."""
    found: dict[str, _Target] = {}
    for target in targets:
        if target.kind is TargetKind.POPULAR and target.rank <= COMBO_RANK_MAX:
            for spelling in (target.forms.joined, target.forms.undigited):
                if len(spelling) >= SLIP_CHARS_MIN:
                    found.setdefault(spelling, target)
    return found


def _targets(popular: Mapping[NormalizedName, int], *, elsewhere: bool) -> Iterator[_Target]:
    for name, rank in popular.items():
        yield _Target(forms_of(name), TargetKind.POPULAR, rank)
    if not elsewhere:
        return
    listed = {forms_of(name).name for name in popular}
    for kind, names in (
        (TargetKind.STANDARD_LIBRARY, STANDARD_LIBRARY),
        (TargetKind.OTHER_ECOSYSTEM, OTHER_ECOSYSTEMS),
    ):
        for known in sorted(names):
            forms = forms_of(known)
            if forms.name not in listed:
                listed.add(forms.name)
                yield _Target(forms, kind, ELSEWHERE_RANK)


def _how(name: Forms, target: _Target) -> Confusion | None:
    """The class of a pair, where the target is long or popular enough for it to mean anything."""
    if name.name == target.forms.name:
        elsewhere = target.kind is not TargetKind.POPULAR
        return Confusion.OTHER_ECOSYSTEM if elsewhere else None
    how = classify(name, target.forms)
    if how is None or (how is Confusion.TWO_SLIPS and target.rank > TWICE_RANK_MAX):
        return None
    length = len(target.forms.joined)
    if length < SLIP_CHARS_MIN and how is not Confusion.SEPARATOR:
        return None
    telling = how in _TELLING and length >= TELLING_CHARS_MIN
    if target.rank > SHORT_RANKS_MAX.get(length, target.rank) and not telling:
        return None
    return how


def _far_more_popular(rank: int, own: int | None) -> bool:
    """Whether a target of `rank` is out of the league of a name of rank `own` (None: unlisted)."""
    return own is None or rank * LEAGUE <= own


def _splits(tokens: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every run of tokens that is not all of them, and the tokens around it."""
    for start in range(min(len(tokens), 8)):
        for end in range(start + 1, min(len(tokens), 8) + 1):
            if end - start < len(tokens):
                yield tokens[start:end], tokens[:start] + tokens[end:]


def _cuts(joined: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every cut of a name that has no separators into two words, either of which may be the project."""
    for at in range(SLIP_CHARS_MIN, len(joined) - SLIP_CHARS_MIN + 1):
        yield (joined[:at],), (joined[at:],)
        yield (joined[at:],), (joined[:at],)


def _keys_of_target(target: _Target) -> set[str]:
    twice = target.rank <= TWICE_RANK_MAX
    return _slip_keys(slip_targets(target.forms), twice=twice) | set(_form_keys(target.forms))


def _keys_of_query(name: Forms) -> set[str]:
    return _slip_keys(slip_forms(name), twice=True) | set(_form_keys(name))


def _slip_keys(spellings: tuple[str, ...], *, twice: bool) -> set[str]:
    """Keys that two spellings share where one slip makes one of the other (or two, `twice`)."""
    keys: set[str] = set()
    for number, text in enumerate(spellings):
        if len(text) >= SLIP_CHARS_MIN:
            keys |= {f"d:{one}" for one in left_out(text, 1)}
        if twice and number == 0 and TWICE_CHARS_MIN <= len(text) <= TWICE_CHARS_MAX:
            keys |= {f"t:{one}" for one in left_out(text, 2)}
    return keys


def _form_keys(forms: Forms) -> Iterator[str]:
    yield f"j:{forms.joined}"
    if len(forms.tokens) > 1:
        yield f"o:{forms.ordered}"
    yield f"u:{forms.undigited}"
    if len(forms.singular) >= FORM_CHARS_MIN:
        yield f"s:{forms.singular}"
    if len(forms.skeleton) >= FORM_CHARS_MIN:
        yield f"l:{forms.skeleton}"
    if len(forms.core) >= FORM_CHARS_MIN:
        yield f"c:{forms.core}"
    if len(forms.sound) >= SOUND_CHARS_MIN:
        yield f"p:{forms.sound}"


def _hash(key: str) -> int:
    return hash(key) & _HASH_MASK
