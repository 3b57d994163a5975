"""The evaluation of the OSV schema, as a table, and its laws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from analyzer.advisories.match import Matched, matched
from analyzer.advisories.parse import parse_value
from analyzer.advisories.record import Advisory
from models.artifact import Sha256
from tests.analyzer.advisories.records import ALL, advisory, events, record

DEMO = canonicalize_name("demo")
SHA = Sha256("cd" * 32)

V, R = Matched.VERSION, Matched.RANGE
FIX_2 = events(("introduced", "0"), ("fixed", "2.0"))
TWO = events(("introduced", "1.0"), ("fixed", "1.2"), ("introduced", "3.0"), ("fixed", "3.2.5"))
LAST = events(("introduced", "1.0"), ("last_affected", "2.1.214"))

TABLE: list[tuple[str, dict[str, Any], str, Matched | None]] = [
    ("listed", {"versions": ("1.0",)}, "1.0", V),
    ("listed, spelled otherwise", {"versions": ("1.0.0",)}, "1.0", V),
    ("listed as a pre-release", {"versions": ("1.0-RC.1",)}, "1.0rc1", V),
    ("another is listed", {"versions": ("1.0", "1.2")}, "1.1", None),
    ("an epoch is another version", {"versions": ("1!1.0",)}, "1.0", None),
    ("a post release is another version", {"versions": ("1.0",)}, "1.0.post1", None),
    ("a local version is another version", {"versions": ("1.0",)}, "1.0+cpu", None),
    ("the same local version", {"versions": ("1.0+ubuntu-1",)}, "1.0+ubuntu.1", V),
    ("no version list, no range", {}, "1.0", None),
    ("all versions", {"ranges": (ALL,)}, "0.dev0", R),
    ("all versions, also none that can be read", {"ranges": (ALL,)}, "", R),
    ("all versions, also of a later epoch", {"ranges": (ALL,)}, "9!9", R),
    ("before the fix", {"ranges": (FIX_2,)}, "1.9", R),
    ("zero is before a development release of zero", {"ranges": (FIX_2,)}, "0.dev0", R),
    ("a pre-release of the fix is before it", {"ranges": (FIX_2,)}, "2.0rc1", R),
    ("the fix itself", {"ranges": (FIX_2,)}, "2.0", None),
    ("a post release of the fix", {"ranges": (FIX_2,)}, "2.0.post1", None),
    ("a local version of the fix", {"ranges": (FIX_2,)}, "2.0+local", None),
    ("an epoch above the fix", {"ranges": (FIX_2,)}, "1!0.1", None),
    ("between two ranges in one", {"ranges": (TWO,)}, "2.0", None),
    ("in the first", {"ranges": (TWO,)}, "1.0", R),
    ("in the second", {"ranges": (TWO,)}, "3.2.4", R),
    ("behind both", {"ranges": (TWO,)}, "3.2.5", None),
    ("before the first", {"ranges": (TWO,)}, "1.0rc1", None),
    ("events in no order", {"ranges": (
        events(("fixed", "3.2.5"), ("introduced", "3.0"), ("fixed", "1.2"), ("introduced", "1.0")),
        )}, "3.1", R),
    ("in no order, between", {"ranges": (
        events(("fixed", "3.2.5"), ("introduced", "3.0"), ("fixed", "1.2"), ("introduced", "1.0")),
        )}, "2.0", None),
    ("one of several ranges", {"ranges": (TWO, FIX_2)}, "0.5", R),
    ("last affected is affected", {"ranges": (LAST,)}, "2.1.214", R),
    ("above last affected", {"ranges": (LAST,)}, "2.1.215", None),
    ("a local version above last affected", {"ranges": (LAST,)}, "2.1.214+x", None),
    ("introduced and last affected at once", {"ranges": (
        events(("introduced", "1.0"), ("last_affected", "1.0")),)}, "1.0", R),
    ("above those", {"ranges": (
        events(("introduced", "1.0"), ("last_affected", "1.0")),)}, "1.1", None),
    ("fixed and introduced anew at once", {"ranges": (
        events(("introduced", "0"), ("introduced", "2.0"), ("fixed", "2.0"), ("fixed", "3.0")),
        )}, "2.5", R),
    ("below a limit", {"ranges": (events(("introduced", "0"), ("limit", "2.0")),)}, "1.0", R),
    ("at a limit", {"ranges": (events(("introduced", "0"), ("limit", "2.0")),)}, "2.0", None),
    ("below one of two limits", {"ranges": (
        events(("introduced", "0"), ("limit", "1.0"), ("limit", "2.0")),)}, "1.5", R),
    ("the limit of infinity", {"ranges": (events(("introduced", "0"), ("limit", "*")),)}, "9", R),
    ("listed beats range", {"versions": ("1.0",), "ranges": (ALL,)}, "1.0", V),
    ("a semantic range", {"ranges": (
        {"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"fixed": "1.2.0"}]},)}, "1.1", R),
    ("no version in the file, a bounded range", {"ranges": (FIX_2,)}, "", None),
    ("no version that can be read", {"ranges": (FIX_2,)}, "odd", None),
    ("no version that can be read, listed as it is", {"versions": ("odd",)}, "odd", V),
    ("an empty version is never listed", {"versions": ("x",)}, "", None),
    ("a fix that cannot be read never comes", {"ranges": (
        events(("introduced", "0"), ("fixed", "unknown")),)}, "5", R),
    ("a beginning that cannot be read was always", {"ranges": (
        events(("introduced", "first"), ("fixed", "2.0")),)}, "1.0", R),
    ("and its fix counts", {"ranges": (
        events(("introduced", "first"), ("fixed", "2.0")),)}, "2.0", None),
    ("another project", {"project": "other", "ranges": (ALL,)}, "1.0", None),
    ("a name in another spelling", {"project": "DEMO", "ranges": (ALL,)}, "1.0", R),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rest", "version", "expected"), [t[1:] for t in TABLE], ids=[t[0] for t in TABLE]
)
def test_matched__as_the_schema_evaluates(
    rest: dict[str, Any], version: str, expected: Matched | None
) -> None:
    assert matched(advisory(**rest), DEMO, version, SHA) is expected


def test_matched__bytes_match_under_any_name() -> None:
    one = advisory(project="evil", sha256s=(SHA,))
    assert matched(one, DEMO, "7", SHA) is Matched.SHA256
    assert matched(one, DEMO, "7", Sha256("ef" * 32)) is None


VERSIONS = st.from_regex(
    r"\A(?:[0-3]!)?[0-9]{1,2}(?:\.[0-9]{1,2}){0,3}(?:(?:a|b|rc)[0-9])?(?:\.post[0-9])?"
    r"(?:\.dev[0-9])?(?:\+[a-z0-9]{1,3})?\Z"
)


@given(st.lists(VERSIONS | st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_matched__a_listed_version_always_matches(versions: list[str]) -> None:
    one = advisory(versions=tuple(versions))
    for version in versions:
        assert matched(one, DEMO, version, SHA) is Matched.VERSION


@given(st.lists(VERSIONS, max_size=5), VERSIONS)
def test_matched__listed_is_what_pep_440_calls_equal(versions: list[str], version: str) -> None:
    one = advisory(versions=tuple(versions))
    equal = any(Version(version) == Version(other) for other in versions)
    assert (matched(one, DEMO, version, SHA) is Matched.VERSION) is equal


@given(VERSIONS, VERSIONS, VERSIONS)
def test_matched__a_simple_range_is_two_comparisons(begin: str, end: str, version: str) -> None:
    """As long as it ends after it begins; a range that does not says nothing sure."""
    first, last = sorted((begin, end), key=Version)
    one = advisory(ranges=(events(("introduced", first), ("fixed", last)),))
    inside = Version(first) <= Version(version) < Version(last)
    if Version(first) < Version(last) and first != "0":
        assert (matched(one, DEMO, version, SHA) is Matched.RANGE) is inside


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["introduced", "fixed", "limit"]),
        VERSIONS | st.sampled_from(["0", "*", "?"]),
    ),
    max_size=6,
)


@given(EVENTS, st.randoms(use_true_random=False), VERSIONS | st.text(max_size=10))
def test_matched__never_raises_and_the_order_of_events_is_nothing(
    stated: list[tuple[str, str]], random: Any, version: str
) -> None:
    shuffled = list(stated)
    random.shuffle(shuffled)
    found = []
    for order in (stated, shuffled):
        kept = parse_value(record(ranges=(events(("introduced", "0"), *order),)))
        assert isinstance(kept, Advisory)
        found.append(matched(kept, DEMO, version, SHA))
    assert found[0] is found[1]
