"""Every detector against what it must see, and the near miss that it must let pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from analyzer.detectors.catalog import DETECTORS, MATCHES_MAX, run_detectors
from models.evidence import ProofKind, Severity
from models.trace import Event, EventKind
from tests.analyzer.detectors.acts import reverse_shell
from tests.analyzer.detectors.passed import NEAR_MISSES
from tests.analyzer.detectors.runs import (
    HOME,
    P1,
    P3,
    P4,
    P5,
    PID,
    SITE,
    Clock,
    asks,
    calls,
    connects,
    denied,
    event,
    execs,
    forks,
    reads,
    run_of,
    talks,
    touches,
    writes,
)
from tests.analyzer.detectors.seen import MATCHES

SEVERITIES = list(Severity)
OUTSIDE = ("network-connect", "dns-lookup", "decoy-read")
BY_ID = {detector.definition.id: detector for detector in DETECTORS}


def found(detector: str, events: list[Event]) -> list[Severity]:
    findings, _ = run_detectors(run_of(events), [BY_ID[detector]])
    return [finding.severity for finding in findings]


def test_detect__hosts_that_use_gave_are_one_fact() -> None:
    hosts = [f"value{n}.corp.example" for n in range(5)]

    assert len(found("dns-lookup", [asks(host, P4) for host in hosts])) == 1
    talked = [talks(f"203.0.113.{n}", host=host, phase=P4) for n, host in enumerate(hosts)]
    assert len(found("network-connect", talked)) == 1
    assert len(found("network-connect", [*talked, talks("198.51.100.7", phase=P4)])) == 2


def names(table: Sequence[tuple[object, ...]]) -> list[str]:
    return [f"{number}-{row[0]}" for number, row in enumerate(table)]


@pytest.mark.parametrize(("detector", "events", "severity"), MATCHES, ids=names(MATCHES))
def test_detect__sees(detector: str, events: list[Event], severity: Severity) -> None:
    assert severity in found(detector, events)


@pytest.mark.parametrize(("detector", "events"), NEAR_MISSES, ids=names(NEAR_MISSES))
def test_detect__lets_pass(detector: str, events: list[Event]) -> None:
    assert found(detector, events) == []


def test_detectors__each_has_a_match_and_a_near_miss_in_the_tables() -> None:
    told_by_events = BY_ID.keys() - {"monkey-patch"}
    assert {row[0] for row in MATCHES} == {row[0] for row in NEAR_MISSES} == told_by_events


def test_monkey_patch__is_told_by_the_runner_and_weighs_more_beside_a_connection() -> None:
    detector = [BY_ID["monkey-patch"]]
    patched = ("ssl.SSLSocket.send", "ssl.SSLSocket.send")

    (alone,), _ = run_detectors(run_of([], patched=patched), detector)
    (beside,), _ = run_detectors(run_of([connects("203.0.113.7")], patched=patched), detector)

    assert (alone.severity, alone.phase, alone.place.path) == (Severity.LOW, P3, patched[0])
    assert beside.severity is Severity.MEDIUM
    assert run_detectors(run_of([connects("203.0.113.7")]), detector) == ((), 0)


@pytest.mark.parametrize("detector", DETECTORS, ids=BY_ID)
def test_definition__says_what_a_reader_needs(detector: object) -> None:
    definition = BY_ID[detector.definition.id].definition  # type: ignore[attr-defined]  # a Detector
    assert definition.title
    assert definition.rationale.endswith(".")
    assert definition.technique.startswith("T1")
    assert definition.needs


def test_run_detectors__only_a_canary_that_left_is_a_proof() -> None:
    proofs = {item.definition.id: item.definition.proof for item in DETECTORS}

    assert {name: proof for name, proof in proofs.items() if proof} == {
        "canary-left": ProofKind.CANARY_LEFT
    }


def test_run_detectors__names_what_left_and_where_to() -> None:
    findings, _ = run_detectors(run_of([talks("203.0.113.7", canaries=("aws",), phase=P1)]))

    proof = next(item for item in findings if item.proof)
    assert (proof.what, proof.phase, proof.place.address) == ("aws-key", P1, "203.0.113.7")


def test_run_detectors__what_left_in_use_is_no_proof() -> None:
    for phase, proof in ((P4, None), (P5, ProofKind.CANARY_LEFT)):
        findings, _ = run_detectors(run_of([talks(canaries=("aws",), phase=phase)]))

        assert {item.proof for item in findings if item.id == "canary-left"} == {proof}


def test_run_detectors__nothing_weighs_more_in_use_than_its_definition_says() -> None:
    for detector, events, _ in MATCHES:
        definition = BY_ID[detector].definition
        findings, _ = run_detectors(run_of([replace(item, phase=P4) for item in events]))
        for item in findings:
            if item.id == detector and item.phase is P4:
                assert SEVERITIES.index(item.severity) <= SEVERITIES.index(definition.in_use)


@pytest.mark.parametrize(
    ("call", "seen"),
    [
        (connects("203.0.113.7", 80, pid=200), talks()),
        (connects("10.0.2.3", 53, pid=200), asks("c2.test")),
        (reads(f"{HOME}/.aws/credentials", pid=200), touches("aws")),
    ],
)
def test_run_detectors__what_was_seen_from_outside_names_the_process(
    call: Event, seen: Event
) -> None:
    command = execs("/usr/bin/curl", "curl", "-K", "x", pid=200)
    events = [forks(200), replace(command, at_us=Clock.tick()), call, seen]
    events = [replace(item, at_us=number * 1000) for number, item in enumerate(events, start=3)]

    findings, _ = run_detectors(run_of(events))

    outside = [item for item in findings if item.id in OUTSIDE]
    assert outside
    assert {item.place.process for item in outside} == {"curl -K x"}


def test_run_detectors__a_finding_says_who_where_and_when() -> None:
    findings, _ = run_detectors(run_of(reverse_shell(to="203.0.113.7")))

    (shell_opened,) = (item for item in findings if item.id == "reverse-shell")
    place = shell_opened.place
    assert (place.path, place.process) == ("/bin/sh", "sh -i")
    assert (place.address, place.port) == ("203.0.113.7", 4444)
    assert (shell_opened.phase, shell_opened.owner) == (P3, "")
    assert shell_opened.at_ms > 0


def test_run_detectors__an_unknown_canary_is_still_a_proof() -> None:
    findings, _ = run_detectors(run_of([talks(canaries=("c99",))]))

    assert [item.what for item in findings if item.proof] == ["unknown"]


def test_run_detectors__matches_beyond_the_bound_are_counted() -> None:
    events = [connects(f"203.0.113.{number}") for number in range(1, MATCHES_MAX + 6)]

    findings, beyond = run_detectors(run_of(events), [BY_ID["network-connect"]])

    assert (len(findings), beyond) == (MATCHES_MAX, 5)


def test_run_detectors__what_pip_does_is_not_charged() -> None:
    events = [
        event(EventKind.OPEN, P1, pid=PID, path=f"{HOME}/.bashrc", flags=1, result=3),
        event(EventKind.CONNECT, P1, pid=PID, address="203.0.113.7", port=443),
    ]

    assert run_detectors(run_of(events)) == ((), 0)


def test_run_detectors__a_quiet_import_gives_nothing() -> None:
    events = [
        reads(f"{SITE}/demo/__init__.py"),
        reads(f"{HOME}/.config/demo.ini"),
        writes("/dev/null"),
        writes(f"{SITE}/demo/__pycache__/__init__.cpython-311.pyc.14042", P3),
        forks(200),
        execs("/usr/bin/uname", "uname", "-p", pid=200),
        calls("socket", 16, 3, 0, result=4),
        event(EventKind.BIND, detail="netlink"),
        denied("clone3"),
    ]

    assert run_detectors(run_of(events)) == ((), 0)
