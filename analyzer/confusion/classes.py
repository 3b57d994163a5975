"""How one name is taken for another: the class of a pair, by forms and by a single slip of the hand."""

from __future__ import annotations

from enum import StrEnum

from analyzer.confusion.forms import Forms
from analyzer.confusion.words import KEYBOARD, LOOK_ALIKE

VOWELS = frozenset("aeiouy")
SOUND_CHARS_MIN = 6
"""Characters of a sound that means anything: shorter ones are shared by strangers."""
FORM_CHARS_MIN = 4
"""Characters of a form (singular, skeleton, core) that means anything."""
SLIP_CHARS_MIN = 4
"""Characters of a name below which every name is one slip away from some other."""

ALTERED_CHARS_MIN = 6
"""Characters that a name without its affix, number or doubled letters must have for a slip to count."""
TWICE_CHARS_MIN = 6
TWICE_TARGET_CHARS_MIN = 8
"""Characters of a name, and of what it is taken for, where two slips are still told from another word."""

_ALIKE = frozenset(LOOK_ALIKE) | {(into, what) for what, into in LOOK_ALIKE}


class Confusion(StrEnum):
    """The classes; values stand in `Finding.what`."""

    SEPARATOR = "separator"
    WORD_ORDER = "word-order"
    PLURAL = "plural"
    HOMOGLYPH = "homoglyph"
    REPETITION = "repetition"
    OMISSION = "omission"
    ADDITION = "addition"
    TRANSPOSITION = "transposition"
    KEYBOARD = "keyboard"
    VOWEL = "vowel"
    SUBSTITUTION = "substitution"
    TWO_SLIPS = "two-slips"
    VERSION = "version"
    AFFIX = "affix"
    AFFIX_DROPPED = "affix-dropped"
    PHONETIC = "phonetic"
    COMBINATION = "combination"
    NAMESPACE = "namespace"
    OTHER_ECOSYSTEM = "other-ecosystem"

    @property
    def near(self) -> bool:
        """Whether a slip of hand or eye leads there; the others are how honest variants are called."""
        return self in _NEAR


_NEAR = frozenset(
    {
        Confusion.SEPARATOR,
        Confusion.WORD_ORDER,
        Confusion.PLURAL,
        Confusion.HOMOGLYPH,
        Confusion.REPETITION,
        Confusion.OMISSION,
        Confusion.ADDITION,
        Confusion.TRANSPOSITION,
        Confusion.KEYBOARD,
        Confusion.VOWEL,
        Confusion.SUBSTITUTION,
    }
)


def classify(name: Forms, target: Forms) -> Confusion | None:
    """How `name` is taken for `target`; None where it is not, or is the same project."""
    if name.name == target.name:
        return None
    return (
        _same_form(name, target)
        or _slipped(name, target)
        or _same_core(name, target)
        or _slipped_twice(name, target)
    )


def slip(text: str, target: str) -> Confusion | None:
    """The one slip that makes `text` of `target` (optimal string alignment distance 1), if any."""
    difference = len(text) - len(target)
    if abs(difference) > 1 or text == target:
        return None
    start = 0
    while start < min(len(text), len(target)) and text[start] == target[start]:
        start += 1
    end = 0
    shorter = min(len(text), len(target)) - start
    while end < shorter and text[-1 - end] == target[-1 - end]:
        end += 1
    mine, theirs = text[start : len(text) - end], target[start : len(target) - end]
    match len(mine), len(theirs):
        case (1, 0):
            beside = text[start - 1 : start] + text[start + 1 : start + 2]
            return Confusion.REPETITION if mine in beside else Confusion.ADDITION
        case (0, 1):
            return Confusion.OMISSION
        case (1, 1):
            return _substituted(mine, theirs)
        case (2, 2) if mine == theirs[::-1]:
            return Confusion.TRANSPOSITION
        case _:
            return None


def _substituted(mine: str, theirs: str) -> Confusion:
    if (mine, theirs) in _ALIKE:
        return Confusion.HOMOGLYPH
    if mine in VOWELS and theirs in VOWELS:
        return Confusion.VOWEL
    if mine.isdigit() and theirs.isdigit():
        return Confusion.VERSION
    return Confusion.KEYBOARD if (mine, theirs) in KEYBOARD else Confusion.SUBSTITUTION


def _same_form(name: Forms, target: Forms) -> Confusion | None:
    if name.joined == target.joined:
        return Confusion.SEPARATOR
    if name.ordered == target.ordered:
        return Confusion.WORD_ORDER
    if name.undigited == target.undigited and name.joined[-1:].isdigit():
        return Confusion.VERSION
    if name.singular == target.singular and len(target.singular) >= FORM_CHARS_MIN:
        if name.collapsed != target.collapsed:
            return Confusion.PLURAL
        more = len(name.joined) >= len(target.joined)
        return Confusion.REPETITION if more else Confusion.OMISSION
    if name.skeleton == target.skeleton and len(target.skeleton) >= FORM_CHARS_MIN:
        return Confusion.HOMOGLYPH
    return None


def _slipped(name: Forms, target: Forms) -> Confusion | None:
    """One slip; where the names are long, also beside an affix, a number or a doubled letter."""
    if min(len(name.joined), len(target.joined)) >= SLIP_CHARS_MIN and (
        found := slip(name.joined, target.joined)
    ):
        return found
    pairs = (
        *((form, target.joined) for form in slip_forms(name)[1:]),
        *((name.joined, form) for form in slip_targets(target)[1:]),
    )
    for mine, theirs in pairs:
        if min(len(mine), len(theirs)) >= ALTERED_CHARS_MIN and (found := slip(mine, theirs)):
            return found
    return None


def _same_core(name: Forms, target: Forms) -> Confusion | None:
    if name.core == target.core and len(target.core) >= FORM_CHARS_MIN:
        if name.undigited == target.undigited:
            return Confusion.VERSION
        shorter = len(name.joined) < len(target.joined)
        return Confusion.AFFIX_DROPPED if shorter else Confusion.AFFIX
    if name.sound == target.sound and len(target.sound) >= SOUND_CHARS_MIN:
        return Confusion.PHONETIC
    return None


def _slipped_twice(name: Forms, target: Forms) -> Confusion | None:
    """Two slips in a long name: what is left of both without two letters meets."""
    mine, theirs = name.joined, target.joined
    if len(mine) < TWICE_CHARS_MIN or len(theirs) < TWICE_TARGET_CHARS_MIN:
        return None
    if abs(len(mine) - len(theirs)) > 2:
        return None
    return Confusion.TWO_SLIPS if left_out(mine, 2) & left_out(theirs, 2) else None


def left_out(text: str, times: int) -> frozenset[str]:
    """`text`, and every text that leaving out up to `times` letters of it makes."""
    made = last = frozenset({text})
    for _ in range(times):
        last = frozenset(one[:at] + one[at + 1 :] for one in last for at in range(len(one)))
        made |= last
    return made


def slip_forms(name: Forms) -> tuple[str, ...]:
    """The forms of a name in which a slip is looked for, each once, as it is written first."""
    return tuple(dict.fromkeys((name.joined, name.undigited, name.core, name.collapsed)))


def slip_targets(target: Forms) -> tuple[str, ...]:
    """The forms of a target that a slip may lead to, each once, as it is written first."""
    return tuple(dict.fromkeys((target.joined, target.undigited, target.collapsed)))
