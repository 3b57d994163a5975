"""Every class by pairs that are in it and pairs that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.confusion.classes import Confusion, classify, left_out, slip
from analyzer.confusion.forms import NAME_CHARS_MAX, forms_of

WORD = st.text(alphabet="abcdeorsty013", min_size=4, max_size=14)
NAME = st.text(alphabet="abcdeorsty013-_.", min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("name", "target", "how"),
    [
        ("requestss", "requests", Confusion.REPETITION),
        ("rrequests", "requests", Confusion.REPETITION),
        ("aiohhttpp", "aiohttp", Confusion.REPETITION),
        ("colapse", "collapse", Confusion.OMISSION),
        ("requets", "requests", Confusion.OMISSION),
        ("arequests", "requests", Confusion.ADDITION),
        ("reqeusts", "requests", Confusion.TRANSPOSITION),
        ("requezts", "requests", Confusion.KEYBOARD),
        ("cryptographz", "cryptography", Confusion.KEYBOARD),
        ("reque5ts", "requests", Confusion.HOMOGLYPH),
        ("co1orama", "colorama", Confusion.HOMOGLYPH),
        ("nurnpy", "numpy", Confusion.HOMOGLYPH),
        ("raquests", "requests", Confusion.VOWEL),
        ("requests", "request", Confusion.PLURAL),
        ("importlibs-resource", "importlib-resources", Confusion.PLURAL),
        ("reqbests", "reqvests", Confusion.KEYBOARD),
        ("reqwests", "reqbests", Confusion.SUBSTITUTION),
        ("google-cloudstorage", "google-cloud-storage", Confusion.SEPARATOR),
        ("googlecloudstorage", "google-cloud-storage", Confusion.SEPARATOR),
        ("requests-python", "python-requests", Confusion.WORD_ORDER),
        ("python-requests", "requests", Confusion.AFFIX),
        ("pyrequests", "requests", Confusion.AFFIX),
        ("requests-sdk", "requests", Confusion.AFFIX),
        ("dateutil", "python-dateutil", Confusion.AFFIX_DROPPED),
        ("requests2", "requests", Confusion.VERSION),
        ("requests-3", "requests", Confusion.VERSION),
        ("detectron4", "detectron2", Confusion.VERSION),
        ("urllib", "urllib3", Confusion.OMISSION),
        ("beaotifulsoup", "beautifulsoup4", Confusion.VOWEL),
        ("kryptografy", "cryptography", Confusion.PHONETIC),
        ("botoceor", "botocore", Confusion.TWO_SLIPS),
        # Near misses: the same project, a family, another word.
        ("my_package", "my.package", None),
        ("Requests", "requests", None),
        ("django-storages", "django", None),
        ("cat", "car", None),
        ("lxml", "toml", None),
        ("treasure", "requests", None),
        ("pygame", "pytest", None),
    ],
)
def test_classify__by_pairs(name: str, target: str, how: Confusion | None) -> None:
    assert classify(forms_of(name), forms_of(target)) is how


@given(WORD, WORD)
def test_slip__is_found_from_both_sides_or_from_none(one: str, other: str) -> None:
    assert (slip(one, other) is None) == (slip(other, one) is None)


@given(WORD, st.data())
def test_slip__any_one_letter_left_out_is_one(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    assert slip(word[:at] + word[at + 1 :], word) is Confusion.OMISSION


@given(WORD, WORD)
def test_slip__never_without_a_shared_spelling_of_one_letter_less(one: str, other: str) -> None:
    if slip(one, other):
        assert left_out(one, 1) & left_out(other, 1)


@given(NAME)
def test_classify__a_name_is_not_taken_for_itself(name: str) -> None:
    assert classify(forms_of(name), forms_of(name.upper())) is None


@given(st.text(max_size=200))
def test_forms__any_text_has_bounded_forms(text: str) -> None:
    forms = forms_of(text)
    assert len(forms.name) <= NAME_CHARS_MAX * 3  # lower case may be longer than upper case
    assert "".join(forms.tokens) == forms.joined
