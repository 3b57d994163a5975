"""The vector: its table, what is measured and what is not, and what no fact or name can change."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.document import within_bound
from models.evidence import Evidence, Finding, Layer, Severity, Shortfall
from models.facts import FactSignal
from models.phase import Phase
from models.trust.features import archive, behaviour, static
from models.trust.features.catalog import (
    FEATURES,
    LEARNED,
    SCHEMA,
    features_digest,
    learned_of,
    vector_of,
)
from models.trust.features.feature import Direction
from models.trust.features.measures import PHASE_WORDS
from tests.models.examples import evidence, facts, finding_strategy
from tests.models.trust.features.subjects import (
    PHASES,
    SDIST,
    WHEEL,
    comparable,
    compared,
    found_at,
    loud,
    read,
    run,
    told,
)

NAME = re.compile(r"[a-z]+\.[a-z0-9_]+\Z")
COMPARED = ("release.", "change.", "hangs.new_requires")
OF_FACTS = ("names.lookalikes", "names.near", "hangs.tree_direct_urls", "size.requirements_met")

GROUPED = (behaviour.FAMILIES, static.FAMILIES, archive.GROUPS)
"""Which detectors and flaws one feature is made of."""
MEASURED = "4077120cf86a19cd341d2b933c72699823aa29e4cc8f2e8809342f10feb01951"
"""What SCHEMA measures, pinned."""


def named(of: Evidence, **facts_told: int | bool | None) -> Mapping[str, float]:
    vector = vector_of(of, told(**facts_told) if facts_told else None)
    return dict(zip((f.name for f in FEATURES), vector, strict=True))


def nan_names(of: Evidence) -> set[str]:
    return {name for name, value in named(of).items() if math.isnan(value)}


def test_catalog__names_are_unique_and_of_one_form() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)
    assert all(NAME.match(name) for name in names)
    assert all(feature.meaning and feature.unit for feature in FEATURES)


def test_catalog__what_is_learned_rises_and_comes_first() -> None:
    assert FEATURES[: len(LEARNED)] == LEARNED
    assert {feature.direction for feature in LEARNED} == {Direction.RISES}
    assert not any(feature.layer is Layer.REPUTATION for feature in FEATURES)


def test_schema__rises_when_anything_is_measured_otherwise() -> None:
    """The digest covers the table of features; this covers which detectors stand behind each.

    Where this fails and SCHEMA did not rise, a shipped model would be given other numbers than it
    was trained on: raise it, train again, and write the new value here.
    """
    vectors = [comparable(learned_of(of)) for of in (read(), run(), compared(), loud())]
    behind = [sorted((name, tuple(ids)) for name, ids in of.items()) for of in GROUPED]
    told = repr((features_digest(), vectors, behind))
    assert (SCHEMA, hashlib.sha256(told.encode()).hexdigest()) == ("trust-1", MEASURED)


@pytest.mark.parametrize("of", [read(), run(), compared(), loud()])
def test_learned_of__is_the_head_of_the_vector(of: Evidence) -> None:
    whole, head = vector_of(of), learned_of(of)
    assert len(whole) == len(FEATURES)
    assert comparable(head) == comparable(whole[: len(LEARNED)])


def test_vector__of_what_nobody_read_or_ran_is_nan_in_all_that_is_learned() -> None:
    assert all(map(math.isnan, learned_of(evidence(layers=()))))
    assert all(map(math.isnan, learned_of(replace(run(), layers=()))))


def test_vector__of_what_was_read_alone_has_no_behaviour() -> None:
    for feature, value in zip(LEARNED, learned_of(read()), strict=True):
        later = feature.name.startswith(COMPARED) or feature.name in OF_FACTS
        not_there = feature.layer is Layer.BEHAVIOUR or later
        assert math.isnan(value) is not_there, feature.name


def test_vector__of_a_first_release_is_compared_with_nothing() -> None:
    unlike = (
        found_at("behaviour-changed", Severity.MEDIUM, Phase.IMPORT),
        found_at("contents-changed", Severity.HIGH),
        found_at("sdist-wheel-differ", Severity.HIGH),
    )
    vector = named(replace(run(), findings=unlike))
    assert all(math.isnan(value) for name, value in vector.items() if name.startswith(COMPARED))
    assert vector["missing.baseline"] == vector["missing.release_before"] == 1


def test_vector__of_a_refused_archive_has_its_flaws_and_no_code() -> None:
    vector = named(read(replace(WHEEL, refused=True, static=None)))
    assert vector["archive.refused"] == 1
    assert vector["archive.content_hidden"] == 0
    assert math.isnan(vector["static.decode_exec"])
    assert math.isnan(vector["reach.build_network"])
    assert math.isnan(vector["reach.eager_kinds"])


def test_vector__of_either_format_misses_the_same() -> None:
    assert nan_names(run(WHEEL)) == nan_names(run(SDIST))
    assert nan_names(read(WHEEL)) == nan_names(read(SDIST))


@pytest.mark.parametrize("missing", PHASES)
def test_vector__of_a_phase_that_did_not_run_is_nan(missing: Phase) -> None:
    ran = tuple(phase for phase in PHASES if phase is not missing)
    vector = named(run(phases=ran))
    word = PHASE_WORDS[missing]
    of_it = [name for name in vector if name.startswith((f"run.{word}_", f"volume.{word}_"))]
    assert of_it
    assert all(math.isnan(vector[name]) for name in of_it)
    assert vector[f"missing.{word}"] == 1
    assert vector["found.family_network"] == 0
    others = [f"run.{PHASE_WORDS[phase]}_execs" for phase in ran]
    assert not any(math.isnan(vector[name]) for name in others)


def test_vector__of_a_quiet_artifact_is_zero_in_all_that_is_learned() -> None:
    vector = named(compared(), confusion__lookalikes=0, confusion__near=None, graph__direct_urls=0)
    assert {f.name: vector[f.name] for f in LEARNED if vector[f.name] != 0} == {}


def test_vector__of_a_loud_artifact_is_above_zero_in_all_that_is_learned() -> None:
    vector = named(
        loud(),
        confusion__lookalikes=2,
        confusion__near=True,
        graph__direct_urls=1,
        graph__direct=4,
    )
    assert SDIST.build is not None
    built = named(read(replace(SDIST, build=replace(SDIST.build, stated=False))))
    vector = {**vector, "shape.no_build_system": built["shape.no_build_system"]}
    assert [f.name for f in LEARNED if not vector[f.name] > 0] == []
    assert [name for name, value in vector.items() if math.isnan(value)] == []


CASES: tuple[tuple[str, Evidence, Mapping[str, float]], ...] = (
    (
        "a finding counts by its id, its family and its severity",
        read(findings=(found_at("static-decode-exec", Severity.HIGH),)),
        {
            "static.decode_exec": 3,
            "static.family_flows": 3,
            "static.family_acts": 0,
            "static.ids_high": 1,
            "static.ids_medium": 1,
        },
    ),
    (
        "info is what nothing reaches",
        read(findings=(found_at("static-decode-exec", Severity.INFO),)),
        {"static.decode_exec": 0, "static.ids_medium": 0},
    ),
    (
        "of several the worst counts",
        read(
            findings=(
                found_at("static-network", Severity.LOW),
                found_at("static-network", Severity.MEDIUM),
                found_at("static-network", Severity.INFO),
            )
        ),
        {"static.network": 2, "static.ids_high": 0, "static.ids_medium": 1},
    ),
    (
        "flaws of one kind are one feature",
        read(
            findings=(
                found_at("archive-hidden-bytes", Severity.MEDIUM),
                found_at("archive-duplicate", Severity.HIGH),
            )
        ),
        {"archive.content_hidden": 3, "archive.names_odd": 0},
    ),
    (
        "what a dependency did is not the artifact's",
        replace(
            run(),
            findings=(
                found_at("network-connect", Severity.HIGH, Phase.IMPORT, owner="box:dependencies"),
            ),
        ),
        {"found.network_connect": 0, "run.import_worst": 0, "run.unasked_worst": 0},
    ),
    (
        "a finding of a run counts for its phase too",
        replace(
            run(),
            findings=(
                found_at("network-connect", Severity.HIGH, Phase.IMPORT),
                found_at("dns-lookup", Severity.MEDIUM, Phase.IMPORT),
                found_at("exec-shell", Severity.LOW, Phase.USE),
            ),
        ),
        {
            "found.network_connect": 3,
            "found.exec_shell": 1,
            "found.family_network": 3,
            "found.family_programs": 1,
            "found.ids_high": 1,
            "found.ids_medium": 2,
            "run.import_worst": 3,
            "run.import_ids": 2,
            "run.use_worst": 1,
            "run.use_ids": 0,
            "run.unasked_worst": 3,
            "run.install_worst": 0,
        },
    ),
    (
        "a change since the last release is told by itself, and not as a detector's match",
        replace(
            compared(), findings=(found_at("behaviour-changed", Severity.MEDIUM, Phase.IMPORT),)
        ),
        {"change.behaviour_changed": 2, "run.import_worst": 0, "found.ids_medium": 0},
    ),
    (
        "planted secrets that left count by their kind, and by whether anybody asked",
        replace(
            run(),
            findings=(
                found_at("canary-left", Severity.CRITICAL, Phase.IMPORT, what="aws-key"),
                found_at("canary-left", Severity.CRITICAL, Phase.WAIT, what="aws-key"),
                found_at("canary-left", Severity.LOW, Phase.USE, what="npm-token"),
                found_at("canary-argument-left", Severity.MEDIUM, Phase.USE),
            ),
        ),
        {
            "canary.kinds_left_unasked": 1,
            "canary.kinds_left_use": 1,
            "canary.arguments_left": 1,
            "canary.proofs": 0,
            "run.use_worst": 2,
        },
    ),
    (
        "direct URLs count once each",
        read(
            findings=(
                found_at("direct-url-dependency", Severity.MEDIUM),
                found_at("direct-url-dependency", Severity.MEDIUM),
            )
        ),
        {"hangs.direct_urls": 1, "hangs.build_direct_urls": 0},
    ),
    (
        "a wheel has no build system and an sdist no RECORD, which is absent and not missing",
        read(SDIST),
        {
            "archive.record_unlisted": 0,
            "shape.no_build_system": 0,
            "shape.backend_in_tree": 0,
            "kind.wheel": 0,
        },
    ),
    (
        "a shortfall is context",
        replace(run(), shortfalls=(Shortfall.CRASHED,)),
        {"short.crashed": 1, "short.timed_out": 0},
    ),
    (
        "what evidence had no room for is context",
        within_bound(
            replace(run(), findings=(found_at("exec-shell", Severity.LOW, Phase.IMPORT),) * 250)
        ),
        {"short.findings_left_out": 50, "short.profile_left_out": 0, "found.exec_shell": 1},
    ),
)


@pytest.mark.parametrize(
    ("of", "expected"), [(of, expected) for _, of, expected in CASES], ids=[c[0] for c in CASES]
)
def test_vector__of_known_evidence(of: Evidence, expected: Mapping[str, float]) -> None:
    vector = named(of)
    assert {name: vector[name] for name in expected} == dict(expected)


def test_vector__counts_no_fact_of_the_living() -> None:
    live = FactSignal(
        name="confusion.near", layer=Layer.METADATA, value=True, source="confusion", live_only=True
    )
    bundle = facts(
        signals=(live,),
        findings=(
            found_at("name-confusion", Severity.HIGH),
            found_at("static-decode-exec", Severity.CRITICAL),
        ),
    )
    assert comparable(vector_of(run(), bundle)) == comparable(vector_of(run()))


@given(st.lists(finding_strategy(), max_size=4), finding_strategy(), st.sampled_from(PHASES))
def test_vector__a_finding_more_never_lowers_what_is_learned(
    before: list[Finding], more: Finding, when: Phase
) -> None:
    base = replace(run(), findings=tuple(before))
    louder = replace(base, findings=(*before, replace(more, phase=when)))
    for feature, old, new in zip(LEARNED, learned_of(base), learned_of(louder), strict=True):
        assert math.isnan(old) or new >= old, feature.name
