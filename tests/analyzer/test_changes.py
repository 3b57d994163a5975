"""Changes: what is new is told, what was never looked for is not, and quiet releases weigh most."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.changes import CHANGES_MAX, Comparison, compare
from models.artifact import Sha256
from models.behaviour import Act, ActKind, Baseline, BehaviourProfile
from models.canonical import digest_of_bytes
from models.evidence import Severity
from models.phase import Phase

P1, P2, P3, P4, P5 = list(Phase)[1:]
SCRATCH = "/tmp/x"  # noqa: S108 - a name in a box
HOST, EXECUTABLE, WRITTEN = ActKind.HOST, ActKind.EXECUTABLE, ActKind.WRITTEN
DECOY, HOOK = ActKind.DECOY, ActKind.START_HOOK


def act(kind: ActKind, phase: Phase, value: str = "evil.test") -> Act:
    return Act(kind=kind, phase=phase, value=value)


def profile(*acts: Act, left_out: int = 0) -> BehaviourProfile:
    return BehaviourProfile(acts=tuple(sorted(acts)), left_out=left_out)


def baseline(*acts: Act, phases: tuple[Phase, ...] = tuple(Phase)[1:]) -> Baseline:
    return Baseline(
        filename="demo-1.0-py3-none-any.whl",
        sha256=Sha256("a" * 64),
        evidence_digest=digest_of_bytes(b"evidence"),
        profile=profile(*acts),
        phases=phases,
    )


def value(found: Comparison, name: str) -> object:
    return {signal.name: signal.value for signal in found.signals}[f"behaviour.{name}"]


@pytest.mark.parametrize(
    ("before", "now", "severity"),
    [
        ([], [], None),
        ([act(HOST, P3)], [act(HOST, P3)], None),
        ([act(HOST, P3)], [], None),
        ([], [act(HOST, P1)], Severity.MEDIUM),
        ([], [act(EXECUTABLE, P5, "curl")], Severity.MEDIUM),
        ([], [act(EXECUTABLE, P3, "uname")], None),
        ([act(EXECUTABLE, P3, "uname")], [act(HOST, P3)], Severity.MEDIUM),
        ([act(WRITTEN, P3, "~/x")], [act(HOST, P3)], Severity.MEDIUM),
        ([act(HOST, P4)], [act(HOST, P3)], Severity.MEDIUM),
        ([], [act(HOST, P4)], Severity.LOW),
        ([act(HOST, P3, "old.test")], [act(HOST, P3)], Severity.LOW),
        ([act(EXECUTABLE, P3, "nodejs")], [act(HOST, P3)], Severity.MEDIUM),
        ([act(EXECUTABLE, P3, "nodejs")], [act(EXECUTABLE, P3, "curl")], Severity.LOW),
        ([act(EXECUTABLE, P1, "cc1")], [act(EXECUTABLE, P1, "curl")], Severity.MEDIUM),
        ([], [act(EXECUTABLE, P1, "cc1")], Severity.LOW),
        ([], [act(WRITTEN, P3, "~/x")], Severity.LOW),
        ([], [act(WRITTEN, P3, "~/.cache/x"), act(WRITTEN, P3, SCRATCH)], None),
        ([], [act(HOOK, P2, "x.pth")], Severity.LOW),
    ],
)
def test_compare__new_acts_are_a_finding_and_reaching_out_of_a_quiet_release_a_graver_one(
    before: list[Act], now: list[Act], severity: Severity | None
) -> None:
    found = compare(baseline(*before), profile(*now))
    assert [finding.severity for finding in found.findings] == ([severity] if severity else [])


def test_compare__tells_both_sides_and_against_what() -> None:
    old, new, same = act(WRITTEN, P3, "~/old"), act(HOST, P3), act(EXECUTABLE, P1, "gcc")
    found = compare(baseline(old, same), profile(new, same)).changes
    assert found is not None
    assert (found.added, found.gone) == ((new,), (old,))
    assert found.since == "demo-1.0-py3-none-any.whl"
    assert found.since_evidence == digest_of_bytes(b"evidence")


def test_compare__an_act_in_another_phase_is_new_there() -> None:
    found = compare(baseline(act(HOST, P3)), profile(act(HOST, P3), act(HOST, P1)))
    assert found.changes is not None
    assert found.changes.added == (act(HOST, P1),)


def test_compare__what_the_baseline_never_ran_is_not_new() -> None:
    short = baseline(phases=(P1, P2, P3))
    found = compare(short, profile(act(HOST, P4), act(HOST, P5)))
    assert found.changes is not None
    assert found.changes.added == ()
    assert found.findings == ()


def test_compare__signals_count_by_kind_and_name_phases_that_began_to_act() -> None:
    now = profile(act(HOST, P1), act(HOST, P3), act(DECOY, P3, "aws-key"), act(HOOK, P2, "x.pth"))
    found = compare(baseline(act(WRITTEN, P3, "~/x")), now)
    counts = ("new_hosts", "new_decoys", "new_start_hooks", "new_written", "new_phases")
    assert [value(found, name) for name in counts] == [2, 1, 1, 0, 1]
    assert value(found, "baseline_known") is True


def test_compare__without_a_baseline_only_that_is_said() -> None:
    found = compare(None, profile(act(HOST, P3)))
    assert (found.changes, found.findings) == (None, ())
    assert value(found, "baseline_known") is False


def test_compare__without_a_run_nothing_is_said() -> None:
    assert compare(baseline(), None) == Comparison()


def test_compare__the_finding_names_the_gravest_act() -> None:
    new = (act(WRITTEN, P1, "~/a"), act(HOST, P3, "late.test"), act(DECOY, P3, "aws-key"))
    (found,) = compare(baseline(act(HOST, P3, "old.test")), profile(*new)).findings
    assert (found.what, found.phase) == ("decoy", P3)
    (found,) = compare(baseline(), profile(*new)).findings
    assert (found.what, found.place.host) == ("host", "late.test")


def test_compare__changes_are_bounded_gravest_first_and_all_are_counted() -> None:
    noise = [act(WRITTEN, P3, f"~/{number:03}") for number in range(2 * CHANGES_MAX)]
    found = compare(baseline(), profile(*noise, act(HOST, P3)))
    assert found.changes is not None
    assert len(found.changes.added) == CHANGES_MAX
    assert found.changes.added[0] == act(HOST, P3)
    assert value(found, "new_written") == 2 * CHANGES_MAX


def test_compare__more_acts_than_can_be_told_are_a_change() -> None:
    flooded = replace(profile(), left_out=7)
    assert [f.severity for f in compare(baseline(), flooded).findings] == [Severity.LOW]
    same = replace(baseline(), profile=flooded)
    assert compare(same, flooded).findings == ()
