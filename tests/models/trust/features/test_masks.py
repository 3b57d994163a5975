"""Tells of the test-bed do not reach the vector, and pretending to be one hides nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox.layout import HARNESS_FILE, HARNESS_VARIABLE
from models.behaviour import Act, ActKind, BehaviourProfile
from models.contents import Contents
from models.evidence import Evidence, Finding, Layer, Place, Severity
from models.phase import Phase
from models.trust.features import masks
from models.trust.features.catalog import LEARNED, learned_of, vector_of
from tests.analyzer.archives import CLASSIFIER
from tests.corpus.guard import GUARD
from tests.models.trust.features.subjects import comparable, found_at, run

TEXTS = st.text(alphabet="abcdefgh.-_/", min_size=1, max_size=12)
TELLS = st.sampled_from(
    [
        *("203.0.113.7", "198.51.100.9", "2001:db8::1", "collector.invalid", "api.reenact.test"),
        *("45.9.1.2", "evil.example.org", "reenact-t05-post", "requests"),
    ]
)


def case(name: str, hosts: tuple[str, str], paths: tuple[str, str], word: str) -> Evidence:
    """One story, told with other names, addresses and paths."""
    acts = [Act(kind=ActKind.HOST, phase=Phase.IMPORT, value=host) for host in hosts]
    acts += [Act(kind=ActKind.WRITTEN, phase=Phase.IMPORT, value=path) for path in paths]
    acts += [Act(kind=ActKind.EXECUTABLE, phase=Phase.USE, value=path) for path in paths]
    findings = [
        found_at(
            "network-connect",
            Severity.HIGH,
            Phase.IMPORT,
            title=word,
            place=Place(host=host, address=host, path=path, process=word, port=len(word)),
        )
        for host, path in zip(hosts, paths, strict=True)
    ]
    findings += [
        found_at(
            "static-doubtful-host", Severity.MEDIUM, place=Place(host=host, excerpt=word, path=path)
        )
        for host, path in zip(hosts, paths, strict=True)
    ]
    return replace(
        run(),
        filename=f"{name}-2.0-py3-none-any.whl",
        findings=tuple(findings),
        profile=BehaviourProfile(acts=tuple(sorted(acts))),
        contents=Contents(hosts=tuple(sorted(hosts)), code_bytes=100),
    )


def differing(one: Evidence, other: Evidence) -> list[str]:
    """Names of learned features that differ."""
    vectors = comparable(learned_of(one)), comparable(learned_of(other))
    return [feature.name for feature, a, b in zip(LEARNED, *vectors, strict=True) if a != b]


@given(
    st.sampled_from(["reenact_t05_post", "demo", "numpy"]),
    st.lists(TELLS, min_size=2, max_size=2, unique=True),
    st.lists(TEXTS, min_size=2, max_size=2, unique=True),
    TEXTS,
)
def test_vector__is_the_same_under_any_names_addresses_and_paths(
    name: str, hosts: list[str], paths: list[str], word: str
) -> None:
    ours = case("demo", ("192.0.2.1", "a.test"), ("/a", "/b"), "x")
    other = case(name, (hosts[0], hosts[1]), (paths[0], paths[1]), word)
    assert differing(ours, other) == []


def about_marker(path: str) -> tuple[Finding, Act]:
    return (
        found_at("sandbox-probing", Severity.MEDIUM, Phase.IMPORT, place=Place(path=path)),
        Act(kind=ActKind.WRITTEN, phase=Phase.IMPORT, value=path),
    )


def with_marker(path: str) -> Evidence:
    found, act = about_marker(path)
    return replace(run(), findings=(found,), profile=BehaviourProfile(acts=(act,)))


def test_vector__is_the_same_with_a_look_at_the_guards_marker_and_without() -> None:
    assert differing(run(), with_marker(masks.HARNESS_FILE)) == []


@pytest.mark.parametrize(
    "path", [f"{masks.HARNESS_FILE}/x", f"/var{masks.HARNESS_FILE}", "/run", "~/.ssh/id_rsa"]
)
def test_vector__is_not_fooled_by_who_only_mentions_the_marker(path: str) -> None:
    assert {"found.sandbox_probing", "acts.written_unasked"} <= set(
        differing(run(), with_marker(path))
    )


def test_vector__counts_a_finding_whose_words_mention_the_marker() -> None:
    place = Place(path="demo.py", excerpt=masks.HARNESS_FILE, process=masks.HARNESS_VARIABLE)
    found = found_at("exec-shell", Severity.HIGH, Phase.IMPORT, place=place)
    assert "found.exec_shell" in differing(run(), replace(run(), findings=(found,)))


def test_vector__does_not_see_the_guards_imports_nor_how_many_files_there_are() -> None:
    volume = {"opens", "own_files_opened", "other_files_opened", "executable_mappings", "cpu_us"}
    sizes = {"members", "python_files", "unpacked_bytes", "static_code_bytes", "static_hosts"}
    names = {f"behaviour.{name}" for name in volume} | {f"metadata.{name}" for name in sizes}
    quiet = run()
    signals = tuple(replace(one, value=77) if one.name in names else one for one in quiet.signals)
    guarded = replace(quiet, signals=signals, size_bytes=quiet.size_bytes + 400)
    assert differing(quiet, guarded) == []
    assert vector_of(quiet) != vector_of(guarded)


def test_tells__are_those_of_the_test_bed() -> None:
    assert masks.HARNESS_FILE == HARNESS_FILE
    assert masks.HARNESS_VARIABLE == HARNESS_VARIABLE
    assert masks.HARNESS_FILE in GUARD
    assert masks.HARNESS_VARIABLE in GUARD
    assert masks.CLASSIFIER == CLASSIFIER


@pytest.mark.parametrize(
    ("host", "reserved"),
    [
        ("192.0.2.1", True),
        ("198.51.100.255", True),
        ("203.0.113.7", True),
        ("2001:db8::5", True),
        ("[2001:db8::5]", True),
        ("a.test", True),
        ("A.INVALID.", True),
        ("www.example", True),
        ("203.0.114.7", False),
        ("127.0.0.1", False),
        ("test", False),
        ("example.org", False),
        ("latest", False),
        ("", False),
    ],
)
def test_is_reserved__names_and_addresses_that_only_documentation_uses(
    host: str, reserved: bool
) -> None:
    assert masks.is_reserved(host) is reserved


def test_masked_findings__are_of_any_layer() -> None:
    place = Place(path=masks.HARNESS_FILE)
    for layer in Layer:
        assert masks.is_about_marker(replace(about_marker("")[0], layer=layer, place=place))
