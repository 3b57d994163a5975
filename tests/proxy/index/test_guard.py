"""DESIGN.md's outcome table, row by row; nothing is hidden, nothing leads past us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import msgspec
import pytest
from packaging.utils import canonicalize_name

from models.artifact import Sha256, parse_index_name, parse_ref
from models.canonical import digest_of
from models.decision import (
    Action,
    Decision,
    HoldKind,
    Reason,
    ReasonCode,
    TrustTier,
    reason,
)
from models.reason import yank_reason
from proxy.index.guard import CHECKING, guard_page
from proxy.simple.page import IndexFile, ProjectPage

MAIN = parse_index_name("main")
DEMO = canonicalize_name("demo")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"
OLD_SDIST, NEW_SDIST = "demo-1.0.tar.gz", "demo-2.0.tar.gz"


def sha(filename: str) -> Sha256:
    return Sha256(digest_of(filename).removeprefix("sha256:"))


def file(filename: str, **keys: object) -> IndexFile:
    entry = IndexFile(
        filename=filename,
        url=f"https://files.test/{filename}",
        sha256=sha(filename),
        hashes={"sha256": sha(filename)},
    )
    return msgspec.structs.replace(entry, **keys)


def decision(
    filename: str,
    action: Action,
    *,
    hold: HoldKind | None = None,
    tier: TrustTier | None = None,
    because: Reason | None = None,
    expires_at: datetime | None = None,
) -> Decision:
    return Decision(
        ref=parse_ref(MAIN, DEMO, sha(filename), filename),
        action=action,
        hold=hold,
        tier=tier,
        score=None,
        reasons=(because or reason(ReasonCode.SCORE, score="50"),),
        as_of=NOW,
        expires_at=expires_at,
        policy_digest=digest_of("policy"),
    )


def serve(filename: str, **keys: object) -> Decision:
    return decision(filename, Action.SERVE, tier=TrustTier.APPROVE, **keys)  # type: ignore[arg-type]  # as above


def block(filename: str, code: ReasonCode = ReasonCode.PROOF_CANARY_LEFT) -> Decision:
    return decision(filename, Action.DENY, tier=TrustTier.BLOCK, because=reason(code))


def hold(filename: str, kind: HoldKind) -> Decision:
    return decision(filename, Action.HOLD, hold=kind)


def guard(
    page: ProjectPage, *decisions: Decision, fallback: bool = False, as_of: datetime = NOW
) -> dict[str, IndexFile]:
    guarded = guard_page(
        page,
        index=MAIN,
        decisions={each.ref.key: each for each in decisions},
        as_of=as_of,
        fallback=fallback,
    )
    return {entry.filename: entry for entry in guarded.files}


def page(*filenames: str) -> ProjectPage:
    return ProjectPage(name=DEMO, files=tuple(file(name) for name in filenames))


REVIEW, AGE, ANALYSIS = HoldKind.REVIEW, HoldKind.AGE, HoldKind.ANALYSIS


@pytest.mark.parametrize("refusal", [block(NEW), hold(NEW, REVIEW), hold(NEW, AGE)])
def test_guard_page__a_refused_file_is_yanked_with_its_reason_where_one_can_fall_back(
    refusal: Decision,
) -> None:
    files = guard(page(OLD, NEW), serve(OLD), refusal)
    assert files[NEW].yanked == yank_reason(refusal)
    assert files[OLD].yanked is False


@pytest.mark.parametrize("refusal", [block(NEW), hold(NEW, REVIEW), hold(NEW, AGE)])
@pytest.mark.parametrize("other", [block(OLD), hold(OLD, REVIEW), hold(OLD, AGE)])
def test_guard_page__a_refused_file_is_plainly_listed_where_all_are_refused(
    refusal: Decision, other: Decision
) -> None:
    files = guard(page(OLD, NEW), refusal, other)
    assert [entry.yanked for entry in files.values()] == [False, False]


@pytest.mark.parametrize("refusal", [block(NEW), hold(NEW, REVIEW), hold(NEW, AGE)])
@pytest.mark.parametrize("other", [None, hold(OLD, ANALYSIS)])
def test_guard_page__a_refused_file_is_yanked_where_one_is_left_that_nobody_judged(
    refusal: Decision, other: Decision | None
) -> None:
    files = guard(page(OLD, NEW), refusal, *([other] if other else []))
    assert files[NEW].yanked == yank_reason(refusal)
    assert files[OLD].yanked is False


def test_guard_page__what_no_installer_takes_is_nothing_to_fall_back_to() -> None:
    egg = "demo-1.0-py3.8.egg"
    assert guard(page(egg, NEW), block(NEW))[NEW].yanked is False


def test_guard_page__monitored_files_are_servable() -> None:
    monitored = decision(OLD, Action.SERVE, tier=TrustTier.MONITOR)
    assert guard(page(OLD, NEW), monitored, block(NEW))[NEW].is_yanked


@pytest.mark.parametrize("known", [(), (hold(NEW, ANALYSIS),)])
def test_guard_page__an_unseen_file_is_plainly_listed(known: tuple[Decision, ...]) -> None:
    assert guard(page(OLD, NEW), serve(OLD), *known)[NEW].yanked is False


def test_guard_page__under_fallback_an_unseen_file_is_yanked_where_one_is_approved() -> None:
    held = hold(NEW, ANALYSIS)
    assert guard(page(OLD, NEW), serve(OLD), fallback=True)[NEW].yanked == CHECKING
    assert guard(page(OLD, NEW), serve(OLD), held, fallback=True)[NEW].yanked == yank_reason(held)
    assert guard(page(OLD, NEW), held, fallback=True)[NEW].yanked is False


def test_guard_page__siblings_of_a_blocked_file_are_marked_too() -> None:
    blocked = block(NEW)
    files = guard(page(OLD, NEW, NEW_SDIST), serve(OLD), blocked)
    assert files[NEW_SDIST].yanked == yank_reason(blocked)
    assert files[OLD].yanked is False


def test_guard_page__an_approved_sibling_of_a_blocked_file_is_no_fallback() -> None:
    files = guard(page(NEW, NEW_SDIST), serve(NEW_SDIST), block(NEW))
    assert [entry.yanked for entry in files.values()] == [False, False]
    files = guard(page(OLD, NEW, NEW_SDIST), serve(OLD), serve(NEW_SDIST), block(NEW))
    assert files[NEW_SDIST].is_yanked


@pytest.mark.parametrize("code", [ReasonCode.OVERRIDE_ALLOW, ReasonCode.OVERRIDE_ALLOW_ABOVE_PROOF])
def test_guard_page__a_sibling_that_a_human_allowed_is_not_marked(code: ReasonCode) -> None:
    allowed = serve(NEW_SDIST, because=reason(code))
    assert guard(page(OLD, NEW, NEW_SDIST), serve(OLD), allowed, block(NEW))[
        NEW_SDIST
    ].yanked is False  # fmt: skip


@pytest.mark.parametrize("code", [ReasonCode.UNSUPPORTED_FILE, ReasonCode.OVERRIDE_DENY])
def test_guard_page__some_refusals_say_nothing_of_their_siblings(code: ReasonCode) -> None:
    files = guard(page(OLD, NEW, NEW_SDIST), serve(OLD), block(NEW, code))
    assert (files[NEW].is_yanked, files[NEW_SDIST].is_yanked) == (True, False)


@pytest.mark.parametrize(
    ("yanked", "expected"),
    [
        (True, True),
        ("broken", "broken"),
        ("a\x1b[31m\nb", "a?[31m b"),
        ("x" * 500, "x" * 200),
        (" \n ", True),
    ],
)
@pytest.mark.parametrize("fallback", [True, False])
def test_guard_page__upstreams_yank_is_kept_on_one_printable_line(
    yanked: bool | str, expected: bool | str, fallback: bool
) -> None:
    upstream = ProjectPage(name=DEMO, files=(file(OLD), file(NEW, yanked=yanked)))
    assert guard(upstream, serve(OLD), fallback=fallback)[NEW].yanked == expected


def test_guard_page__a_file_that_upstream_yanked_is_no_fallback() -> None:
    upstream = ProjectPage(name=DEMO, files=(file(OLD, yanked=True), file(NEW)))
    assert guard(upstream, serve(OLD), block(NEW))[NEW].yanked is False


def test_guard_page__an_approval_that_ran_out_is_no_fallback() -> None:
    until = NOW + timedelta(hours=1)
    approved = serve(OLD, expires_at=until)
    assert guard(page(OLD, NEW), approved, fallback=True)[NEW].is_yanked
    assert not guard(page(OLD, NEW), approved, fallback=True, as_of=until)[NEW].is_yanked


def test_guard_page__a_refusal_that_ran_out_still_marks() -> None:
    refusal = decision(NEW, Action.HOLD, hold=AGE, expires_at=NOW)
    assert guard(page(OLD, NEW), serve(OLD), refusal)[NEW].is_yanked


@pytest.mark.parametrize("filename", [OLD, "demo-1.0+local.1-py3-none-any.whl", "demo-1!2.0.zip"])
def test_guard_page__urls_are_relative_and_carry_the_whole_reference(filename: str) -> None:
    url = guard(page(filename))[filename].url
    assert url == f"../../files/main/demo/{sha(filename)}/{filename}"
    joined = urljoin("http://proxy.test/prefix/simple/demo/", url)
    assert joined == f"http://proxy.test/prefix/files/main/demo/{sha(filename)}/{filename}"


def test_guard_page__what_cannot_be_served_is_left_out() -> None:
    smuggled = "other-1.0-py3-none-any.whl"
    upstream = ProjectPage(name=DEMO, files=(file(OLD), file(NEW, sha256=None), file(smuggled)))
    assert list(guard(upstream)) == [OLD]


@pytest.mark.parametrize(
    ("filename", "announced", "stored", "expected"),
    [
        (OLD, "ab" * 32, {}, "ab" * 32),
        (OLD, True, {}, False),
        (OLD, False, {}, False),
        (OLD, True, {sha(OLD): "cd" * 32}, "cd" * 32),
        (OLD, False, {sha(OLD): "cd" * 32}, "cd" * 32),
        (OLD, "ab" * 32, {sha(OLD): "cd" * 32}, "ab" * 32),
        (OLD_SDIST, "ab" * 32, {sha(OLD_SDIST): "cd" * 32}, False),
    ],
)
def test_guard_page__metadata_is_announced_only_with_a_hash_and_for_wheels(
    filename: str, announced: bool | str, stored: dict[Sha256, Sha256], expected: bool | str
) -> None:
    upstream = ProjectPage(name=DEMO, files=(file(filename, core_metadata=announced),))
    guarded = guard_page(
        upstream, index=MAIN, decisions={}, as_of=NOW, fallback=False, metadata=stored
    )
    assert guarded.files[0].core_metadata == expected


def test_guard_page__unknown_keys_stay_and_what_leads_past_us_goes() -> None:
    extra = {"x-new": 1, "gpg-sig": True, "provenance": "https://index.test/p"}
    upstream = ProjectPage(
        name=DEMO,
        files=(file(OLD, size=5, upload_time=NOW, requires_python=">=3.8", extra=extra),),
        versions=("1.0",),
        status="archived",
        status_reason="so\x1b it is",
        extra={"y": 2},
        extra_meta={"z": 3},
    )
    guarded = guard_page(upstream, index=MAIN, decisions={}, as_of=NOW, fallback=False)
    assert guarded.files[0].extra == {"x-new": 1}
    assert (guarded.files[0].size, guarded.files[0].upload_time) == (5, NOW)
    assert guarded.files[0].requires_python == ">=3.8"
    assert (guarded.versions, guarded.extra, guarded.extra_meta) == (("1.0",), {"y": 2}, {"z": 3})
    assert (guarded.status, guarded.status_reason) == ("archived", "so? it is")


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://pratique.example", True),
        ("https://pratique.example/prefix", True),
        ("http://127.0.0.1:8080", True),
        ("http://pratique.example", False),
        ("", False),
    ],
)
def test_guard_page__provenance_is_announced_at_our_own_secure_origin_alone(
    origin: str, expected: bool
) -> None:
    told, silent = (
        file(OLD, extra={"provenance": "https://index.test/p"}),
        file(NEW, extra={"provenance": None}),
    )
    upstream = ProjectPage(name=DEMO, files=(told, silent))
    guarded = guard_page(
        upstream, index=MAIN, decisions={}, as_of=NOW, fallback=False, origin=origin
    )
    url = f"{origin}/files/main/demo/{sha(OLD)}/{OLD}.provenance"
    assert [one.extra for one in guarded.files] == [{"provenance": url} if expected else {}, {}]
