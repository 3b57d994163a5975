"""The commands that need no firewall, run as a person runs them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.clock import utc_now
from policies.document import DEFAULT_POLICY_TOML
from proxy.demo.packages import STEALS_DECOY, build_wheel
from proxy.demo.upstream import LocalUpstream
from proxy.store.bounds import DATABASE
from proxy.store.port import TokenKind
from proxy.store.sqlite import SqliteStore
from proxy.tokens import hash_secret
from tests.firewall import scratch_folder
from tests.proofs.background import running_upstream

ROOT = Path(__file__).parent.parent.parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def data_dir() -> Path:
    return scratch_folder() / "data"


@pytest.fixture
def run(data_dir: Path) -> Run:
    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
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
                "COLUMNS": "160",
                "PRATIQUE_DATA_DIR": str(data_dir),
                "PRATIQUE_UPSTREAM": "http://127.0.0.1:9/simple/",
            }
            | environment,
        )

    return call


def test_help__names_every_command(run: Run) -> None:
    shown = run("--help").stdout
    for command in ("serve", "worker", "scan", "decisions", "override", "token", "doctor", "demo"):
        assert f"\n  {command} " in shown


def test_errors__are_a_sentence_and_a_next_step_never_a_traceback(run: Run) -> None:
    done = run("serve", "--listen", "nowhere", "--hold-s", "x")
    assert done.returncode == 78
    assert "has 2 problem(s)" in done.stderr.replace("have", "has")
    assert "--listen" in done.stderr
    assert "--hold-s" in done.stderr
    assert "Traceback" not in done.stderr


def test_config_check__prints_what_is_in_force_without_secrets(run: Run) -> None:
    done = run(
        "config", "check", PRATIQUE_UPSTREAM="https://bob:hunter2@index.example.test/simple/"
    )
    assert done.returncode == 0
    assert "upstream = https://index.example.test/simple/" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_policy_check__takes_the_default_and_names_three_mistakes_at_once(
    run: Run, tmp_path: Path
) -> None:
    sound = tmp_path / "sound.toml"
    sound.write_text(run("policy", "show").stdout)
    assert sound.read_text() == DEFAULT_POLICY_TOML
    assert run("policy", "check", str(sound)).returncode == 0
    broken = tmp_path / "broken.toml"
    broken.write_text(
        DEFAULT_POLICY_TOML.replace('unseen = "hold"', 'unsen = "hold"')
        .replace('monitor = "serve"', 'monitor = "maybe"')
        .replace("days_max = 365", "days_max = -1")
    )
    done = run("policy", "check", str(broken))
    assert done.returncode == 1
    for expected in ("unsen", "unseen", "maybe", "days_max"):
        assert expected in done.stderr
    assert run("policy", "check", str(tmp_path / "absent.toml")).returncode == 1


def test_token__is_shown_once_stored_as_hash_and_revocable(run: Run, data_dir: Path) -> None:
    added = run("token", "add", "client", "alice", "--actor", "ada", "--expires", "30d")
    secret = added.stdout.strip()
    assert secret.startswith("pratique_client_")

    async def stored() -> tuple[str, ...]:
        store = SqliteStore.open(data_dir / DATABASE, clock=utc_now)
        try:
            return tuple(token.hash for token in await store.tokens(kind=TokenKind.CLIENT))
        finally:
            await store.close()

    assert asyncio.run(stored()) == (hash_secret(secret),)
    assert secret.encode() not in (data_dir / DATABASE).read_bytes()
    listed = run("token", "list").stdout
    assert "alice" in listed
    assert "active" in listed
    assert secret not in listed
    assert run("token", "revoke", "alice", "--actor", "ada").returncode == 0
    assert "revoked" in run("token", "list").stdout
    assert run("token", "revoke", "nobody", "--actor", "ada").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--project", "demo", "--expires", "1d", "--justification", " "), "justification"),
        (("--expires", "1d", "--justification", "x"), "scope"),
        (("--project", "demo", "--specifier", "nonsense", "--expires", "1d", "--justification", "x"),
         "specifier"),
        (("--project", "demo", "--expires", "9000d", "--justification", "x"), "days away"),
        (("--project", "-", "--expires", "1d", "--justification", "x"), "project name"),
        (("--sha256", "abc", "--expires", "1d", "--justification", "x"), "sha256"),
        (("--project", "demo", "--expires", "yesterday", "--justification", "x"), "span"),
        (("--project", "demo", "--expires", "2020-01-01", "--justification", "x"), "passed"),
        (("--project", "demo", "--justification", "x"), "--expires"),
        (("--project", "demo", "--expires", "1d"), "--justification"),
    ],
)  # fmt: skip
def test_override_add__refuses_what_is_incomplete(
    run: Run, arguments: tuple[str, ...], expected: str
) -> None:
    done = run("override", "add", "allow", "--actor", "ada", *arguments)
    assert done.returncode != 0
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert "no override in force" in run("override", "list").stdout


def test_override_allow__binds_the_files_that_exist_now(run: Run) -> None:
    wheels = [build_wheel("reenact-bound", version, {"reenact_bound.py": ""}) for version in "12"]
    with running_upstream(LocalUpstream(wheels)) as upstream:
        done = run(
            "override", "add", "allow", "--project", "Reenact.Bound", "--specifier", ">=2",
            "--actor", "ada", "--justification", "reviewed", "--expires", "1d",
            PRATIQUE_UPSTREAM=upstream.url,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "It binds 1 file(s)" in done.stdout
    identifier = done.stdout.split()[1].rstrip(":")
    listed = run("override", "list").stdout
    assert "allow reenact-bound>=2" in listed
    assert run("override", "revoke", identifier, "--actor", "bob").returncode == 0
    assert "no override in force" in run("override", "list").stdout
    assert "(revoked)" in run("override", "list", "--all").stdout


def test_decisions__of_an_empty_store_say_so(run: Run) -> None:
    assert "Nothing has been decided yet" in run("decisions").stdout
    assert run("decisions", "--json").stdout == ""


def test_worker__refuses_an_empty_token_file(run: Run, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("\n")
    done = run("worker", "--server", "http://127.0.0.1:9", "--token-file", str(token))
    assert done.returncode == 1
    assert "is empty" in done.stderr


@pytest.mark.privileged
def test_doctor__finds_all_in_place_on_a_machine_that_is_set_up(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every layer" in done.stdout


@pytest.mark.privileged
def test_scan__reports_and_its_exit_code_tells(run: Run, tmp_path: Path) -> None:
    clean = build_wheel("reenact-clean", "1.0", {"reenact_clean.py": "VALUE = 1\n"})
    file = tmp_path / clean.filename
    file.write_bytes(clean.data)
    report = run("scan", str(file))
    assert report.returncode == 0, report.stderr
    assert "SERVE" in report.stdout
    assert "1 of 1 modules imported" in report.stdout
    as_json = json.loads(run("scan", "--json", str(file)).stdout)
    assert as_json["evidence"]["sha256"] == clean.sha256
    assert as_json["decision"]["action"] == "SERVE"


@pytest.mark.privileged
def test_scan__of_a_thief_exits_with_4(run: Run, tmp_path: Path) -> None:
    thief = build_wheel("reenact-thief", "1.0", {"reenact_thief.py": STEALS_DECOY})
    file = tmp_path / thief.filename
    file.write_bytes(thief.data)
    done = run("scan", "--harness", str(file))
    assert done.returncode == 4, done.stdout + done.stderr
    assert "sent a planted AWS key to 203.0.113.7 on import" in done.stdout
    quiet = run("scan", str(file))
    assert quiet.returncode == 3, "without the marker it does nothing, and is held for what it says"
    assert "sent a planted" not in quiet.stdout


@pytest.mark.privileged
def test_scan__of_a_requirement_takes_what_an_installer_would(run: Run) -> None:
    wheels = [build_wheel("reenact-pick", version, {"reenact_pick.py": ""}) for version in "12"]
    with running_upstream(LocalUpstream(wheels)) as upstream:
        done = run("scan", "--json", "reenact-pick<2", PRATIQUE_UPSTREAM=upstream.url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["evidence"]["sha256"] == wheels[0].sha256


@pytest.mark.privileged
def test_scan__since_the_previous_release_says_what_changed(run: Run) -> None:
    wheels = [
        build_wheel("reenact-turned", "1.0", {"reenact_turned.py": ""}),
        build_wheel("reenact-turned", "2.0", {"reenact_turned.py": STEALS_DECOY}),
    ]
    with running_upstream(LocalUpstream(wheels)) as upstream:
        scan = ("scan", "--harness", "reenact-turned")
        done = run(*scan, "--since", "previous", PRATIQUE_UPSTREAM=upstream.url)
        named = run(
            *scan, "--json", "--since", "reenact-turned==1.0", PRATIQUE_UPSTREAM=upstream.url
        )
        none = run(
            "scan", "reenact-turned<2", "--since", "previous", PRATIQUE_UPSTREAM=upstream.url
        )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "What changed since reenact-turned 1.0" in done.stdout
    assert re.search(r"new +hosts +203\.0\.113\.7 +on import", done.stdout)
    assert re.search(r"new +planted secrets +a planted AWS key, read +on import", done.stdout)
    evidence = json.loads(named.stdout)["evidence"]
    assert evidence["changes"]["since"] == wheels[0].filename
    assert "behaviour-changed" in {finding["id"] for finding in evidence["findings"]}
    assert none.returncode == 1
    assert "no release before" in none.stderr


@pytest.mark.privileged
def test_scan__since_a_file_of_another_project_is_refused(run: Run, tmp_path: Path) -> None:
    paths = []
    for project in ("reenact-one", "reenact-other"):
        made = build_wheel(project, "1.0", {f"{project.replace('-', '_')}.py": ""})
        paths.append(tmp_path / made.filename)
        paths[-1].write_bytes(made.data)
    done = run("scan", str(paths[0]), "--since", str(paths[1]))
    assert done.returncode == 1
    assert "is no release of reenact-one" in done.stderr


def test_completion__of_commands_and_options(run: Run) -> None:
    def offered(words: str) -> set[str]:
        asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        done = run(**asked, _PRATIQUE_COMPLETE="bash_complete")
        return {line.partition(",")[2] for line in done.stdout.splitlines()}

    assert "override" in offered("pratique ov")
    assert "--public-url" in offered("pratique serve --pub")


def test_scan__of_what_is_not_there_is_one_sentence(run: Run) -> None:
    done = run("scan", "/nonexistent/x-1.0-py3-none-any.whl")
    assert done.returncode == 1
    assert "There is no file" in done.stderr


def test_scan__layers_reads_many_files_and_runs_none(run: Run, tmp_path: Path) -> None:
    clean = build_wheel("reenact-clean", "1.0", {"reenact_clean.py": "VALUE = 1\n"})
    names = []
    for number in range(5):
        file = tmp_path / f"reenact_clean-1.{number}-py3-none-any.whl"
        file.write_bytes(clean.data)
        names.append(str(file))
    listed = tmp_path / "list"
    listed.write_text("\n".join([*names, str(tmp_path / "none-1.0.tar.gz")]))
    done = run("scan", "--layers", "metadata", "--json", "--files-from", str(listed))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["file"] for line in lines if line["evidence"]} == set(names), done.stderr
    assert [line["error"] for line in lines if not line["evidence"]] == [
        "No such file or directory"
    ]
    # 1.0 is what its metadata say; the others state another version than their names.
    assert done.returncode in (1, 3)
    assert {line["decision"]["action"] for line in lines if line["decision"]} <= {"SERVE", "HOLD"}
    states = {state["layer"]: state["state"] for state in lines[0]["layers"] or ()}
    assert states["behaviour"] == "off"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--layers", "metadata"), "No file was named"),
        (("--layers", "behaviour", "x.whl"), "--layers takes metadata"),
        (("--layers", "provenance", "x.whl"), "--layers takes metadata"),
        (("a-1.0.tar.gz", "b-1.0.tar.gz"), "--layers metadata FILE"),
        (("--unconfined", "a-1.0.tar.gz"), "--layers metadata FILE"),
        (("--layers", "metadata", "--since", "previous", "a"), "--since"),
    ],
)
def test_scan__layers_options_that_make_no_sense_are_one_sentence(
    run: Run, arguments: tuple[str, ...], words: str
) -> None:
    done = run("scan", *arguments)
    assert done.returncode == 1
    assert words in done.stderr
