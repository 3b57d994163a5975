"""A freeze: both sides of both moments, and what does not have one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from models.decision import Action, HoldKind, OverrideAction, ReasonCode
from models.errors import PolicyInvalid
from models.evidence import Severity
from models.reason import reason_line
from tests.models.examples import NOW, evidence, facts, finding, override
from tests.policies.examples import judged, policy

SINCE = NOW - timedelta(days=10)
UNTIL = NOW + timedelta(days=3)
SECOND = timedelta(seconds=1)


def text(since: datetime = SINCE, until: datetime = UNTIL) -> str:
    return f"[freeze]\nuploaded_after = {since.isoformat()}\nuntil = {until.isoformat()}\n"


@pytest.mark.parametrize(
    ("uploaded", "served"),
    [(SINCE - SECOND, True), (SINCE, True), (SINCE + SECOND, False), (None, False)],
)
def test_freeze__holds_what_was_uploaded_after_it(uploaded: datetime | None, served: bool) -> None:
    decision = judged(text(), facts=facts(upload_time=uploaded))
    assert (decision.action is Action.SERVE) is served
    if not served:
        assert decision.hold is HoldKind.AGE
        assert decision.reasons[0].code is ReasonCode.FREEZE
        assert decision.expires_at is not None
        assert decision.expires_at <= UNTIL
        assert "came after the freeze that began on 2026-03-22 12:00 UTC" in reason_line(decision)


@pytest.mark.parametrize(("now", "served"), [(UNTIL - SECOND, False), (UNTIL, True)])
def test_freeze__ends(now: datetime, served: bool) -> None:
    decision = judged(text(), facts=facts(release_days=1), as_of=now)
    assert (decision.action is Action.SERVE) is served


def test_freeze__an_override_goes_above_it_and_a_rule_does_not() -> None:
    young = facts(release_days=1)
    rule = '[[rule]]\nname = "ours"\noutcome = "serve"\nprojects = ["demo"]\n'
    assert judged(text() + rule, facts=young).action is Action.HOLD
    assert judged(text(), facts=young, overrides=(override(),)).action is Action.SERVE
    denied = judged(text(), facts=young, overrides=(override(OverrideAction.DENY),))
    assert denied.action is Action.DENY


def test_freeze__does_not_soften_what_is_refused_anyway() -> None:
    bad = evidence(findings=(finding(severity=Severity.HIGH),))
    decision = judged(text(), facts=facts(release_days=1), seen=bad)
    assert decision.hold is HoldKind.REVIEW


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("uploaded_after = 2026-01-01T00:00:00Z", "freeze.until is missing"),
        ("until = 2026-01-01T00:00:00Z", "freeze.uploaded_after is missing"),
        ("uploaded_after = 2026-01-01\nuntil = 2026-02-01T00:00:00Z", "time with a time zone"),
        (
            "uploaded_after = 2026-02-01T00:00:00Z\nuntil = 2026-02-01T00:00:00Z",
            "does not lie after",
        ),
        (
            "uploaded_after = 2026-01-01T00:00:00\nuntil = 2026-02-01T00:00:00Z",
            "time with a time zone",
        ),
    ],
)
def test_freeze__has_a_beginning_and_an_end(body: str, message: str) -> None:
    with pytest.raises(PolicyInvalid, match=message):
        policy(f"[freeze]\n{body}\n")


@pytest.mark.parametrize(
    ("decided_at", "now", "may"),
    [
        (SINCE, NOW, False),
        (SINCE + SECOND, NOW, True),
        (SINCE + SECOND, UNTIL - SECOND, True),
        (SINCE + SECOND, UNTIL, False),
    ],
)
def test_may_hold__what_was_decided_before_had_been_uploaded_before(
    decided_at: datetime, now: datetime, may: bool
) -> None:
    freeze = policy(text()).freeze
    assert freeze is not None
    assert freeze.may_hold(judged(as_of=decided_at), now) is may
    allowed = replace(judged(as_of=decided_at), override_id="o1")
    assert not freeze.may_hold(allowed, now)
