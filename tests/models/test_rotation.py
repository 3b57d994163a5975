"""Which secrets to replace: a closed vocabulary that knows every kind there is."""

from __future__ import annotations

import pytest

from analyzer.sandbox.decoys import KINDS
from analyzer.static.places import SECRET_KINDS
from models.evidence import Finding, Layer, Severity
from models.rotation import (
    ANYTHING,
    KIND_OF,
    READ_BY,
    ROTATE,
    SENT_BY,
    Contact,
    Rotation,
    Secret,
    rotation_of,
)
from models.vocabulary import FINDINGS


def finding(identity: str, what: str = "", severity: Severity = Severity.HIGH) -> Finding:
    return Finding(id=identity, title="x", severity=severity, layer=Layer.BEHAVIOUR, what=what)


@pytest.mark.parametrize("kind", sorted({*KINDS, *SECRET_KINDS, *KIND_OF.values()}))
def test_rotate__every_kind_that_is_found_has_words(kind: str) -> None:
    assert kind in ROTATE


@pytest.mark.parametrize("identity", sorted({*SENT_BY, *READ_BY, *ANYTHING, *KIND_OF}))
def test_tables__name_findings_that_there_are(identity: str) -> None:
    assert identity in FINDINGS


def test_rotation_of__sent_outranks_read_and_stands_first() -> None:
    found = rotation_of(
        [
            finding("decoy-read", "aws-key"),
            finding("decoy-read", "ssh-key"),
            finding("canary-left", "ssh-key"),
            finding("decoy-read", "ssh-key"),
        ]
    )
    assert found.secrets == (
        Secret(kind="ssh-key", contact=Contact.SENT),
        Secret(kind="aws-key", contact=Contact.READ),
    )
    assert found.sentence() == "Replace SSH keys (sent), AWS keys (read)."


def test_rotation_of__a_word_of_the_package_never_comes_through() -> None:
    found = rotation_of([finding("canary-left", "<script>evil"), finding("evil", "ssh-key")])
    assert found == Rotation(anything=True)
    assert "evil" not in found.sentence()


@pytest.mark.parametrize(
    ("identity", "kind"), [("environment-dump", "env-token"), ("metadata-service", "cloud-role")]
)
def test_rotation_of__some_findings_say_the_kind_themselves(identity: str, kind: str) -> None:
    assert [one.kind for one in rotation_of([finding(identity)]).secrets] == [kind]


def test_rotation_of__a_client_that_reads_its_own_settings_took_nothing() -> None:
    found = rotation_of([finding("decoy-read", "netrc-password", Severity.LOW)])
    assert not found
    assert found.sentence() == ""


def test_rotation_of__after_a_shell_no_list_is_whole() -> None:
    found = rotation_of([finding("reverse-shell"), finding("decoy-read", "aws-key")])
    assert found.anything
    assert "every secret" in found.sentence()
    assert "AWS keys (read)" in found.sentence()
