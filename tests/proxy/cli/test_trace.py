"""`pratique trace export`, run as a person runs it, against a store with one traced run in it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.tracefile import encode_trace
from models.artifact import Sha256
from models.canonical import digest_of, digest_of_bytes
from models.clock import utc_now
from models.evidence import PhaseReport, ResolvedFile
from models.phase import Phase
from models.research.qut_reader import read_rows
from models.trace import RUNNER, Event, EventKind
from models.work import Priority
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore
from tests.firewall import scratch_folder
from tests.proxy.store.values import START, make_decision, make_evidence, make_facts, make_ref

ROOT = Path(__file__).parents[3]
P2, P3 = Phase.START, Phase.IMPORT
REF = make_ref("demo")
EVENTS = [
    Event(kind=EventKind.EXEC, phase=P2, at_us=1, pid=5, path="/env/bin/python"),
    Event(kind=EventKind.OPEN, phase=P2, at_us=2, pid=5, path="/etc/hosts", result=3),
    Event(kind=EventKind.EXEC, phase=P3, at_us=1, pid=7, path="/env/bin/python"),
    Event(kind=EventKind.OPEN, phase=P3, at_us=2, pid=7, path="/etc/passwd", result=3),
    Event(kind=EventKind.OPEN, phase=P3, at_us=3, pid=4, path="/etc/box", result=3, owner=RUNNER),
    Event(kind=EventKind.SEQUENCE, phase=P3, at_us=9, detail="openat fstat read", count=4),
]
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: Urllib3<3,>=1.26\n"
DEPENDENCIES = tuple(
    ResolvedFile(project=name, version="2.0", filename=f"{name}.whl", sha256=Sha256("a" * 64))
    for name in ("urllib3", "idna")
)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def data_dir() -> Path:
    return scratch_folder() / "data"


@pytest.fixture
def run(data_dir: Path) -> Run:
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        kept = {key: text for key, text in os.environ.items() if not key.startswith("PRATIQUE_")}
        return subprocess.run(
            [sys.executable, "-P", "-m", "proxy", "trace", "export", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd="/",
            env=kept | {"PYTHONPATH": str(ROOT), "PRATIQUE_DATA_DIR": str(data_dir)},
        )

    return call


@pytest.fixture
def decision_id(data_dir: Path) -> str:
    """A decision that rests on the run above."""
    data_dir.mkdir(parents=True)
    trace, _ = encode_trace(EVENTS)
    report = PhaseReport(phase=P3, exit_code=0, wall_ms=1, syscalls=(("openat", 2), ("read", 6)))
    evidence = replace(
        make_evidence(REF),
        phases=(report,),
        dependencies=DEPENDENCIES,
        trace_digest=digest_of_bytes(trace),
        metadata_digest=digest_of_bytes(METADATA),
    )

    async def fill() -> str:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        try:
            facts = make_facts(REF)
            await store.enqueue(REF, size_bytes=1, facts=facts, priority=Priority.FILE, now=START)
            lease = await store.lease(worker="pi", lease_id="l", now=START)
            assert lease is not None
            blobs = [(digest_of_bytes(data), data) for data in (trace, METADATA)]
            await store.complete("l", worker="pi", evidence=evidence, blobs=blobs, now=START)
            decision = make_decision(REF, evidence=digest_of(evidence))
            await store.put_decision(decision)
            return decision.id
        finally:
            await store.close()

    return asyncio.run(fill())


def test_export__jsonl_of_a_decision_is_its_events(run: Run, decision_id: str) -> None:
    done = run(decision_id)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["kind"] for line in lines] == [event.kind.value for event in EVENTS]
    assert lines[3] == {
        "kind": "open",
        "phase": "P3",
        "at_us": 2,
        "pid": 7,
        "path": "/etc/passwd",
        "result": 3,
    }


def test_export__qut_of_a_sha256_is_its_row(run: Run, decision_id: str) -> None:
    assert decision_id
    done = run("--format", "qut-dv25", "--level", "1", REF.sha256)
    assert done.returncode == 0, done.stderr
    (row,) = read_rows(done.stdout)
    assert (row.package, row.level) == (REF.filename, 1)
    assert row.values["Etc_DIR_Installation"] == 2
    assert row.values["Pattern_1"] == "openat -> fstat -> read"
    assert row.values["File_Operations"] == 8
    assert row.values["Total_Dependencies"] == ("urllib3-2.0", "idna-2.0")
    assert row.values["Direct_Dependencies"] == ("Urllib3<3,>=1.26",)
    assert row.values["Indirect_Dependencies"] == ("idna",)


def test_export__into_a_folder_writes_the_six_raw_files_and_the_row(
    run: Run, decision_id: str
) -> None:
    out = scratch_folder() / "new" / "folder"
    done = run("--format", "qut-dv25", "--out", out, decision_id)
    assert done.returncode == 0, done.stderr
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert len(files) == 7
    assert "QUT-DV25.csv" in files
    opensnoop = out / f"QUT-DV25_Opensnoop_Traces/{REF.filename}_opensnoop_trace.txt"
    assert opensnoop.read_text().splitlines()[1].split() == ["5", "python", "3", "0", "/etc/hosts"]


def test_export__phases_and_owners_can_be_chosen(run: Run, decision_id: str) -> None:
    opened = {}
    for arguments in ((), ("--phase", "P3"), ("--phase", "P3", "--everybody")):
        done = run("--format", "qut-dv25", *arguments, decision_id)
        opened[arguments] = read_rows(done.stdout)[0].values["Etc_DIR_Installation"]
    assert list(opened.values()) == [2, 1, 2]


def test_export__of_a_file_needs_no_store(run: Run, data_dir: Path) -> None:
    path = scratch_folder() / "demo.jsonl.gz"
    path.write_bytes(encode_trace(EVENTS)[0])
    done = run("--format", "qut-dv25", path)
    assert done.returncode == 0, done.stderr
    (row,) = read_rows(done.stdout)
    assert (row.package, row.level) == ("demo", None)
    assert row.values["Pattern_1"] == "openat -> fstat -> read"
    assert not (data_dir / DATABASE).exists()


@pytest.mark.parametrize("target", ["nosuchdecision", "b" * 64])
def test_export__what_is_not_there_is_said_in_a_sentence(
    run: Run, decision_id: str, target: str
) -> None:
    assert decision_id
    done = run(target)
    assert done.returncode == 1
    assert "Next: " in done.stderr
    assert "Traceback" not in done.stderr


def test_export__a_file_that_is_no_trace_is_refused(run: Run) -> None:
    path = scratch_folder() / "x.gz"
    path.write_bytes(b"no trace")
    done = run(path)
    assert done.returncode == 1
    assert "not gzip" in done.stderr
