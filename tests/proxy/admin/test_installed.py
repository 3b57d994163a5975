"""Who installed it, what turned for the worse, and what is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from models.artifact import ArtifactRef, Sha256
from models.canonical import digest_of
from models.decision import Action
from models.errors import NotAllowed, ValueInvalid
from models.evidence import Evidence, Finding, Layer, Severity
from models.work import Priority
from proxy.admin.installed import (
    NAMES_CHARS_MAX,
    Target,
    exposure_of,
    flips,
    parse_target,
    who_installed,
)
from proxy.store.memory import MemoryStore
from tests.proxy.admin.people import RITA, VIEW
from tests.proxy.store.values import (
    START,
    FakeClock,
    make_decision,
    make_evidence,
    make_facts,
    make_fetch,
    make_ref,
    name,
)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=FakeClock())


def finding(identity: str, what: str, layer: Layer = Layer.BEHAVIOUR) -> Finding:
    return Finding(id=identity, title="x", severity=Severity.HIGH, layer=layer, what=what)


async def observed(store: MemoryStore, ref: ArtifactRef, *findings: Finding) -> Evidence:
    evidence = replace(make_evidence(ref), findings=findings)
    await store.enqueue(ref, size_bytes=1, facts=make_facts(ref), priority=Priority.FILE, now=START)
    await store.lease(worker="w", lease_id="l1", now=START)
    await store.complete("l1", worker="w", evidence=evidence, blobs=[], now=START)
    return evidence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A" * 64, Target(sha256=Sha256("a" * 64))),
        ("Demo.Pkg", Target(project=name("demo-pkg"))),
        (" demo == 1.0.0 ", Target(project=name("demo"), version="1.0.0")),
        ("demo==1.0.POST1", Target(project=name("demo"), version="1.0.post1")),
        ("z" * 64, Target(project=name("z" * 64))),
    ],
)
def test_parse_target__is_bytes_a_project_or_a_release(text: str, expected: Target) -> None:
    assert parse_target(text) == expected


@pytest.mark.parametrize("text", ["", "demo>=1", "demo==1.*", "demo==1,==2", "../x", "a b"])
def test_parse_target__anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueInvalid):
        parse_target(text)


async def test_who_installed__by_bytes_by_project_and_by_release(store: MemoryStore) -> None:
    one, two = make_ref(version="1.0"), make_ref(version="2.0")
    for ref in (one, two):
        await store.put_decision(make_decision(ref))
    await store.record_fetches([make_fetch(one), structs.replace(make_fetch(two), requester="ci")])

    async def names(target: Target) -> list[str]:
        found = await who_installed(store, RITA, target)
        return sorted(row.requester for row in found.holders.rows)

    assert await names(Target(sha256=one.sha256)) == ["laptop"]
    assert await names(Target(project=name("demo"))) == ["ci", "laptop"]
    assert await names(Target(project=name("demo"), version="2.0")) == ["ci"]
    assert await names(Target(project=name("other"))) == []
    found = await who_installed(store, RITA, Target(project=name("demo")))
    assert found.files == (one, two)
    with pytest.raises(NotAllowed):
        await who_installed(store, VIEW, Target(sha256=one.sha256))


async def test_flips__name_who_has_it_and_what_to_replace(store: MemoryStore) -> None:
    ref = make_ref()
    await store.put_decision(make_decision(ref))
    await store.record_fetches([structs.replace(make_fetch(ref), groups=("web",))])
    evidence = await observed(store, ref, finding("canary-left", "ssh-key"))
    denied = make_decision(ref, action=Action.DENY, evidence=digest_of(evidence))
    await store.put_decision(denied)
    (flip,) = await flips(store, RITA, since=START)
    assert flip.worsened.decision == denied
    assert [row.requester for row in flip.exposure.holders.rows] == ["laptop"]
    assert flip.exposure.facts() == (
        ("exposed_clients", "1"),
        ("exposed", "laptop"),
        ("exposed_groups", "web"),
        ("replace", "Replace SSH keys (sent)."),
    )
    with pytest.raises(NotAllowed):
        await flips(store, VIEW, since=START)


async def test_exposure_of__an_advisory_alone_means_every_secret(store: MemoryStore) -> None:
    ref = make_ref()
    advised = replace(
        make_facts(ref), findings=(finding("known-malicious", "MAL-2025-1", Layer.REPUTATION),)
    )
    denied = replace(
        make_decision(ref, action=Action.DENY), facts_digest=await store.put_facts(advised)
    )
    await store.record_fetches([make_fetch(ref)])
    exposure = await exposure_of(store, denied)
    assert exposure.rotation.anything
    assert "every secret" in dict(exposure.facts())["replace"]


async def test_exposure_of__what_nobody_fetched_has_nothing_to_tell(store: MemoryStore) -> None:
    exposure = await exposure_of(store, make_decision(action=Action.DENY))
    assert exposure.facts() == ()


async def test_facts__of_many_are_cut_and_counted(store: MemoryStore) -> None:
    fetch = make_fetch()
    await store.record_fetches(
        [structs.replace(fetch, requester=f"developer-{number:03d}") for number in range(100)]
    )
    facts = dict((await exposure_of(store, make_decision(action=Action.DENY))).facts())
    assert facts["exposed_clients"] == "100"
    assert facts["exposed"].startswith("developer-000, developer-001")
    named = facts["exposed"].count("developer-")
    assert facts["exposed"].endswith(f" and {100 - named} more")
    assert len(facts["exposed"]) < NAMES_CHARS_MAX + 20
