"""Names are found among thousands by their keys, and only where the target is out of their league."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from analyzer.confusion.classes import Confusion, classify
from analyzer.confusion.forms import forms_of
from analyzer.confusion.index import TWICE_RANK_MAX, NameIndex, popular_names
from analyzer.confusion.lookalike import LOOKALIKES_MAX, Lookalike
from models.popularity import ranks

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def small(*names: str, elsewhere: bool = False) -> NameIndex:
    listed = {canonicalize_name(name): rank for rank, name in enumerate(names, start=1)}
    return NameIndex(listed, elsewhere=elsewhere)


def first(name: str) -> Lookalike | None:
    return next(iter(popular_names().lookalikes(name)), None)


@pytest.mark.parametrize(
    ("name", "target", "how", "near"),
    [
        ("reqeusts", "requests", Confusion.TRANSPOSITION, True),
        ("Reqest_s", "requests", Confusion.OMISSION, True),
        ("prompt-tool-kit", "prompt-toolkit", Confusion.SEPARATOR, True),
        ("nmap-python", "python-nmap", Confusion.WORD_ORDER, True),
        ("requests-darwin-lite", "requests", Confusion.COMBINATION, False),
        ("torchtriton", "torch", Confusion.COMBINATION, False),
        ("azure-something-quite-new", "azure", Confusion.NAMESPACE, False),
        ("lodash", "lodash", Confusion.OTHER_ECOSYSTEM, False),
        ("ethreum", "ethereum", Confusion.OMISSION, True),
        ("python-dateutils", "python-dateutil", Confusion.PLURAL, True),
    ],
)
def test_lookalikes__the_gravest_first(name: str, target: str, how: Confusion, near: bool) -> None:
    found = first(name)
    assert found is not None
    assert (found.target, found.how, found.near) == (target, how, near)


@pytest.mark.parametrize(
    "name",
    ["requests", "boto3", "django-storages", "flask-login", "rich", "zxqvkj", "a", "x" * 500],
)
def test_lookalikes__none_for_listed_and_for_strange_names(name: str) -> None:
    assert first(name) is None


def test_lookalikes__only_of_what_is_far_more_popular() -> None:
    names = ["filler" + "abcdefghij"[n // 10] + "klmnopqrst"[n % 10] * 3 for n in range(100)]
    names[0], names[30], names[99] = "colorama", "coloramb", "coloramc"
    index = small(*names)
    assert index.lookalikes("coloramb") == ()  # rank 31 is not 50 times worse than rank 1
    assert [one.target for one in index.lookalikes("coloramc")] == ["colorama"]
    assert [one.target for one in index.lookalikes("coloramd")][:1] == ["colorama"]


def test_lookalikes__among_short_names_only_of_the_best_known() -> None:
    filler = [f"filler-{number}" for number in range(2000)]
    assert small("wheel", *filler).lookalikes("wheek")
    assert not small(*filler, "wheel").lookalikes("wheek")


def test_lookalikes__are_bounded() -> None:
    index = small(*(f"colorama{letter}" for letter in LETTERS[:20]))
    assert len(index.lookalikes("colorama")) == LOOKALIKES_MAX


@given(st.sampled_from(sorted(ranks())), st.data())
def test_lookalikes__whatever_one_slip_leads_to_is_found(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from(LETTERS))
    slipped = data.draw(
        st.sampled_from(
            [
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at:],
                name[:at] + letter + name[at + 1 :],
            ]
        )
    )
    target = forms_of(name)
    typed = forms_of(slipped)
    how = classify(typed, target)
    if how is None or typed.name in ranks() or len(target.joined) < 8:
        return  # the same project, another one, or too short to mean anything
    if how is Confusion.TWO_SLIPS and ranks()[target.name] > TWICE_RANK_MAX:  # type: ignore[index]
        return
    met = {one.forms.name for one in popular_names()._met(typed)}
    assert target.name in met
