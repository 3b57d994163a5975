"""What is planted looks real, and each canary's values are in its own file."""

from __future__ import annotations

import configparser
import json
import random
import re
import sqlite3

from analyzer.sandbox import decoys

PLANTED = decoys.plant(random.Random(7))  # noqa: S311 - a test's own


def test_plant__each_value_is_where_its_canary_says() -> None:
    for canary in PLANTED.canaries:
        assert canary.kind in decoys.KINDS
        if canary.kind == "argument":
            content = "\n".join(PLANTED.arguments).encode()
        elif canary.path:
            content = PLANTED.files[canary.path.removeprefix("/home/dev/")]
        else:
            content = PLANTED.variables[canary.variable].encode()
        assert PLANTED.values[canary.id][0].encode() in content


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
