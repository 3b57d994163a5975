"""Approved relatives: the right release to compare with, and no sibling that nobody ran."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from models.artifact import ArtifactRef
from models.behaviour import Act, ActKind, BehaviourProfile
from models.canonical import Digest, digest_of, digest_of_bytes
from models.contents import Contents
from models.decision import Action, HoldKind
from models.evidence import Evidence, Layer, PhaseReport, Shortfall
from models.phase import Phase
from models.work import Priority
from proxy.relatives import (
    SIBLINGS_TRIED_MAX,
    approved_sibling,
    baseline_of,
    contents_baseline_of,
    contents_sibling_of,
)
from proxy.store.memory import MemoryStore
from tests.models.examples import evidence, facts, ref
from tests.proxy.store.values import FakeClock, make_decision

CODE = digest_of_bytes(b"code")
PROFILE = BehaviourProfile(acts=(Act(kind=ActKind.HOST, phase=Phase.USE, value="api.test"),))
PHASES = (PhaseReport(phase=Phase.IMPORT, exit_code=0, wall_ms=1),)
WINDOWS = "demo-2.0-cp311-cp311-win_amd64.whl"
LINUX = "demo-2.0-cp311-cp311-manylinux_2_17_x86_64.whl"
_numbers = itertools.count(1)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=FakeClock())


def named(filename: str, index: int = 0) -> ArtifactRef:
    return ref(filename, digest_of_bytes(f"{filename} {index}".encode()).removeprefix("sha256:"))


async def put(
    store: MemoryStore,
    filename: str,
    *,
    action: Action = Action.SERVE,
    hold: HoldKind | None = None,
    score: int = 90,
    override: str = "",
    worker: str = "pi",
    **changes: Any,
) -> Evidence:
    """A file with evidence and a decision that rests on it."""
    about = named(filename)
    seen = evidence(about, **{"profile": PROFILE, "phases": PHASES, "code_digest": CODE, **changes})
    now = store._clock()
    await store.enqueue(
        about, size_bytes=1000, facts=facts(about), priority=Priority.RESCAN, now=now
    )
    lease_id = f"lease-{next(_numbers)}"
    assert await store.lease(worker=worker, lease_id=lease_id, now=now)
    await store.complete(lease_id, worker=worker, evidence=seen, blobs=(), now=now)
    decision = make_decision(about, action=action, hold=hold, score=score, evidence=digest_of(seen))
    await store.put_decision(replace(decision, override_id=override))
    return seen


async def baseline_name(store: MemoryStore, filename: str) -> str | None:
    found = await baseline_of(store, named(filename))
    return found.filename if found else None


async def test_baseline_of__is_the_newest_release_below_and_of_the_same_kind(
    store: MemoryStore,
) -> None:
    for filename in (
        *("demo-1.9-py3-none-any.whl", "demo-1.10-py3-none-any.whl", "demo-1.10.tar.gz"),
        *("demo-2.0-py3-none-any.whl", "demo-3.0-py3-none-any.whl"),
    ):
        await put(store, filename)
    assert await baseline_name(store, "demo-2.0-py3-none-any.whl") == "demo-1.10-py3-none-any.whl"
    assert await baseline_name(store, "demo-2.0.tar.gz") == "demo-1.10.tar.gz"
    assert await baseline_name(store, "demo-1.10.tar.gz") == "demo-1.9-py3-none-any.whl"
    assert await baseline_name(store, "demo-1.0.tar.gz") is None
    assert await baseline_name(store, "other-2.0.tar.gz") is None


async def test_baseline_of__says_what_it_rests_on_and_where_it_was_looked(
    store: MemoryStore,
) -> None:
    seen = await put(store, "demo-1.0.tar.gz")
    found = await baseline_of(store, named("demo-2.0.tar.gz"))
    assert found is not None
    assert (found.sha256, found.evidence_digest) == (seen.sha256, digest_of(seen))
    assert (found.profile, found.phases) == (PROFILE, (Phase.IMPORT,))


@pytest.mark.parametrize(
    "odd",
    [
        {"action": Action.DENY, "score": 5},
        {"action": Action.HOLD, "hold": HoldKind.REVIEW, "score": 50},
        {"override": "o1"},
        {"score": 50},
        {"profile": None},
    ],
)
async def test_baseline_of__only_what_policy_approved_by_itself_and_was_seen_to_run(
    store: MemoryStore, odd: dict[str, Any]
) -> None:
    await put(store, "demo-1.0.tar.gz")
    await put(store, "demo-1.5.tar.gz", **odd)
    assert await baseline_name(store, "demo-2.0.tar.gz") == "demo-1.0.tar.gz"


async def test_baseline_of__old_evidence_has_no_profile_and_is_no_baseline(
    store: MemoryStore,
) -> None:
    await put(store, "demo-1.0.tar.gz", schema_version=1, profile=None, code_digest=None)
    assert await baseline_of(store, named("demo-2.0.tar.gz")) is None


async def test_baseline_of__nothing_by_a_distrusted_worker(store: MemoryStore) -> None:
    await put(store, "demo-1.0.tar.gz", worker="eve")
    await store.distrust_worker("eve")
    assert await baseline_of(store, named("demo-2.0.tar.gz")) is None


def foreign(code: Digest | None = CODE, **changes: Any) -> Evidence:
    values = {"shortfalls": (Shortfall.WRONG_PLATFORM,), "layers": (Layer.METADATA,), **changes}
    return evidence(named(WINDOWS), code_digest=code, **values)


async def test_approved_sibling__has_the_same_code_in_the_same_release(store: MemoryStore) -> None:
    await put(store, LINUX)
    assert await approved_sibling(store, named(WINDOWS), foreign()) == f"{CODE} {LINUX}"


@pytest.mark.parametrize(
    "of", [None, foreign(None), foreign(digest_of_bytes(b"other code")), foreign(shortfalls=())]
)
async def test_approved_sibling__only_for_what_could_not_run_and_whose_code_is_known(
    store: MemoryStore, of: Evidence | None
) -> None:
    await put(store, LINUX)
    assert await approved_sibling(store, named(WINDOWS), of) == ""


@pytest.mark.parametrize(
    ("filename", "odd"),
    [
        ("demo-1.9-cp311-cp311-manylinux_2_17_x86_64.whl", {}),
        (WINDOWS, {}),
        (LINUX, {"action": Action.HOLD, "hold": HoldKind.REVIEW, "score": 50}),
        (LINUX, {"override": "o1"}),
        (LINUX, {"layers": (Layer.METADATA,)}),
        (LINUX, {"shortfalls": (Shortfall.WRONG_PLATFORM,)}),
        (LINUX, {"shortfalls": (Shortfall.NOTHING_IMPORTABLE,)}),
    ],
)
async def test_approved_sibling__is_another_file_of_this_release_that_ran_whole(
    store: MemoryStore, filename: str, odd: dict[str, Any]
) -> None:
    await put(store, filename, **odd)
    assert await approved_sibling(store, named(WINDOWS), foreign()) == ""


async def test_approved_sibling__of_several_it_is_always_the_same(store: MemoryStore) -> None:
    names = [f"demo-2.0-cp3{minor}-cp3{minor}-manylinux1_x86_64.whl" for minor in (12, 10, 11)]
    for filename in names:
        await put(store, filename)
    found = await approved_sibling(store, named(WINDOWS), foreign())
    assert found == f"{CODE} {min(names)}"


async def test_approved_sibling__looks_at_a_bounded_number(store: MemoryStore) -> None:
    other = digest_of_bytes(b"other code")
    for number in range(SIBLINGS_TRIED_MAX):
        await put(store, f"demo-2.0-cp310-cp310-a{number:02}.whl", code_digest=other)
    await put(store, "demo-2.0-cp310-cp310-z.whl")
    assert await approved_sibling(store, named(WINDOWS), foreign()) == ""


CONTENTS = Contents(hosts=("a.test",))


async def contents_name(store: MemoryStore, filename: str) -> str | None:
    found = await contents_baseline_of(store, named(filename))
    return found.filename if found else None


async def test_contents_baseline_of__an_approved_release_before_a_newer_one_that_was_only_read(
    store: MemoryStore,
) -> None:
    await put(store, "demo-1.0.tar.gz", contents=CONTENTS)
    await put(store, "demo-1.1.tar.gz", contents=CONTENTS, action=Action.HOLD, hold=HoldKind.REVIEW)
    assert await contents_name(store, "demo-2.0.tar.gz") == "demo-1.0.tar.gz"
    assert await contents_name(store, "demo-1.0.tar.gz") is None


async def test_contents_baseline_of__one_that_was_only_read_where_none_is_approved(
    store: MemoryStore,
) -> None:
    for filename in ("demo-1.0.tar.gz", "demo-1.1-py3-none-any.whl", "demo-1.1.tar.gz"):
        await put(store, filename, contents=CONTENTS, action=Action.HOLD, hold=HoldKind.REVIEW)
    assert await contents_name(store, "demo-2.0.tar.gz") == "demo-1.1.tar.gz"


async def test_contents_baseline_of__what_is_denied_is_no_measure(store: MemoryStore) -> None:
    await put(store, "demo-1.0.tar.gz", contents=CONTENTS, action=Action.DENY, score=0)
    await put(store, "demo-1.1.tar.gz")  # its contents are not known
    assert await contents_name(store, "demo-2.0.tar.gz") is None


async def test_contents_sibling_of__is_of_the_other_kind_and_the_same_release(
    store: MemoryStore,
) -> None:
    await put(store, "demo-1.0.tar.gz", contents=CONTENTS)
    await put(store, "demo-2.0.tar.gz", contents=CONTENTS)
    wheel = await contents_sibling_of(store, named("demo-2.0-py3-none-any.whl"))
    assert wheel is not None
    assert wheel.filename == "demo-2.0.tar.gz"
    assert await contents_sibling_of(store, named("demo-2.0.tar.gz")) is None
    assert await contents_sibling_of(store, named("demo-3.0-py3-none-any.whl")) is None
