"""Behind a feature stands the finding or the act that it counts; of a package only what was vetted is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.behaviour import Act, ActKind, BehaviourProfile, Changes
from models.canonical import digest_of
from models.decision import (
    Contribution,
    LayerScore,
    LayerStatus,
    ReasonCode,
    TrustScore,
    reason,
)
from models.evidence import Evidence, Finding, Layer, Place, Severity
from models.phase import Phase
from models.reason import LINE_CHARS_MAX, cause_clause, clause
from models.trust.behind import cause_slots, finding_behind, score_reason
from models.trust.features.catalog import LEARNED
from models.trust.features.subject import Subject
from tests.models.examples import OTHER_SHA, evidence, finding

ADDRESS = "203.0.113.9"


def connect(place: str = ADDRESS, phase: Phase = Phase.IMPORT, **rest: object) -> Finding:
    base = finding(
        "network-connect", Severity.LOW, phase=phase, what="", place=Place(address=place)
    )
    return replace(base, **rest)  # type: ignore[arg-type]  # any of its fields


def changed(*hosts: str) -> Changes:
    return Changes(
        since="demo-1.0-py3-none-any.whl",
        since_sha256=OTHER_SHA,
        since_evidence=digest_of("older"),
        added=tuple(Act(kind=ActKind.HOST, phase=Phase.IMPORT, value=host) for host in hosts),
    )


def told(code: str, seen: Evidence | None, layer: Layer = Layer.BEHAVIOUR) -> str:
    subject = None if seen is None else Subject.of(seen)
    return cause_clause(reason(ReasonCode.SCORE, **cause_slots(code, layer, subject)))


@pytest.mark.parametrize(
    ("code", "seen", "expected"),
    [
        (
            "run.import_connects",
            evidence(findings=(connect(),)),
            f"opened connections to {ADDRESS} on import",
        ),
        (
            "run.import_connects",
            evidence(findings=(connect(),), changes=changed(ADDRESS)),
            f"opened connections to {ADDRESS} on import, never before in this project",
        ),
        (
            "run.import_connects",
            evidence(findings=(connect(),), changes=changed("other.example")),
            f"opened connections to {ADDRESS} on import",
        ),
        (
            "run.import_connects",
            evidence(findings=(connect(phase=Phase.INSTALL),)),
            "opened connections on import",
        ),
        (
            "change.new_hosts",
            evidence(changes=changed("files.example.com")),
            "reached out over the network to files.example.com, never before in this project",
        ),
        (
            "acts.hosts_unasked",
            evidence(profile=BehaviourProfile(acts=changed(ADDRESS).added)),
            f"reached out over the network to {ADDRESS} before it was asked for anything",
        ),
        (
            "run.import_worst",
            evidence(findings=(finding("decoy-read"), connect())),
            "read a planted AWS key on import",
        ),
        (  # what a detector of the run did not find is not what this counts
            "run.import_worst",
            evidence(findings=(finding("behaviour-changed", phase=None),)),
            "acted suspiciously on import",
        ),
        (  # the host is new; whether programs ran from memory before, nobody knows
            "pattern.memfd_then_exec",
            evidence(findings=(connect(),), changes=changed(ADDRESS)),
            "ran programs from memory",
        ),
        (
            "found.exec_shell",
            evidence(findings=(finding("exec-shell", what=""),)),
            "ran a shell on import",
        ),
        (
            "found.family_network",
            evidence(
                findings=(
                    connect(),
                    finding("mining", what="", place=Place(host="pool.example.org")),
                )
            ),
            "spoke a mining protocol to pool.example.org on import",
        ),
        (
            "static.family_flows",
            evidence(findings=(finding("static-decode-exec", layer=Layer.METADATA, what=""),)),
            "decodes code and runs it",
        ),
        (
            "archive.record_wrong",
            evidence(
                findings=(finding("record-mismatch", layer=Layer.METADATA, what="", phase=None),)
            ),
            "has files that are not what its file list says",
        ),
        (
            "canary.kinds_left_unasked",
            evidence(findings=(finding("canary-left", place=Place(address=ADDRESS)),)),
            f"sent a planted AWS key to {ADDRESS} before it was asked for anything",
        ),
        ("run.import_connects", None, "opened connections on import"),
        ("hangs.direct_urls", evidence(), "depends on a file by direct URL"),
    ],
)
def test_cause__is_told_with_its_particulars(
    code: str, seen: Evidence | None, expected: str
) -> None:
    assert told(code, seen) == expected


def test_cause__of_an_unprintable_place_says_no_place() -> None:
    odd = replace(connect(), place=Place(host="a b\x1b[31m", address="1.2.3.4%eth0"))
    assert told("run.import_connects", evidence(findings=(odd,))) == "opened connections on import"


def test_behind__what_a_dependency_did_is_not_told() -> None:
    others = evidence(findings=(connect(owner="requests"),))
    assert finding_behind("run.import_connects", Subject.of(others)) is None


@pytest.mark.parametrize("name", [feature.name for feature in LEARNED])
def test_cause__every_feature_is_told_in_one_line(name: str) -> None:
    seen = evidence(findings=(connect(), finding("canary-left")), changes=changed(ADDRESS))
    said = told(name, seen)
    assert said.isascii()
    assert 0 < len(said) < LINE_CHARS_MAX - 60


def learned(value: int, *lines: Contribution) -> TrustScore:
    layer = LayerScore(
        layer=Layer.BEHAVIOUR,
        status=LayerStatus.MEASURED,
        score=value,
        weight_percent=0,
        contributions=lines,
        risk_milli=sum(line.risk_milli for line in lines),
    )
    return TrustScore(
        value=value,
        layers=(layer,),
        model="tiny",
        model_digest=digest_of("tiny"),
        risk_milli=layer.risk_milli,
        base_milli=0,
        edges_milli=(-4000, -2000, 1000),
    )


def line(code: str, milli: int) -> Contribution:
    return Contribution(code=code, points=0, risk_milli=milli)


def test_score_reason__names_what_raised_the_risk_most() -> None:
    score = learned(
        45, line("rest", 900), line("run.import_execs", 200), line("run.import_connects", 300)
    )
    said = clause(score_reason(score, evidence(findings=(connect(),))))
    assert said == f"has a trust score of 45: it opened connections to {ADDRESS} on import"


def test_score_reason__features_that_speak_of_one_act_count_together() -> None:
    read = evidence(findings=(finding("decoy-read"),))
    score = learned(
        45,
        line("release-age", 1000),
        line("found.decoy_read", 600),
        line("run.import_worst", 600),
    )
    said = clause(score_reason(score, read))
    assert said == "has a trust score of 45: it read a planted AWS key on import"


def test_score_reason__what_was_not_seen_is_no_cause() -> None:
    unseen = replace(line("run.import_connects", 500), detail="count 0")
    score = learned(45, unseen, line("run.import_execs", 100))
    said = clause(score_reason(score, evidence()))
    assert said == "has a trust score of 45: it ran programs on import"


def test_score_reason__a_clean_file_that_is_watched_says_so() -> None:
    score = learned(80, line("run.import_connects", -4500), line("watched-project", 0))
    said = clause(score_reason(score, evidence()))
    assert said == "has a trust score of 80: it belongs to a young project"


@pytest.mark.parametrize(
    "score",
    [
        learned(95, line("run.import_connects", 300)),
        learned(45, line("run.import_connects", -300), line("rest", 100)),
        replace(learned(45, line("run.import_connects", 300)), risk_milli=None),
    ],
    ids=["approved", "nothing raised it", "not learned"],
)
def test_score_reason__says_the_score_alone_where_nothing_raised_it(score: TrustScore) -> None:
    assert clause(score_reason(score, evidence())) == f"has a trust score of {score.value}"


def test_behind__what_was_changed_is_not_told_of_what_was_read() -> None:
    both = Subject.of(
        evidence(
            findings=(
                finding("decoy-read", Severity.CRITICAL, what="aws-key"),
                finding("decoy-written", Severity.MEDIUM, what="shell-profile"),
            )
        )
    )
    changed_one = finding_behind("canary.kinds_changed_unasked", both)
    read_one = finding_behind("canary.kinds_read_unasked", both)
    assert changed_one is not None
    assert read_one is not None
    assert (changed_one.what, read_one.what) == ("shell-profile", "aws-key")


def test_behind__a_flaw_of_the_archive_is_not_told_as_a_detectors_finding() -> None:
    flawed = evidence(
        findings=(finding("record-mismatch", Severity.HIGH, layer=Layer.METADATA, phase=None),)
    )
    assert finding_behind("static.ids_high", Subject.of(flawed)) is None
    assert finding_behind("archive.record_wrong", Subject.of(flawed)) is not None
