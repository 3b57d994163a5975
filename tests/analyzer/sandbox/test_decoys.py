"""What is planted looks real, and each canary's values are in its own file."""

from __future__ import annotations

import configparser
import json
import random
import re
import sqlite3

import pytest

from analyzer.sandbox import decoys
from analyzer.sandbox.canaries import FORM_BYTES_MIN, beginning_of, squeeze
from analyzer.sandbox.protocol import Canary

PLANTED = decoys.plant(random.Random(7))  # noqa: S311 - a test's own


def _shown(canary: Canary) -> tuple[str, ...]:
    """The values of a canary; a registry's password and a browser's key lie in base64."""
    values = PLANTED.values[canary.id]
    hidden = canary.kind == "docker-auth" or canary.path.endswith("Local State")
    return values[:1] if hidden and canary.kind == "docker-auth" else () if hidden else values


def test_plant__each_value_is_where_its_canary_says() -> None:
    for canary in PLANTED.canaries:
        assert canary.kind in decoys.KINDS
        if canary.kind == "argument":
            content = "\n".join(PLANTED.arguments).encode()
        elif canary.path:
            content = PLANTED.files[canary.path.removeprefix("/home/dev/")]
        elif canary.variable:
            content = PLANTED.variables[canary.variable].encode()
        elif canary.kind == decoys.ROLE:
            content = json.dumps(PLANTED.cloud).encode()
        else:
            content = "\n".join(PLANTED.arguments).encode()
        assert all(value.encode() in content for value in _shown(canary))


def test_plant__every_kind_is_there_and_ids_are_unique() -> None:
    assert {canary.kind for canary in PLANTED.canaries} == set(decoys.KINDS)
    ids = [canary.id for canary in PLANTED.canaries]
    assert len(set(ids)) == len(ids) == len(PLANTED.values)


def test_plant__arguments_are_labels_in_the_order_of_their_canaries() -> None:
    ids = [canary.id for canary in PLANTED.canaries if canary.kind == "argument"]

    assert [PLANTED.values[identity] for identity in ids] == [(text,) for text in PLANTED.arguments]
    assert len(ids) == decoys.ARGUMENTS
    assert all(re.fullmatch(r"[a-z0-9]{32}", text) for text in PLANTED.arguments)


def test_plant__stealers_patterns_match() -> None:
    aws = PLANTED.files[".aws/credentials"].decode()
    assert re.search(r"AKIA[A-Z2-7]{16}\b", aws)
    assert re.search(r"aws_secret_access_key = [A-Za-z0-9/+]{40}\b", aws)
    assert re.fullmatch(r"ghp_[A-Za-z0-9]{36}", PLANTED.variables["GITHUB_TOKEN"])
    key = PLANTED.files[".ssh/id_ed25519"].decode()
    assert key.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE")


def test_plant__files_can_be_read_by_their_programs() -> None:
    parsed = configparser.ConfigParser()
    parsed.read_string(PLANTED.files[".pypirc"].decode())
    assert parsed["pypi"]["username"] == "__token__"
    for path in (".docker/config.json", ".config/gcloud/application_default_credentials.json"):
        assert json.loads(PLANTED.files[path])
    database = sqlite3.connect(":memory:")
    database.deserialize(PLANTED.files[".config/google-chrome/Default/Login Data"])
    (blob,) = database.execute("SELECT password_value FROM logins").fetchone()
    database.close()
    assert blob.startswith(b"v10")


def test_plant__two_runs_share_nothing() -> None:
    other = decoys.plant(random.Random(8))  # noqa: S311 - a test's own
    mine = {value for values in PLANTED.values.values() for value in values}
    assert mine.isdisjoint(value for values in other.values.values() for value in values)


def test_plant__each_value_is_long_enough_to_be_known_again_and_planted_once() -> None:
    values = [value for some in PLANTED.values.values() for value in some]
    assert min(len(squeeze(beginning_of(value).encode())) for value in values) >= FORM_BYTES_MIN
    assert len(set(values)) == len(values)


def test_plant__arguments_are_in_the_order_of_their_ids() -> None:
    own = [canary for canary in PLANTED.canaries if canary.kind == decoys.ARGUMENT]
    assert tuple(PLANTED.values[canary.id][0] for canary in own) == PLANTED.arguments
    assert len(own) == decoys.ARGUMENTS
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", value) for value in PLANTED.arguments)
    assert all((c.path, c.variable, c.parameter) == ("", "", "") for c in own)


PATTERNS = {
    ".bash_history": r"ghp_[A-Za-z0-9]{36}",
    ".claude/.credentials.json": r"sk-ant-oat01-[\w-]{86}",
    ".config/gh/hosts.yml": r"gho_[A-Za-z0-9]{36}",
    ".config/glab-cli/config.yml": r"glpat-[\w-]{20}",
    ".cache/huggingface/token": r"hf_[A-Za-z0-9]{34}",
    ".terraform.d/credentials.tfrc.json": r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9]{60,}",
    ".azure/msal_token_cache.json": r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+",
    ".config/discord/Local Storage/leveldb/000005.ldb": r"[\w-]{24}\.[\w-]{6}\.[\w-]{25,110}",
    ".codex/auth.json": r"sk-proj-[\w-]{100,}",
}


@pytest.mark.parametrize("path", sorted(PATTERNS))
def test_plant__the_patterns_of_collectors_match(path: str) -> None:
    assert re.search(PATTERNS[path], PLANTED.files[path].decode("latin-1"))


@pytest.mark.parametrize(
    ("name", "column", "table"),
    [
        (".config/google-chrome/Default/Cookies", "encrypted_value", "cookies"),
        ("key4.db", "item1", "metaData"),
    ],
)
def test_plant__databases_can_be_read(name: str, column: str, table: str) -> None:
    content = next(data for path, data in PLANTED.files.items() if path.endswith(name))
    database = sqlite3.connect(":memory:")
    database.deserialize(content)
    rows = database.execute(f"SELECT {column} FROM {table}").fetchall()  # noqa: S608 - our own
    database.close()
    assert rows


def test_plant__there_is_something_for_a_destroyer() -> None:
    secret = {canary.path.removeprefix("/home/dev/") for canary in PLANTED.canaries}
    ordinary = [path for path in PLANTED.files if path not in secret and path[0] != "."]
    assert len(ordinary) >= 30
    assert {path.split("/")[0] for path in ordinary} > {"Documents", "Pictures", "Downloads"}
