"""The name of a project, asked about as an inquiry asks: with its page, or without one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from analyzer.confusion.findings import NAME_CONFUSION, OWNED_CONFUSION, OWNED_SIGNAL
from models.artifact import Sha256, parse_ref
from models.evidence import Layer, Severity
from models.facts import Answer, SourceState
from policies.owned import OwnedNames
from proxy.inquiry import FactSource, Question
from proxy.simple.page import IndexFile, ProjectPage
from proxy.sources.background import Background
from proxy.sources.confusion import ConfusionSource
from tests.proxy.sources.fakes import FakeBackgrounds

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SHA = Sha256("a" * 64)
REQUESTS = canonicalize_name("requests")
OWNED = OwnedNames(patterns=("acme-*",))


def question(project: str, *, age_days: int | None = 2, releases: int = 1) -> Question:
    """About the first of `releases` files, all of one age; `age_days` None: there is no page."""
    name = project.replace("-", "_")
    files = tuple(
        IndexFile(
            filename=f"{name}-{number}.0-py3-none-any.whl",
            url="https://files.test/x",
            sha256=SHA,
            upload_time=NOW - timedelta(days=age_days or 0),
        )
        for number in range(1, releases + 1)
    )
    page = ProjectPage(name=canonicalize_name(project), files=files, api_version="1.1")
    ref = parse_ref("pypi", project, SHA, files[0].filename)
    return Question(ref=ref, page=None if age_days is None else page, as_of=NOW)


async def ask(
    about: Question,
    backgrounds: FakeBackgrounds | None = None,
    owned: OwnedNames | None = None,
) -> Answer:
    source: FactSource = ConfusionSource(
        backgrounds=backgrounds or FakeBackgrounds(), owned=lambda: owned or OwnedNames()
    )
    answer = await source.ask(about)
    assert (answer.source.name, answer.source.layer) == (source.name, Layer.METADATA)
    assert answer.source.state is SourceState.MEASURED
    return answer


def value(answer: Answer, name: str) -> int | bool | str | None:
    return next(one.value for one in answer.signals if one.name == f"confusion.{name}")


async def test_confusion__an_ordinary_name_is_measured_and_nobody_is_asked() -> None:
    backgrounds = FakeBackgrounds()
    answer = await ask(question("qvolumetrics"), backgrounds)
    assert answer.findings == ()
    assert (value(answer, "lookalikes"), value(answer, "class")) == (0, None)
    assert backgrounds.asked == []


async def test_confusion__a_young_look_alike_is_a_grave_finding() -> None:
    answer = await ask(question("reqeusts"))
    assert [(one.id, one.severity, one.what) for one in answer.findings] == [
        (NAME_CONFUSION, Severity.HIGH, "transposition")
    ]
    assert value(answer, "target") == "requests"
    assert value(answer, "signs") == "young, few-releases"


async def test_confusion__a_name_alone_is_a_slight_one() -> None:
    answer = await ask(question("reqeusts", age_days=None))
    assert [one.severity for one in answer.findings] == [Severity.LOW]


async def test_confusion__an_old_project_is_nobodys_impostor_and_nobody_is_asked() -> None:
    backgrounds = FakeBackgrounds()
    answer = await ask(question("reqeusts", age_days=3000, releases=9), backgrounds)
    assert answer.findings == ()
    assert value(answer, "excuse") == "established"
    assert backgrounds.asked == []


@pytest.mark.parametrize(
    ("owners", "severity"), [({"user:kenneth"}, None), ({"user:mallory"}, Severity.HIGH)]
)
async def test_confusion__the_same_owner_excuses(
    owners: set[str], severity: Severity | None
) -> None:
    name = NormalizedName("reqeusts")
    backgrounds = FakeBackgrounds(
        {
            name: Background(owners=frozenset(owners)),
            REQUESTS: Background(owners=frozenset({"user:kenneth"})),
        }
    )
    answer = await ask(question("reqeusts"), backgrounds)
    assert [one.severity for one in answer.findings] == ([severity] if severity else [])
    assert set(backgrounds.asked) >= {name, REQUESTS}


async def test_confusion__an_index_without_documents_says_nothing_against_anybody() -> None:
    broken = FakeBackgrounds(broken=frozenset({NormalizedName("reqeusts"), REQUESTS}))
    answer = await ask(question("reqeusts", age_days=400, releases=9), broken)
    assert [one.severity for one in answer.findings] == [Severity.LOW]
    assert value(answer, "signs") == ""


async def test_confusion__what_resembles_an_owned_name_is_flagged_and_the_owned_one_is_not() -> (
    None
):
    backgrounds = FakeBackgrounds()
    answer = await ask(question("amce-billing", age_days=900, releases=9), backgrounds, OWNED)
    assert [(one.id, one.severity) for one in answer.findings] == [
        (OWNED_CONFUSION, Severity.MEDIUM)
    ]
    assert NormalizedName("acme") not in backgrounds.asked
    itself = await ask(question("acme-billing"), backgrounds, OWNED)
    assert itself.findings == ()


async def test_confusion__says_which_owned_names_it_compared_with() -> None:
    told = {one.name: one.value for one in (await ask(question("x1"), owned=OWNED)).signals}
    assert told[OWNED_SIGNAL] == OWNED.digest
