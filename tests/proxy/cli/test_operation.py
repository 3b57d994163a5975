"""`pratique rescore`, `replay`, `drift` and `verdict`, on a store of files."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from models.artifact import ArtifactRef, Sha256
from models.clock import utc_now
from models.decision import (
    Action,
    Contribution,
    Decision,
    LayerScore,
    LayerStatus,
    OverrideAction,
)
from models.errors import StoreError
from models.evidence import Layer, Place, Severity
from models.trust.features.catalog import FEATURES
from models.trust.numbers import RULES
from models.trust.reference import reference_of, write_reference
from models.trust.rules import RulesScorer
from proxy.admin.verdicts import EXPORTED
from proxy.cli.main import main
from proxy.scanning import Scanned
from proxy.scorers import scorer_named
from proxy.store.bounds import DATABASE
from proxy.store.port import AuditRow
from proxy.store.sqlite import SqliteStore
from proxy.verdicts.keys import key_id, read_public
from tests.firewall import scratch_folder
from tests.models.examples import evidence, facts, finding, override, proof, ref
from tests.policies.examples import judged
from tests.proxy.archive import decide
from tests.proxy.store.values import make_decision, make_fetch

Run = Callable[..., Result]
KIM = ("--actor", "kim")
DATA = b"the bytes of a wheel"
SERVED = ref("demo-2.0-py3-none-any.whl", Sha256(hashlib.sha256(DATA).hexdigest()))
HELD = ref("held-1.0-py3-none-any.whl", Sha256("b" * 64))
DENIED = ref("denied-1.0-py3-none-any.whl", Sha256("d" * 64))
OTHER_MODEL = RulesScorer(replace(RULES, yanked=-21))


@pytest.fixture
def data_dir() -> Path:
    folder = scratch_folder() / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def run(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """In this process, which owns the folder: as another one it would become its owner for good."""
    assert data_dir.stat().st_uid == os.geteuid()
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text('mode = "enforce"\nscorer = "rules"\n')  # as those who filled the store
    environment = {
        **{name: None for name in os.environ if name.startswith("PRATIQUE_")},
        "PRATIQUE_POLICY": str(policy),
        "COLUMNS": "200",
        "PRATIQUE_DATA_DIR": str(data_dir),
        "PRATIQUE_PUBLIC_URL": "https://pratique.example.test",
    }

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment, prog_name="pratique")

    return call


def filled(data_dir: Path) -> dict[str, Decision]:
    """A store with a file that is served, one that is held, one that is denied; by project."""

    async def fill() -> dict[str, Decision]:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        now = utc_now() - timedelta(hours=1)

        async def one(
            of: ArtifactRef, severity: Severity | None = None, **more: object
        ) -> Decision:
            found = (finding(severity=severity),) if severity else ()
            seen = evidence(of, findings=found, observed_at=now)
            return await decide(store, of, seen=seen, as_of=now, **more)  # type: ignore[arg-type]

        deny = override(
            OverrideAction.DENY,
            id="deny1",
            project=DENIED.project,
            created_at=now,
            expires_at=now + timedelta(days=9),
        )
        try:
            made = [
                await one(SERVED, Severity.LOW),
                await one(HELD, Severity.HIGH),
                await one(DENIED, overrides=(deny,)),
            ]
            await store.record_fetches([make_fetch(SERVED)] * 3)
        finally:
            await store.close()
        return {str(decision.ref.project): decision for decision in made}

    made = asyncio.run(fill())
    assert [made[name].action for name in ("demo", "held", "denied")] == [
        Action.SERVE,
        Action.HOLD,
        Action.DENY,
    ]
    return made


def dump(data_dir: Path) -> list[str]:
    """All that the database holds."""
    raw = sqlite3.connect(data_dir / DATABASE)
    lines = list(raw.iterdump())
    raw.close()
    return lines


def unaudited(data_dir: Path) -> list[str]:
    """All but the audit log, and the number of its rows."""
    return [
        line for line in dump(data_dir) if not re.match(r'INSERT INTO "\w*(audit|sequence)"', line)
    ]


def audited(data_dir: Path) -> list[AuditRow]:
    """The exports that the audit log names, oldest first; its chain holds."""

    async def rows() -> list[AuditRow]:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        try:
            await store.verify_audit()
            return [row for row in await store.audit() if row.action == EXPORTED][::-1]
        finally:
            await store.close()

    return asyncio.run(rows())


def test_rescore__shows_flips_without_touching_the_store(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    filled(data_dir)
    before = dump(data_dir)
    same = run("rescore")
    assert same.exit_code == 0, same.stderr
    assert "No action would change" in same.stdout
    assert run("rescore", "--scorer", "rules").exit_code == 0
    strict = tmp_path / "strict.toml"
    strict.write_text(
        'mode = "enforce"\n[[rule]]\nname = "low"\noutcome = "deny"\nseverity = "low"'
    )
    done = run("rescore", "--policy", str(strict))
    assert done.exit_code == 3, done.stderr
    assert "2 would be stricter" in done.stdout
    first, second = (line for line in done.stdout.splitlines() if ".whl" in line)
    assert re.search(r"demo-2\.0\S+ +SERVE +DENY +\d+ → \d+ +3 +It falls under .* rule low", first)
    assert re.search(r"held-1\.0\S+ +HOLD +DENY +\d+ → \d+ +0 ", second)
    told = json.loads(run("rescore", "--policy", str(strict), "--json", "--limit", "1").stdout)
    assert (told["decisions"], told["stricter"], told["more_lenient"]) == (3, 2, 0)
    (change,) = told["changes"]
    assert change["project"] == "demo"
    assert change["action"] == {"now": "SERVE", "then": "DENY"}
    assert change["fetches"] == 3
    assert dump(data_dir) == before


def test_rescore__of_an_unknown_scorer_or_no_store_is_one_sentence(
    run: Run, data_dir: Path
) -> None:
    assert "There is no store" in run("rescore").stderr
    filled(data_dir)
    done = run("rescore", "--scorer", "oracle")
    assert done.exit_code == 1
    assert "rules, trust-1" in done.stderr


def test_replay__exit_codes_tell_how_it_ended(run: Run, data_dir: Path) -> None:
    made = filled(data_dir)
    before = dump(data_dir)
    for decision in made.values():
        done = run("replay", decision.id.upper())
        assert done.exit_code == 0, done.stdout + done.stderr
        assert "bit for bit" in done.stdout
    assert dump(data_dir) == before

    async def spoil() -> list[Decision]:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        good = made["demo"]
        learned = await decide(store, SERVED, scorer=scorer_named("trust-1"))
        assert good.score is not None
        assert learned.score is not None
        layers = (replace(learned.score.layers[0], score=1), *learned.score.layers[1:])
        spoilt = [
            replace(learned, score=replace(learned.score, layers=layers)),
            replace(good, action=Action.DENY),
            replace(good, score=replace(good.score, model_digest=OTHER_MODEL.digest)),
        ]
        try:
            for one in spoilt:
                await store.put_decision(one)
        finally:
            await store.close()
        return spoilt

    rounded, differs, gone = asyncio.run(spoil())
    done = run("replay", rounded.id)
    assert done.exit_code == 3, done.stdout
    assert "score.layers[0].score" in done.stdout
    done = run("replay", differs.id)
    assert done.exit_code == 4
    assert re.search(r'action +"DENY" +"SERVE"', done.stdout)
    done = run("replay", gone.id)
    assert done.exit_code == 5
    assert OTHER_MODEL.digest in done.stdout
    assert "without it is the same" in done.stdout
    told = json.loads(run("replay", "--json", gone.id).stdout)
    assert (told["outcome"], told["gone"][0]["part"]) == ("not-whole", "model")
    assert run("replay", "nonsense").exit_code == 1


def test_drift__reports_and_writes_gauges(run: Run, data_dir: Path, tmp_path: Path) -> None:
    filled(data_dir)
    done = run("drift")
    assert done.exit_code == 0, done.stderr
    assert "Too few" in done.stdout
    scraped = run("drift", "--prometheus").stdout
    assert "pratique_drift_rows 3\n" in scraped
    assert 'pratique_layer_missing_ratio{layer="behaviour"} 0\n' in scraped
    reference = tmp_path / "r.json"
    write_reference(reference_of({FEATURES[0].name: [5.0] * 100}, model="trust"), reference)
    told = json.loads(run("drift", "--json", "--reference", str(reference)).stdout)
    assert (told["model"], told["rows_now"]) == ("trust", 3)
    assert told["features"][0]["name"] == FEATURES[0].name
    assert run("drift", "--json", "--prometheus").exit_code == 2
    reference.write_text("{}")
    assert run("drift", "--reference", str(reference)).exit_code == 1


def test_verdict__is_made_handed_out_and_checked(run: Run, data_dir: Path, tmp_path: Path) -> None:
    made = filled(data_dir)
    before = unaudited(data_dir)
    folder = scratch_folder()
    key, public = folder / "k.pem", folder / "k.pem.pub"
    assert run("verdict", "key", str(key)).exit_code == 0
    again = run("verdict", "key", str(key))
    assert again.exit_code == 1
    assert "never overwritten" in again.stderr
    artifact, other = tmp_path / SERVED.filename, tmp_path / "other.whl"
    artifact.write_bytes(DATA)
    other.write_bytes(DATA + b"!")

    file = folder / "demo.json"
    exported = run("verdict", "export", SERVED.sha256, "--key", str(key), "-o", str(file), *KIM)
    assert exported.exit_code == 0, exported.stderr
    by_id = run("verdict", "export", made["demo"].id, "--key", str(key), *KIM)
    assert by_id.stdout == file.read_text()
    checked = run("verdict", "verify", str(file), "--key", str(public), str(artifact))
    assert checked.exit_code == 0, checked.stderr
    assert checked.stdout.startswith(f"GENUINE PASSED: {SERVED.filename}\n")
    assert "the file has these bytes" in checked.stdout
    assert "decided by https://pratique.example.test on" in checked.stdout
    assert (
        "no file was compared" in run("verdict", "verify", str(file), "--key", str(public)).stdout
    )

    for project in ("held", "denied"):
        refused = folder / f"{project}.json"
        run("verdict", "export", made[project].id, "--key", str(key), "-o", str(refused), *KIM)
        done = run("verdict", "verify", str(refused), "--key", str(public))
        assert done.exit_code == 3
        assert "GENUINE FAILED" in done.stdout

    wrong = run("verdict", "verify", str(file), "--key", str(public), str(other))
    assert wrong.exit_code == 4
    assert "about other bytes" in wrong.stderr
    assert (
        run(
            "verdict", "verify", str(file), "--key", str(public), "--verifier", "https://else.test"
        ).exit_code
        == 4
    )
    run("verdict", "key", str(folder / "k2.pem"))
    stranger = run("verdict", "verify", str(file), "--key", str(folder / "k2.pem.pub"))
    assert stranger.exit_code == 4
    assert "was not signed by this key" in stranger.stderr
    private = run("verdict", "verify", str(file), "--key", str(key))
    assert private.exit_code == 1
    assert "private key" in private.stderr
    bare = run("verdict", "export", made["demo"].id, *KIM)
    assert "not signed" in bare.stderr
    (folder / "bare.json").write_text(bare.stdout)
    unsigned = run("verdict", "verify", str(folder / "bare.json"), "--key", str(public))
    assert unsigned.exit_code == 4
    assert "no signed envelope" in unsigned.stderr
    assert unaudited(data_dir) == before


def test_verdict_export__only_of_what_is_in_force(run: Run, data_dir: Path) -> None:
    made = filled(data_dir)
    old = made["demo"]
    ended = replace(made["held"], expires_at=utc_now() - timedelta(minutes=1))
    again = replace(SERVED, index=made["held"].ref.index, filename="demo-2.0-cp311-none-any.whl")

    async def go_on() -> Decision:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        newer = replace(old, action=Action.DENY)
        try:
            await store.put_decision(newer)
            await store.put_decision(ended)
        finally:
            await store.close()
        return newer

    newer = asyncio.run(go_on())
    replaced = run("verdict", "export", old.id, *KIM)
    assert replaced.exit_code == 1
    assert f"{newer.id} is in force" in replaced.stderr
    over = run("verdict", "export", ended.id, *KIM)
    assert over.exit_code == 1
    assert "ended on" in over.stderr
    assert run("verdict", "export", "0" * 64, *KIM).exit_code == 1
    assert run("verdict", "export", "nonsense", *KIM).exit_code == 1

    async def another_name() -> None:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        try:
            await decide(store, again, unseen=True, told=facts(again))
        finally:
            await store.close()

    asyncio.run(another_name())
    several = run("verdict", "export", SERVED.sha256, *KIM)
    assert several.exit_code == 1
    assert newer.id in several.stderr
    assert "2 decisions" in several.stderr


# ---- explain -------------------------------------------------------------------------------------


def test_explain__tells_a_score_step_by_step(run: Run, data_dir: Path) -> None:
    decision = filled(data_dir)["held"]
    result = run("explain", decision.id)
    assert result.exit_code == 0, result.output
    assert decision.score is not None
    assert f"held-1.0-py3-none-any.whl  {decision.score.value} QUARANTINE" in result.output
    assert "behaviour (measured" in result.output
    assert "caps the whole score" in result.output


def test_explain__steps_add_up_in_json(run: Run, data_dir: Path) -> None:
    for decision in filled(data_dir).values():
        told = json.loads(run("explain", decision.id, "--json").output)["explanation"]
        sums = [part["milli"] for part in told["parts"]]
        assert told["base_milli"] + sum(sums) == told["total_milli"]
        assert all(
            sum(step["milli"] for step in part["steps"]) == part["milli"] for part in told["parts"]
        )


@pytest.mark.parametrize(
    "target",
    ["held==1.0", "Held", "held-1.0-py3-none-any.whl", HELD.sha256, HELD.sha256.upper()],
)
def test_explain__takes_a_release_a_file_or_its_digest(
    run: Run, data_dir: Path, target: str
) -> None:
    filled(data_dir)
    result = run("explain", target)
    assert result.exit_code == 0, result.output
    assert "held-1.0-py3-none-any.whl" in result.output


def test_explain__takes_what_a_scan_wrote_and_needs_no_store(run: Run, tmp_path: Path) -> None:
    seen = evidence(HELD, findings=(finding(place=Place(address="203.0.113.7")),))
    score = RulesScorer().score(seen, facts(HELD))
    decision = make_decision(HELD, score=score.value)
    scanned = Scanned(decision=replace(decision, score=score), evidence=seen, facts=facts(HELD))
    file = tmp_path / "scan.json"
    file.write_bytes(msgspec.json.encode(scanned))
    result = run("explain", str(file))
    assert result.exit_code == 0, result.output
    assert "It read a planted AWS key on import." in result.output


def test_explain__what_a_file_says_reaches_the_terminal_printable(run: Run, tmp_path: Path) -> None:
    evil = Contribution(code="cap", points=0, detail="\x1b]0;gone\x07[red]")
    layer = LayerScore(
        layer=Layer.METADATA,
        status=LayerStatus.MEASURED,
        score=1,
        weight_percent=100,
        contributions=(evil, replace(evil, code="x", points=1)),
    )
    score = replace(RulesScorer().score(evidence(), facts()), layers=(layer,))
    decision = replace(make_decision(HELD), score=score)
    wild = replace(decision, ref=replace(HELD, filename="a\x1b[31m.whl"))
    file = tmp_path / "scan.json"
    file.write_bytes(msgspec.json.encode({"decision": wild}))
    result = run("explain", str(file))
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    assert "[red]" in result.output


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"decision": 1}', "[" * 10_000])
def test_explain__what_is_no_scan_is_refused(run: Run, tmp_path: Path, text: str) -> None:
    file = tmp_path / "scan.json"
    file.write_text(text)
    result = run("explain", str(file))
    assert result.exit_code == 1
    assert "does not hold one scan" in result.output
    assert run("explain", str(tmp_path / "none.json")).exit_code == 1


def test_explain__several_files_of_a_release_are_named(run: Run, data_dir: Path) -> None:
    filled(data_dir)
    sdist = ref("held-1.0.tar.gz", Sha256("e" * 64))

    async def another() -> Decision:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        try:
            return await decide(store, sdist, seen=evidence(sdist), as_of=utc_now())
        finally:
            await store.close()

    second = asyncio.run(another())
    result = run("explain", "held==1.0")
    assert result.exit_code == 1
    assert "2 decisions" in result.output
    assert second.id in result.output
    assert run("explain", "held-1.0.tar.gz").exit_code == 0


@pytest.mark.parametrize(
    "target", ["held==one", "../x", "demo==9.9", "absent-1.0.tar.gz", "f" * 64]
)
def test_explain__what_means_nothing_is_refused(run: Run, data_dir: Path, target: str) -> None:
    filled(data_dir)
    result = run("explain", target)
    assert result.exit_code == 1
    assert "Next:" in result.output


def test_explain__says_when_there_is_no_such_decision(run: Run, data_dir: Path) -> None:
    filled(data_dir)
    result = run("explain", "nonsense")
    assert result.exit_code == 1
    assert "There is no decision 'nonsense'" in result.output


LAYER = {"layer": "metadata", "status": "measured", "score": 50, "weight_percent": 20}


def scanned(folder: Path, **score: object) -> Path:
    """What `scan --json` would have written of a decision with such a score."""
    decision = judged(of=SERVED, seen=evidence(SERVED), facts=facts(SERVED))
    told = msgspec.to_builtins({"decision": decision})
    told["decision"]["score"].update(score)
    path = folder / "scan.json"
    path.write_text(json.dumps(told, default=str))
    return path


@pytest.mark.parametrize(
    "score",
    [
        {"value": 500},
        {"value": -1},
        {"risk_milli": 1, "base_milli": 0, "edges_milli": [3, 2, 1]},
        {"layers": [LAYER | {"contributions": [{"code": "base", "points": 10**400}]}]},
        {"layers": [LAYER | {"contributions": [{"code": "base", "points": 10**12}]}]},
    ],
)
def test_explain__a_file_with_a_score_that_cannot_be_is_one_sentence(
    run: Run, tmp_path: Path, score: dict[str, object]
) -> None:
    result = run("explain", str(scanned(tmp_path, **score)))
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "a score that cannot be" in result.stderr


def test_explain__of_a_scans_file_asks_no_store(run: Run, tmp_path: Path) -> None:
    result = run("explain", str(scanned(tmp_path)))
    assert result.exit_code == 0, result.stderr
    assert SERVED.filename in result.stdout


# ---- a verdict, and what the door says -----------------------------------------------------------


def test_verdict_export__asks_the_door_and_not_the_stored_word_alone(
    run: Run, data_dir: Path
) -> None:
    """A sibling of the same release with a proof holds this file back, whatever was decided of it."""
    made = filled(data_dir)
    assert run("verdict", "export", made["demo"].id, *KIM).exit_code == 0
    sibling = replace(SERVED, filename="demo-2.0.tar.gz", sha256=Sha256("e" * 64))

    async def prove() -> None:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        try:
            await decide(store, sibling, seen=evidence(sibling, findings=(proof(),)))
        finally:
            await store.close()

    asyncio.run(prove())
    result = run("verdict", "export", made["demo"].id, *KIM)
    assert result.exit_code == 1
    assert "the door now says HOLD" in result.stderr


def test_verdict_export__an_allow_that_was_taken_back_hands_nothing_out(
    run: Run, data_dir: Path
) -> None:
    filled(data_dir)
    allow = override(
        OverrideAction.ALLOW,
        id="allow1",
        project=HELD.project,
        bound=(HELD.sha256,),
        created_at=utc_now() - timedelta(hours=1),
        expires_at=utc_now() + timedelta(days=9),
    )

    async def allowed(*, revoked: bool) -> Decision:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        seen = evidence(HELD, findings=(finding(severity=Severity.HIGH),))
        try:
            if not revoked:
                return await decide(store, HELD, seen=seen, overrides=(allow,), as_of=utc_now())
            await store.revoke_override(allow.id, actor="ops", at=utc_now())
            found = await store.decision_of(HELD)
            assert found is not None
            return found
        finally:
            await store.close()

    decision = asyncio.run(allowed(revoked=False))
    assert decision.action is Action.SERVE
    assert run("verdict", "export", decision.id, *KIM).exit_code == 0
    asyncio.run(allowed(revoked=True))
    result = run("verdict", "export", decision.id, *KIM)
    assert result.exit_code == 1
    assert "the door now says" in result.stderr


def test_verdict_export__leaves_no_empty_file_where_there_is_nothing_to_write(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    filled(data_dir)
    out = tmp_path / "out.json"
    assert run("verdict", "export", "aaaaaaaaaa", "-o", str(out), *KIM).exit_code == 1
    assert not out.exists()
    out.write_text("kept")
    assert run("verdict", "export", "aaaaaaaaaa", "-o", str(out), *KIM).exit_code == 1
    assert out.read_text() == "kept"


def test_verdict_export__says_in_the_audit_log_who_handed_out_what(
    run: Run, data_dir: Path
) -> None:
    decision = filled(data_dir)["demo"]
    key = scratch_folder() / "k.pem"
    assert run("verdict", "key", str(key)).exit_code == 0
    began = utc_now()
    export = ("verdict", "export", decision.id, "--verifier", "https://v.test")
    signed = run(*export, "--key", str(key), *KIM)
    bare = run(*export, "--actor", "lee")
    assert (signed.exit_code, bare.exit_code) == (0, 0)
    rows = audited(data_dir)
    assert [(row.actor, row.subject) for row in rows] == [
        ("kim", SERVED.key),
        ("lee", SERVED.key),
    ]
    assert all(began <= row.at <= utc_now() for row in rows)
    signer = key_id(read_public(key.with_name("k.pem.pub")))
    for row, done, by in zip(rows, (signed, bare), (signer, None), strict=True):
        assert json.loads(row.detail) == {
            "action": "SERVE",
            "digest": decision.digest,
            "id": decision.id,
            "key": by,
            "verdict_sha256": hashlib.sha256(done.stdout.encode()).hexdigest(),
            "verifier": "https://v.test",
        }


def test_verdict_export__what_is_refused_leaves_no_row_and_nobody_is_nameless(
    run: Run, data_dir: Path
) -> None:
    assert run("verdict", "export", "a" * 64, *KIM).exit_code == 1
    assert not (data_dir / DATABASE).exists()
    made = filled(data_dir)
    before = dump(data_dir)
    assert run("verdict", "export", made["demo"].id).exit_code == 2
    assert run("verdict", "export", "aaaaaaaaaa", *KIM).exit_code == 1
    assert dump(data_dir) == before


def test_verdict_export__without_its_row_nothing_is_handed_out(
    run: Run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = filled(data_dir)
    out = scratch_folder() / "out.json"

    async def full(_store: SqliteStore, **_row: str) -> None:
        raise StoreError("The disk is full.", next_step="Make room.")

    monkeypatch.setattr(SqliteStore, "append_audit", full)
    told = run("verdict", "export", made["demo"].id, *KIM)
    assert (told.exit_code, told.stdout) == (1, "")
    assert "The disk is full" in told.stderr
    assert run("verdict", "export", made["demo"].id, "-o", str(out), *KIM).exit_code == 1
    assert not out.exists()


def test_verdict_verify__minds_its_age(run: Run, data_dir: Path) -> None:
    made = filled(data_dir)
    key, out = data_dir.parent / "v.pem", data_dir.parent / "v.json"
    assert run("verdict", "key", str(key)).exit_code == 0
    assert (
        run("verdict", "export", made["demo"].id, "--key", str(key), "-o", str(out), *KIM).exit_code
        == 0
    )
    check = ("verdict", "verify", str(out), "--key", f"{key}.pub")
    assert run(*check).exit_code == 0
    assert run(*check, "--max-age", "1").exit_code == 0
    old = run(*check, "--max-age", "0.01")
    assert old.exit_code == 3
    assert "ended" in old.stderr
