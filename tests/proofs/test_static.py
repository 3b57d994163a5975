"""The static proof's items, figures and page, on made-up outcomes."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest

from models.artifact import ArtifactKind
from models.evidence import Finding, Layer, Severity
from proxy.demo.packages import build_wheel
from tests.proofs.catalogue import PROOFS
from tests.proofs.guarddog import GuardDogSaid, read_results
from tests.proofs.manifest import Entry, read_entries
from tests.proofs.proof import Outcome, record_of
from tests.proofs.reading import Read, read_boxed
from tests.proofs.static import GUARDDOG, HONEST, MALWARE, StaticProof
from tests.proofs.static_figures import ALL, HONEST_SET, figures
from tests.proofs.static_page import static_page


def folder(path: Path, *rows: dict[str, str]) -> Path:
    """A folder of archives with its manifest; each row's `bytes` are the file."""
    path.mkdir()
    full = []
    for row in rows:
        data = row.pop("bytes", "x").encode()
        known = {"sha256": hashlib.sha256(data).hexdigest(), "note": ""} | row
        if known["filename"]:
            place = path / known["sha256"] / known["filename"]
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(data)
        full.append(known)
    with (path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, sorted({key for row in full for key in row}))
        writer.writeheader()
        writer.writerows(full)
    return path


def outcome(item: str, *, score: int, guarddog: str, worst: str = "", **more: str) -> Outcome:
    facts = {
        "set": HONEST_SET,
        "kind": "sdist",
        "cluster": item,
        "worst": worst,
        "worst_static": worst,
        "score": str(score),
        "failed": "",
        "ids": "",
        "guarddog": guarddog,
        "guarddog_failed": "",
    }
    measures = {
        f"{more.get('set', HONEST_SET)} ours {unit}": 1.0 for unit in ("wall_s", "cpu_s", "mib")
    }
    honest = more.get("set", HONEST_SET) == HONEST_SET
    return Outcome(item=item, holds=True, counted=honest, measures=measures, facts=facts | more)


def test_entries__are_found_by_digest_or_kind_and_noted_rows_are_passed_over(
    tmp_path: Path,
) -> None:
    made = folder(
        tmp_path / "dev",
        {"kind": "sdist", "filename": "reenact-a-1.tar.gz", "template": "t1", "cluster": "c1"},
        {"kind": "wheel", "filename": "", "note": "no such file"},
        {"kind": "wheel", "filename": "b-1-py3-none-any.whl", "bytes": "y"},
    )
    entries = read_entries(made)
    assert [(e.kind, e.template) for e in entries] == [("sdist", "t1"), ("wheel", "")]
    assert entries[0].cluster == "c1"
    assert entries[1].cluster == entries[1].sha256
    assert all(e.path.exists() for e in entries)


def test_items__honest_first_then_malware_without_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = folder(
        tmp_path / "dev", {"kind": "sdist", "filename": "reenact-a-1.tar.gz", "template": "t1"}
    )
    monkeypatch.setenv(MALWARE, str(made))
    items = StaticProof().items(1)
    assert len(items) == 1001
    assert {item.split()[1] for item in items[:1000]} == {"wheel", "sdist"}
    digest = hashlib.sha256(b"x").hexdigest()
    assert items[1000] == f"dev t1 {digest[:12]}"


def test_proof__reads_given_folders_and_puts_guarddog_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "reenact_small-1.0-py3-none-any.whl"
    data = build_wheel("reenact-small", "1.0", {"reenact_small.py": "ONE = 1\n"}).data
    sha256 = hashlib.sha256(data).hexdigest()
    honest = tmp_path / "benign"
    (honest / "wheel").mkdir(parents=True)
    (honest / "wheel" / name).write_bytes(data)
    (honest / "manifest.csv").write_text(
        f"project,kind,filename,sha256\nreenact-small,wheel,{name},{sha256}\n"
    )
    results = tmp_path / "results"
    results.mkdir()
    (results / f"{sha256}.json").write_text(
        f'{{"sha256": "{sha256}", "score": 5.5, "issues": 1, "rules": ["r"], "wall_s": 2}}'
    )
    monkeypatch.setenv(HONEST, str(honest))
    monkeypatch.setenv(GUARDDOG, str(results))
    with StaticProof().set_up() as experiment:
        read = experiment.attempt("popular wheel reenact-small")
        absent = experiment.attempt("popular sdist reenact-small")
    assert read.holds
    assert read.counted
    assert (read.facts["set"], read.facts["failed"], read.facts["guarddog"]) == (
        "honest",
        "",
        "5.5",
    )
    assert read.measures["honest ours cpu_s"] > 0
    assert read.measures["honest guarddog wall_s"] == 2
    assert absent.holds
    assert not absent.counted


