"""A name weighs little by itself, more beside a second sign, and nothing where there is an excuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analyzer.confusion.classes import Confusion
from analyzer.confusion.lookalike import Lookalike, TargetKind
from analyzer.confusion.weighing import (
    About,
    Excuse,
    Sign,
    repositories,
    required,
    signs_of,
    weigh,
)
from models.evidence import Severity

REPOSITORY = "https://github.com/psf/requests"
TARGET = About(
    summary="Python HTTP for Humans, simply.",
    description="Requests is an elegant and simple HTTP library.",
    owners=frozenset({"user:kenneth"}),
    links=(REPOSITORY,),
)
FRESH = About(age_days=3, releases=1)
OLD = About(age_days=2000, releases=30)


def like(how: Confusion = Confusion.OMISSION, **changes: Any) -> Lookalike:
    plain = Lookalike(target="requests", kind=TargetKind.POPULAR, rank=7, how=how)
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("lookalike", "project", "severity"),
    [
        # Near names.
        (like(), About(), Severity.LOW),
        (like(rank=9000), About(), Severity.INFO),
        (like(), About(age_days=400, releases=1), Severity.LOW),
        (like(), About(age_days=400, releases=1, summary=""), Severity.LOW),
        (like(), About(age_days=300, releases=1, summary=""), Severity.MEDIUM),
        (like(), About(releases=1, summary=""), Severity.MEDIUM),
        (like(), About(age_days=3), Severity.MEDIUM),
        (like(), FRESH, Severity.HIGH),
        (like(rank=9000), FRESH, Severity.MEDIUM),
        (like(), OLD, None),
        (like(), About(age_days=2000, releases=1), Severity.LOW),
        (like(), About(age_days=2000, releases=1, listed=True), None),
        (like(), About(releases=1, links=(REPOSITORY,)), Severity.HIGH),
        (like(), About(eager_sinks=True), Severity.MEDIUM),
        # Names that honest variants have as well.
        (like(Confusion.COMBINATION), About(), Severity.INFO),
        (like(Confusion.COMBINATION), About(age_days=3, releases=9), Severity.LOW),
        (like(Confusion.COMBINATION), FRESH, Severity.MEDIUM),
        (like(Confusion.COMBINATION, family=True), FRESH, Severity.INFO),
        (like(Confusion.NAMESPACE), FRESH, Severity.INFO),
        (
            like(Confusion.NAMESPACE),
            About(age_days=3, summary=TARGET.summary),
            Severity.MEDIUM,
        ),
        # Names of our own.
        (like(kind=TargetKind.OWNED, rank=0), About(), Severity.MEDIUM),
        (like(kind=TargetKind.OWNED, rank=0), FRESH, Severity.HIGH),
        (like(kind=TargetKind.OWNED, rank=0), OLD, Severity.MEDIUM),
    ],
)
def test_weigh__by_name_and_second_signs(
    lookalike: Lookalike, project: About, severity: Severity | None
) -> None:
    assert weigh(lookalike, project, TARGET).severity is severity


def test_weigh__what_could_not_be_asked_is_no_sign() -> None:
    assert signs_of(About(), About()) == ()
    assert signs_of(About(), TARGET) == ()


def test_weigh__the_same_owner_may_call_it_as_they_like() -> None:
    mine = About(age_days=0, releases=1, owners=frozenset({"user:kenneth", "user:other"}))
    found = weigh(like(), mine, TARGET)
    assert (found.severity, found.excuse) == (None, Excuse.SAME_OWNER)
    nobody = About(age_days=0, releases=1, owners=frozenset())
    assert weigh(like(), nobody, About(owners=frozenset())).excuse is None


def test_weigh__a_plugin_depends_on_what_it_is_called_after() -> None:
    plugin = About(age_days=3, releases=1, requires=("Requests[socks]>=2", "not a requirement !"))
    found = weigh(like(Confusion.COMBINATION), plugin, TARGET)
    assert (found.severity, found.excuse) == (Severity.INFO, Excuse.EXTENDS)
    assert weigh(like(Confusion.OMISSION), plugin, TARGET).severity is Severity.HIGH


@pytest.mark.parametrize(
    ("project", "signs"),
    [
        (FRESH, {Sign.YOUNG, Sign.FEW_RELEASES}),
        (About(age_days=90, releases=3), set()),
        (About(summary="python http  for humans, simply."), {Sign.SUMMARY_COPIED}),
        (About(summary="Another thing."), set()),
        (About(summary=" "), {Sign.NO_SUMMARY}),
        (About(summary=" ", age_days=365, links=(), releases=1), set()),
        (About(description=TARGET.description), {Sign.DESCRIPTION_COPIED}),
        (About(links=("https://www.GitHub.com/PSF/Requests.git/",)), {Sign.REPOSITORY_CLAIMED}),
        (About(links=("https://github.com/psf",)), set()),
        (About(links=("https://[broken", "https://example.test/psf/requests")), set()),
        (About(links=()), {Sign.NO_REPOSITORY}),
        (About(eager_sinks=True), {Sign.EAGER_SINKS}),
    ],
)
def test_signs_of__each_by_what_shows_it(project: About, signs: set[Sign]) -> None:
    assert set(signs_of(project, TARGET)) == signs


def test_signs_of__a_short_summary_meets_by_chance() -> None:
    assert signs_of(About(summary="A tool"), About(summary="A tool")) == ()


def test_repositories_and_required__read_odd_texts_as_nothing() -> None:
    assert repositories(None) == required(None) == frozenset()
    assert required(("a>=1; extra == 'x'", "b @ https://example.test/b.whl")) == {"a", "b"}
