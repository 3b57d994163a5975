"""`override request … extend`, `audit` and `installed`, run as a person runs them."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from models.clock import utc_now
from models.decision import Action, Decision, HoldKind
from policies.document import DEFAULT_POLICY_TOML
from proxy.store.bounds import DATABASE
from proxy.store.sqlite import SqliteStore
from tests.firewall import scratch_folder
from tests.proxy.store.values import make_decision, make_fetch, make_ref

ROOT = Path(__file__).parent.parent.parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]
BAD = "\x1b[31mevil\x1b[0m\n[bold]x"
SERVED = make_decision(make_ref("turned"), as_of=utc_now())
DENIED = make_decision(make_ref("turned"), action=Action.DENY, score=10, as_of=utc_now())
HELD = make_decision(action=Action.HOLD, hold=HoldKind.REVIEW, score=50, as_of=utc_now())


@pytest.fixture
def data_dir() -> Path:
    """A store with a file that is held, and one that was served, fetched, and denied."""
    folder = scratch_folder() / "data"
    folder.mkdir()

    async def fill() -> None:
        store = SqliteStore.open(folder / DATABASE, clock=utc_now)
        for decision in (HELD, SERVED):
            await store.put_decision(decision)
        fetch = structs.replace(
            make_fetch(SERVED.ref), at=utc_now(), groups=("web",), requester="[red]ci"
        )
        await store.record_fetches([fetch])
        await store.put_decision(DENIED)
        await store.close()

    asyncio.run(fill())
    return folder


@pytest.fixture
def run(data_dir: Path) -> Run:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PRATIQUE_")}
        return subprocess.run(
            [sys.executable, "-P", "-m", "proxy", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd="/",
            env=kept
            | {
                "PYTHONPATH": str(ROOT),
                "COLUMNS": "220",
                "PRATIQUE_DATA_DIR": str(data_dir),
                "PRATIQUE_UPSTREAM": "http://127.0.0.1:9/simple/",
            },
        )

    return call


def asked(run: Run, *options: str, decision: Decision = HELD, why: str = "needed") -> str:
    done = run(
        *("override", "request", decision.id, "--actor", "dev", "--justification", why),
        *options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("request ")[1].split(",")[0]


def test_override__from_a_request_to_an_extension(run: Run) -> None:
    request = asked(run, "--days", "10", why=BAD)
    listed = run("override", "requests").stdout
    assert request in listed
    assert "\x1b" not in listed
    assert json.loads(run("override", "requests", "--json").stdout)["justification"] == BAD
    approved = run("override", "approve", request, "--actor", "rita", "--answer", "fine")
    assert approved.returncode == 0, approved.stderr
    assert "It binds 1 file(s)" in approved.stdout
    first = approved.stdout.split()[1].rstrip(":")
    again = run("override", "approve", request, "--actor", "rob")
    assert again.returncode == 1
    assert "rita has approved the request" in again.stderr
    assert "No request waits" in run("override", "requests").stdout
    assert f"{first}" in run("override", "expiring", "--days", "11").stdout
    extended = run(
        *("override", "extend", first, "--expires", "90d", "--justification", "still"),
        *("--actor", "rob"),
    )
    assert f"in the place of {first}" in extended.stdout, extended.stderr
    assert "No override ends within 11 day(s)" in run("override", "expiring", "--days", "11").stdout
    assert "0 decision(s), 0 fetch(es)" in run("override", "uses", first).stdout


def test_override__refused_and_withdrawn(run: Run) -> None:
    request = asked(run)
    refused = run("override", "refuse", request, "--actor", "rita", "--answer", "use 2.0")
    assert refused.stdout == f"Refused {request}.\n"
    other = asked(run, "--scope", "project", "--specifier", "<2")
    assert run("override", "withdraw", other, "--actor", "dev").returncode == 0
    everything = run("override", "requests", "--all").stdout
    assert "refused by rita" in everything
    assert "withdrawn by dev" in everything


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("request", "none", "--justification", "x"), "no decision of that id"),
        (("request", HELD.id, "--justification", " "), "no justification"),
        (("request", HELD.id, "--justification", "x", "--days", "999"), "1 to 365 days"),
        (("approve", "none"), "no request of that id"),
        (("extend", "none", "--expires", "1d", "--justification", "x"), "no override of that id"),
    ],
)
def test_override__what_makes_no_sense_is_one_sentence(
    run: Run, arguments: tuple[str, ...], expected: str
) -> None:
    done = run("override", *arguments, "--actor", "ada")
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_override__where_policy_wants_two_people_nobody_adds_or_approves_alone(
    run: Run, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(DEFAULT_POLICY_TOML.replace("four_eyes = false", "four_eyes = true"))
    request, two = asked(run), ("--policy", str(policy))
    allow = (*("override", "add", "allow", "--project", "demo", "--future"), *two)
    words = ("--justification", "x", "--expires", "1d")
    alone = run(*allow, *words, "--actor", "rita")
    assert alone.returncode == 1
    assert "one person asks for an exception and another grants it" in alone.stderr
    own = run("override", "approve", request, "--actor", "dev", *two)
    assert own.returncode == 1
    assert "two people" in own.stderr
    assert run("override", "approve", request, "--actor", "rita", *two).returncode == 0


def test_audit__exported_holds_by_itself_and_against_the_store(run: Run, tmp_path: Path) -> None:
    asked(run, why=BAD)
    file = tmp_path / "audit.jsonl"
    assert "4 row(s) exported" in run("audit", "export", "-o", str(file)).stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists already" in run("audit", "export", "-o", str(file)).stderr
    found = run("audit", "verify", str(file), "--with-store")
    assert "The file holds: 4 row(s), 1 to 4" in found.stdout, found.stderr
    assert "4 row(s) are in the store, and equal" in found.stdout
    assert "holds: 4 row(s)" in run("audit", "verify").stdout
    piped = run("audit", "export", "--log", "admin", "-o", "-").stdout
    assert [json.loads(line)["action"] for line in piped.splitlines()] == ["override_requested"]
    listed = run("audit", "list", "--log", "decisions").stdout
    assert "decision_made" in listed
    assert "override_requested" not in listed
    assert len(run("audit", "list", "--json").stdout.splitlines()) == 4


def test_audit__what_was_changed_is_named(run: Run, data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    run("audit", "export", "-o", str(file))
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[1].replace("judge", "nobody"), lines[2]]) + "\n")
    done = run("audit", "verify", str(file))
    assert done.returncode == 1
    assert "row 2 was changed" in done.stderr
    file.write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert "It leaves out 1 row(s)" in run("audit", "verify", str(file)).stdout
    raw = sqlite3.connect(data_dir / DATABASE)
    raw.execute("DROP TRIGGER audit_is_not_changed")
    raw.execute("UPDATE audit SET actor = 'nobody' WHERE number = 3")
    raw.commit()
    raw.close()
    broken = run("audit", "verify")
    assert broken.returncode == 1
    assert "row 3 was changed" in broken.stderr


def test_audit__what_cannot_be_is_one_sentence(run: Run, tmp_path: Path) -> None:
    assert "cannot be read" in run("audit", "verify", str(tmp_path / "none")).stderr
    assert "cannot be written" in run("audit", "export", "-o", "/proc/none/x").stderr
    wrong = run("audit", "export", "--since", "yesterday", "-o", str(tmp_path / "x"))
    assert "write a date" in wrong.stderr
    assert list(tmp_path.iterdir()) == []


def test_installed__by_bytes_by_release_and_in_json(run: Run) -> None:
    for target in (SERVED.ref.sha256, "turned", "turned==1.0"):
        shown = run("installed", target).stdout
        assert "1 client(s), 1 fetch(es)" in shown
        assert "[red]ci" in shown
    assert "Nobody fetched it" in run("installed", "turned==2.0").stdout
    found = json.loads(run("installed", "turned", "--json").stdout)
    assert found["holders"]["rows"][0]["groups"] == ["web"]


def test_installed__flips_name_who_is_exposed_by_exit_code_too(run: Run) -> None:
    shown = run("installed", "--flips")
    assert shown.returncode == 4
    assert "Blocked by pratique: turned 1.0" in shown.stdout
    assert "1 client(s) have it" in shown.stdout
    row = json.loads(run("installed", "--flips", "--json").stdout)
    assert (row["decision"], row["served_by"]) == (DENIED.id, SERVED.id)
    assert row["replace"] == {"anything": False, "secrets": []}


@pytest.mark.parametrize("arguments", [(), ("demo", "--flips"), ("demo>=1",)])
def test_installed__what_means_nothing_is_refused(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("installed", *arguments)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