def test_read_boxed__says_what_fell(tmp_path: Path) -> None:
    file = tmp_path / "reenact_a-1.0-py3-none-any.whl"
    file.write_bytes(b"not a zip")
    read = read_boxed(Entry(path=file, sha256="0" * 64, kind=ArtifactKind.WHEEL.value))
    assert read.failed == ""
    assert read.worst is not None
    fell = read_boxed(Entry(path=file, sha256="0" * 64, kind="no such kind"))
    assert fell.failed
    assert fell.score == 0


def test_score__adds_the_points_of_each_finding() -> None:
    found = tuple(
        Finding(id=f"static-{severity.value}", title="t", severity=severity, layer=Layer.METADATA)
        for severity in (Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO)
    )
    assert Read(findings=found, wall_s=0, cpu_s=0, rss_kib=0).score == 111


def test_guarddog__an_archive_that_it_cannot_read_is_not_flagged(tmp_path: Path) -> None:
    assert GuardDogSaid(sha256="0" * 64, failed="timed out").rank == 0
    assert read_results(None) == {}
    assert read_results(tmp_path) == {}


def sample() -> list[Outcome]:
    """Four honest archives, one flagged by both; four of malware in two clusters."""
    bad = {"set": "dev", "worst": "high"}
    return [
        outcome("popular sdist a", score=100, guarddog="7", worst="high", ids="static-x:high"),
        outcome("popular sdist b", score=10, guarddog="0", worst="medium"),
        outcome("obscure sdist c", score=0, guarddog="0"),
        outcome("obscure wheel d", score=0, guarddog="0", kind="wheel"),
        outcome("dev t1 1", score=200, guarddog="8", cluster="c1", **bad),
        outcome("dev t1 2", score=200, guarddog="0", cluster="c1", **bad),
        outcome("dev t2 3", score=110, guarddog="4.9", cluster="c2", **bad),
        outcome("dev t3 4", score=10, guarddog="5", cluster="c3", set="dev", worst="medium"),
    ]


def test_figures__compare_at_guarddogs_own_false_positives() -> None:
    said = figures(sample(), seed=1)
    flagged = said["shares"][HONEST_SET][ALL]["shares"]
    assert (flagged["high in reached code"]["flagged"], flagged["GuardDog"]["flagged"]) == (1, 1)
    assert flagged["any medium"]["flagged"] == 2
    one = said["comparisons"]["dev"][ALL]
    assert (one["theirs_false"], one["ours_false"], one["bar"]) == (0.25, 0.25, 10)
    assert (one["ours"], one["theirs"]) == (0.75, 0.5)
    assert (one["both"], one["only_ours"], one["only_theirs"]) == (1, 2, 1)
    assert (one["n"], one["clusters"], one["honest_clusters"]) == (4, 3, 4)
    assert said["comparisons"]["dev"]["sdist"]["theirs_false"] == 1 / 3


def test_figures__without_guarddog_the_honest_part_stands() -> None:
    alone = [outcome("popular sdist a", score=0, guarddog="")]
    said = figures(alone, seed=1)
    assert said["comparisons"] == {}
    assert "GuardDog" not in said["shares"][HONEST_SET][ALL]["shares"]


def test_page__shows_the_figures_and_names_honest_hits_only() -> None:
    record = record_of(PROOFS["static"], sample(), seed=1, asked=8)
    assert (record["tried"], record["uncounted"]) == (4, 4)
    text = "\n".join(static_page(record))
    assert "| dev | all | 4 | 3 | 4 | 25.0 % | 25.0 % | 50.0 % (" in text
    assert "- popular sdist a: `static-x:high`" in text
    assert "| honest | ours | 4 | 1.000 |" in text
    assert "dev t1" not in text
