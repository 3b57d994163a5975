"""Modes: what acts, for whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.decision import Action, Decision, HoldKind, OverrideAction, ReasonCode, reason
from models.evidence import Severity
from policies.modes import FIRM, Mode, lets_through, strictest
from tests.models.examples import evidence, finding, override, proof
from tests.policies.examples import judged, policy

HELD = judged(seen=evidence(findings=(finding(severity=Severity.HIGH),)))
SERVED = judged()
UNSEEN = judged(seen=None)


@pytest.mark.parametrize("mode", Mode)
def test_lets_through__what_is_served_always_and_a_proof_never(mode: Mode) -> None:
    assert lets_through(SERVED, mode, unseen=False)
    proved = judged(seen=evidence(findings=(proof(),)))
    denied = judged(overrides=(override(OverrideAction.DENY),))
    owned = judged('[names]\nowned = ["demo"]\n')
    for firm in (proved, denied, owned):
        assert firm.action is Action.DENY
        assert not lets_through(firm, mode, unseen=True)


@pytest.mark.parametrize(
    ("mode", "through"), [(Mode.OBSERVE, True), (Mode.WARN, True), (Mode.ENFORCE, False)]
)
def test_lets_through__a_hold_acts_where_it_is_enforced(mode: Mode, through: bool) -> None:
    assert HELD.hold is HoldKind.REVIEW
    assert lets_through(HELD, mode, unseen=False) is through
    assert not lets_through(UNSEEN, mode, unseen=False)
    assert lets_through(UNSEEN, mode, unseen=True) is through


@pytest.mark.parametrize("code", sorted(FIRM))
def test_lets_through__each_firm_cause_acts_even_behind_others(code: ReasonCode) -> None:
    firm: Decision = replace(HELD, reasons=(*HELD.reasons, reason(code)))
    assert not lets_through(firm, Mode.OBSERVE, unseen=True)


def test_mode_of__the_strictest_of_a_clients_groups_counts() -> None:
    text = '[groups]\npilot = "observe"\nprod = "warn"\n'
    enforced = policy(text)
    assert enforced.mode_of(()) is Mode.ENFORCE
    assert enforced.mode_of(("unknown",)) is Mode.ENFORCE
    assert enforced.mode_of(("pilot",)) is Mode.OBSERVE
    assert enforced.mode_of(("pilot", "prod")) is Mode.WARN
    assert strictest((), Mode.WARN) is Mode.WARN
