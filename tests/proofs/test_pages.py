"""The pages of proofs say what their records say."""

from __future__ import annotations

from typing import Any

from tests.corpus.lab import Seen
from tests.proofs.bench_page import bench_page
from tests.proofs.pages import benign_page, confusion_page, fuzz_page, reenactments_page, speed_page
from tests.proofs.reenactments import TWIN


def record(**more: Any) -> dict[str, Any]:
    """A record with what every page needs."""
    base = {"name": "n", "claim": "c", "commit": "0" * 40, "machine": "m", "items": 9, "tried": 9}
    return base | {"failures": [], "details": {}, "facts": {}, "quantiles": {}} | more


def row(technique: str, seen: Seen, **more: str) -> dict[str, str]:
    base = {"technique": technique, "half": "own", "phase": "P3", "kind": "re-enactment"}
    return base | {"weak": "", "proofs": "0", "seen": seen.value} | more


def test_reenactments_page__counts_recall_by_technique_and_half() -> None:
    rows = {
        "a": row("T01", Seen.CAUGHT),
        "b": row("T01", Seen.NOTICED),
        "c": row("T02", Seen.NOTICED, weak="yes", half="blind", phase="P4"),
        f"a{TWIN}": row("T01", Seen.CAUGHT, kind="twin", proofs="1"),
        f"b{TWIN}": row("T01", Seen.NOTICED, kind="twin"),
    }
    failures = [{"item": "b", "detail": "x|y"}]
    details = dict.fromkeys(rows, "why")

    text = "\n".join(reenactments_page(record(facts=rows, failures=failures, details=details)))

    assert "| T01 | 2 | 1 | 1 | 0 | 0 | 50 % | 50 % | – |" in text
    assert "| T02 ≈ | 1 | 0 | 1 | 0 | 0 | 100 % | – | 100 % |" in text
    assert "| all | 3 | 1 | 2 | 0 | 0 | 66 % | 50 % | 100 % |" in text
    assert "2 twins, 1 with a proof. Not served:\n\n- `a (twin)`: why\n" in text
    assert "- `b` (P3): x\\|y" in text


def test_benign_page__lists_severe_findings_and_what_was_not_analysed() -> None:
    quiet = {"group": "popular", "tier": "APPROVE", "proofs": "0", "severe": "", "short": ""}
    rows = {
        "popular a": quiet | {"why": ""},
        "obscure b": quiet | {"group": "obscure", "severe": "P3:x:high()", "why": "", "short": "s"},
        "obscure c": {"tier": "none"},
    }

    text = "\n".join(benign_page(record(facts=rows)))

    assert "| popular | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 0 |" in text
    assert "| obscure | 1 | 1 | 0 | 0 | 0 | 0 | 1 | 1 |" in text
    assert "Not analysed: 1 none" in text
    assert "- obscure b: P3:x:high()" in text


def test_speed_page__sets_medians_beside_targets() -> None:
    spread = {"n": 15, "min": 0.1, "median": 0.25, "p90": 0.3, "max": 0.4}
    quantiles = {
        "requests disk_to_evidence_s": spread,
        "requests P3_s": spread,
        "small-wheel with waiting disk_to_evidence_s": spread,
        "tracing requests cpu_percent": spread,
    }

    text = "\n".join(speed_page(record(quantiles=quantiles, details={"analysis requests 3": "d"})))

    assert "| requests | 15 | 0.25 | 0.30 | 1.0 | P3 0.25 |" in text
    assert "| small-wheel with waiting | 15 | 0.25 | 0.30 |  |  |" in text
    assert "| requests | 15 | +0.2 % | +0.3 % | ≤ 10 % |" in text
    assert "- analysis requests: d" in text


def test_confusion_page__says_each_measure_beside_its_item() -> None:
    quantiles = {"speed__query_median_ms": {"median": 0.1}, "speedy__other": {"median": 2.0}}
    made = "\n".join(confusion_page(record(details={"speed": "9 names"}, quantiles=quantiles)))
    assert "| speed | 9 names | query median ms **0.1** |" in made


def test_fuzz_page__counts_slices_and_crashes_by_target() -> None:
    told = {"n": 3, "median": 1000.0, "max": 7.0}
    quantiles = {f"names_{word}": told for word in ("executions", "seconds", "branches", "crashes")}
    made = "\n".join(fuzz_page(record(quantiles=quantiles, grave=["names 2", "archive 1"])))
    assert "| names | 3 | 1,000 | 1000 | 7 | 1 |" in made


def test_bench_page__one_table_for_each_kind_of_item() -> None:
    facts = {
        "growth of decisions": {
            "1000 page": "40 µs (1.00)",
            "1000 wheel": "60 µs (1.00)",
            "1000000 page": "41 µs (1.02)",
            "1000000 wheel": "61 µs (1.03)",
        },
        "cold pages": {"pages": "20 pages | 50.0 | 60.0 | +10.0 | 1.20 | 0.9"},
        "install uv x": {"set": "3 packages, 1.0 MB", "direct": "2.00 | 1.00 |  | 0.50 | 0.00"},
    }
    details = {"held 1000": "200 MiB", "cold pages": "+10 ms", "growth of decisions": "long"}
    failures = [{"item": "install uv x"}]
    more = {"command": "make prove", "held": 2}
    made = record(facts=facts, details=details, failures=failures, **more)
    text = "\n".join(bench_page(made))
    assert "| held 1000 | 200 MiB | yes |" in text
    assert "| 1,000,000 | 41 µs (1.02) | 61 µs (1.03) |" in text
    assert "| 20 pages | 50.0 | 60.0 | +10.0 | 1.20 | 0.9 |" in text
    assert "### uv x: 3 packages, 1.0 MB (missed)" in text
    assert "| direct | 2.00 | 1.00 |  | 0.50 | 0.00 |" in text
    assert "long" not in text
