"""Real attestations verify offline; each way to spoil one has a word of its own."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypi_attestations import AttestationType

from analyzer.provenance.publisher import Publisher, PublisherKind
from analyzer.provenance.trust import TrustRoot, bundled_root
from analyzer.provenance.verification import (
    FAILURE_WORDS,
    PROVENANCE_BYTES_MAX,
    Failure,
    Verification,
)
from analyzer.provenance.verify import ATTESTATIONS_MAX, BUNDLES_MAX, verify
from tests.analyzer.provenance import attested
from tests.analyzer.provenance.attested import (
    GITHUB_FILE,
    GITHUB_SHA,
    GITLAB_FILE,
    GITLAB_SHA,
    STAGING_FILE,
    STAGING_SHA,
    Spoil,
    attestation_of,
    encoded,
    entry_of,
    flip_bit,
    publisher_of,
    spoilt,
)

ROOT: TrustRoot = bundled_root()


def check(document: bytes, filename: str = GITHUB_FILE, sha256: Any = GITHUB_SHA) -> Verification:
    return verify(document, filename=filename, sha256=sha256, root=ROOT)


def test_verify__a_real_github_attestation_tells_its_publisher_without_a_network() -> None:
    with patch.object(socket, "socket", side_effect=AssertionError("nothing may be asked")):
        verification = check(encoded(attested.github()))
    assert verification == Verification(
        publishers=(
            Publisher(
                kind=PublisherKind.GITHUB,
                repository="trailofbits/pypi-attestations",
                repository_id="772247423",
                owner_id="2314423",
                workflow="release.yml",
                ref="refs/tags/v0.0.19",
            ),
        ),
        predicates=(AttestationType.PYPI_PUBLISH_V1.value,),
    )


def test_verify__a_real_gitlab_attestation_tells_its_publisher() -> None:
    verification = check(encoded(attested.gitlab()), GITLAB_FILE, GITLAB_SHA)
    assert verification.failure is None
    assert verification.publishers == (
        Publisher(
            kind=PublisherKind.GITLAB,
            repository="facutuesca/gitlab-oidc-project",
            repository_id="55235664",
            owner_id="12885801",
            workflow=".gitlab-ci.yml",
            ref="refs/heads/main",
        ),
    )


def test_verify__two_attestations_of_one_publisher_are_one_publisher() -> None:
    document = attested.github()
    document["attestation_bundles"][0]["attestations"].append(attested.slsa())
    verification = check(encoded(document))
    assert verification.failure is None
    assert len(verification.publishers) == 1
    assert len(verification.predicates) == 2


def _set(where: Any, **values: Any) -> Spoil:
    def spoil(document: dict[str, Any]) -> None:
        where(document).update(values)

    return spoil


def _statement(change: Any) -> Spoil:
    def spoil(document: dict[str, Any]) -> None:
        envelope = attestation_of(document)["envelope"]
        statement = json.loads(base64.b64decode(envelope["statement"]))
        change(statement)
        envelope["statement"] = base64.b64encode(json.dumps(statement).encode()).decode()

    return spoil


def _flipped(document: dict[str, Any]) -> None:
    envelope = attestation_of(document)["envelope"]
    envelope["signature"] = flip_bit(envelope["signature"])


def _another_certificate(document: dict[str, Any]) -> None:
    other = attestation_of(attested.gitlab())["verification_material"]["certificate"]
    attestation_of(document)["verification_material"]["certificate"] = other


def _staging_certificate(document: dict[str, Any]) -> None:
    other = attestation_of(attested.staging())["verification_material"]["certificate"]
    attestation_of(document)["verification_material"]["certificate"] = other


def _spoilt_certificate(document: dict[str, Any]) -> None:
    material = attestation_of(document)["verification_material"]
    material["certificate"] = flip_bit(material["certificate"])


def _newer_log(document: dict[str, Any]) -> None:
    entry = entry_of(document)
    entry["kindVersion"]["version"] = "0.0.2"
    del entry["inclusionPromise"], entry["integratedTime"]


SPOILT = [
    pytest.param(_set(lambda d: d, version=2), Failure.UNREADABLE, id="another version"),
    pytest.param(_set(lambda d: d, attestation_bundles=[]), Failure.UNREADABLE, id="no bundle"),
    pytest.param(
        _set(lambda d: d["attestation_bundles"][0], attestations=[]),
        Failure.UNREADABLE,
        id="no attestation",
    ),
    pytest.param(
        _set(publisher_of, kind="ActiveState"), Failure.PUBLISHER_UNKNOWN, id="another kind"
    ),
    pytest.param(
        _set(publisher_of, repository="someone/else"), Failure.IDENTITY_DIFFERS, id="repository"
    ),
    pytest.param(_set(publisher_of, workflow="other.yml"), Failure.IDENTITY_DIFFERS, id="workflow"),
    pytest.param(
        _set(publisher_of, kind="Google", email="robot@project.test"),
        Failure.IDENTITY_DIFFERS,
        id="Google",
    ),
    pytest.param(
        _set(publisher_of, kind="CircleCI", project_id="1", pipeline_definition_id="2"),
        Failure.IDENTITY_DIFFERS,
        id="CircleCI",
    ),
    pytest.param(
        _set(publisher_of, kind="GitLab", workflow_filepath="release.yml"),
        Failure.IDENTITY_DIFFERS,
        id="another forge",
    ),
    pytest.param(
        _statement(lambda s: s["subject"][0]["digest"].update(sha256="0" * 64)),
        Failure.SIGNATURE_INVALID,
        id="statement changed after signing",
    ),
    pytest.param(_flipped, Failure.SIGNATURE_INVALID, id="signature"),
    pytest.param(_another_certificate, Failure.CERTIFICATE_INVALID, id="certificate of another"),
    pytest.param(_staging_certificate, Failure.ISSUER_UNKNOWN, id="unknown authority"),
    pytest.param(_spoilt_certificate, Failure.CERTIFICATE_INVALID, id="certificate changed"),
    pytest.param(_set(entry_of, logId={"keyId": "AAAA"}), Failure.LOG_UNKNOWN, id="log unknown"),
    pytest.param(
        _set(entry_of, integratedTime="1893456000"),
        Failure.CERTIFICATE_INVALID,
        id="logged after its certificate ended",
    ),
    pytest.param(_newer_log, Failure.TIME_UNKNOWN, id="a newer log, without its time stamp"),
    pytest.param(_set(entry_of, logIndex="7"), Failure.SIGNATURE_INVALID, id="place in the log"),
]


@pytest.mark.parametrize(("spoil", "failure"), SPOILT)
def test_verify__each_way_to_spoil_it_has_its_word(spoil: Spoil, failure: Failure) -> None:
    assert check(spoilt(spoil)) == Verification(failure=failure)


@pytest.mark.parametrize(
    ("filename", "sha256", "failure"),
    [
        ("pypi_attestations-0.0.20.tar.gz", GITHUB_SHA, Failure.OTHER_FILE),
        ("pypi_attestations-0.0.19-py3-none-any.whl", GITHUB_SHA, Failure.OTHER_FILE),
        (GITHUB_FILE, "0" * 64, Failure.OTHER_DIGEST),
    ],
)
def test_verify__one_for_another_file_does_not_hold(
    filename: str, sha256: str, failure: Failure
) -> None:
    assert check(encoded(attested.github()), filename, sha256).failure is failure


def test_verify__the_same_name_in_another_spelling_is_the_same_file() -> None:
    assert check(encoded(attested.github()), "pypi-attestations-0.0.19.tar.gz").failure is None


def test_verify__staging_signatures_are_unknown_rather_than_wrong() -> None:
    verification = check(encoded(attested.staging()), STAGING_FILE, STAGING_SHA)
    assert verification.failure is Failure.LOG_UNKNOWN
    assert not Failure.LOG_UNKNOWN.proves_mismatch


def test_verify__one_that_speaks_against_the_file_outweighs_one_that_holds() -> None:
    document = attested.github()
    wrong = attestation_of(attested.gitlab())
    document["attestation_bundles"][0]["attestations"].append(wrong)
    assert check(encoded(document)).failure is Failure.IDENTITY_DIFFERS


def test_verify__one_that_cannot_be_told_does_not_spoil_one_that_holds() -> None:
    document = attested.github()
    unknown = attestation_of(attested.staging())
    document["attestation_bundles"][0]["attestations"].append(unknown)
    verification = check(encoded(document))
    assert verification.failure is None
    assert len(verification.publishers) == 1


def test_verify__more_than_the_bounds_is_not_read() -> None:
    bundle = attested.github()["attestation_bundles"][0]
    many = {"version": 1, "attestation_bundles": [bundle] * (BUNDLES_MAX + 1)}
    full = bundle | {"attestations": bundle["attestations"] * (ATTESTATIONS_MAX + 1)}
    assert check(encoded(many)).failure is Failure.UNREADABLE
    assert check(encoded(many | {"attestation_bundles": [full]})).failure is Failure.UNREADABLE
    assert check(b" " * PROVENANCE_BYTES_MAX + b"{}").failure is Failure.UNREADABLE


def test_failure__every_word_has_a_sentence() -> None:
    assert set(FAILURE_WORDS) == set(Failure)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
PATHS = [
    ("version",),
    ("attestation_bundles",),
    ("attestation_bundles", 0, "publisher"),
    ("attestation_bundles", 0, "publisher", "repository"),
    ("attestation_bundles", 0, "attestations", 0, "envelope", "statement"),
    ("attestation_bundles", 0, "attestations", 0, "envelope", "signature"),
    ("attestation_bundles", 0, "attestations", 0, "verification_material", "certificate"),
    (
        *("attestation_bundles", 0, "attestations", 0),
        "verification_material",
        "transparency_entries",
        0,
    ),
]
ENTRY = PATHS[-1]
PATHS += [(*ENTRY, key) for key in attested.entry_of(attested.github())]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATHS), JSON)
def test_verify__whatever_stands_in_one_place_it_answers_and_never_holds_wrongly(
    path: tuple[Any, ...], value: Any
) -> None:
    document = attested.github()
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    verification = check(encoded(document))
    assert (verification.failure is None) == bool(verification.publishers)
    if verification.publishers:
        assert verification.publishers[0].repository_id == "772247423"


@given(st.binary(max_size=200))
def test_verify__bytes_that_are_nothing_are_unreadable(document: bytes) -> None:
    assert check(document).failure is Failure.UNREADABLE
