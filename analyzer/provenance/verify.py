"""Whether a provenance object (PEP 740) holds for a file: its publishers, or the precise reason why not.

Signature, certificate chain, log entry and times are sigstore's to judge. What the statement says
of which file, and whether the certificate is that of the publisher whom the index states, is
checked here, so that each failure has a word of its own. Needs no network; some milliseconds.
"""

from __future__ import annotations

import logging

import msgspec
import sigstore.errors
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import DuplicateExtension
from packaging.utils import parse_sdist_filename, parse_wheel_filename
from pyasn1.error import PyAsn1Error
from pydantic import ValidationError
from pypi_attestations import (
    Attestation,
    AttestationBundle,
    AttestationError,
    AttestationType,
    Provenance,
)
from sigstore.models import Bundle
from sigstore.verify.policy import UnsafeNoOp

from analyzer.provenance.identity import policy_of, publisher_of
from analyzer.provenance.publisher import Publisher
from analyzer.provenance.trust import TrustRoot
from analyzer.provenance.verification import PROVENANCE_BYTES_MAX, Failure, Verification
from models.artifact import Sha256

BUNDLES_MAX = 8
ATTESTATIONS_MAX = 8
"""Attestations in one bundle; PyPI takes one of each of its two predicate types."""
LOG_ENTRIES_MAX = 4

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_LOGGER = logging.getLogger("sigstore")
_LOGGER.addHandler(
    logging.NullHandler()
)  # it tells its errors by raising; its log would reach stderr


class _Failed(Exception):
    """Carries a failure up to where it is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class _Subject(msgspec.Struct):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, rename="camel"):
    subject: list[_Subject]
    predicate_type: str
    kind: str = msgspec.field(name="_type")


def verify(document: bytes, *, filename: str, sha256: Sha256, root: TrustRoot) -> Verification:
    """Check every attestation of a provenance object. Blocking; never raises for what it is given.

    One that speaks against the file outweighs any that holds; one that cannot be told does not.
    """
    try:
        bundles = _read(document)
    except _Failed as failed:
        return Verification(failure=failed.failure)
    publishers: list[Publisher] = []
    predicates: set[str] = set()
    untold: Failure | None = None
    for bundle in bundles:
        for attestation in bundle.attestations:
            try:
                predicate, publisher = _verified(bundle, attestation, filename, sha256, root)
            except _Failed as failed:
                if failed.failure.proves_mismatch:
                    return Verification(failure=failed.failure)
                untold = untold or failed.failure
                continue
            predicates.add(predicate)
            if publisher not in publishers:
                publishers.append(publisher)
    if not publishers:
        return Verification(failure=untold or Failure.UNREADABLE)
    return Verification(publishers=tuple(publishers), predicates=tuple(sorted(predicates)))


def _read(document: bytes) -> list[AttestationBundle]:
    if len(document) > PROVENANCE_BYTES_MAX:
        raise _Failed(Failure.UNREADABLE)
    try:
        bundles = Provenance.model_validate_json(document).attestation_bundles
    except ValidationError as error:
        tags = {problem["type"] for problem in error.errors(include_url=False, include_input=False)}
        unknown = tags == {"union_tag_invalid"}
        raise _Failed(Failure.PUBLISHER_UNKNOWN if unknown else Failure.UNREADABLE) from error
    except (ValueError, RecursionError) as error:
        raise _Failed(Failure.UNREADABLE) from error
    if len(bundles) > BUNDLES_MAX or any(
        len(bundle.attestations) > ATTESTATIONS_MAX for bundle in bundles
    ):
        raise _Failed(Failure.UNREADABLE)
    return bundles


def _verified(
    stated: AttestationBundle,
    attestation: Attestation,
    filename: str,
    sha256: Sha256,
    root: TrustRoot,
) -> tuple[str, Publisher]:
    """The predicate type and the publisher. Raises _Failed."""
    entries = attestation.verification_material.transparency_entries
    if len(entries) > LOG_ENTRIES_MAX:
        raise _Failed(Failure.UNREADABLE)
    if not entries[0].get("inclusionPromise"):
        # The format has no place for the time stamp that newer logs go with.
        raise _Failed(Failure.TIME_UNKNOWN)
    bundle, claims = _opened(attestation)
    if not root.knows_log(dict(entries[0])):
        raise _Failed(Failure.LOG_UNKNOWN)
    if not root.knows_issuer(bundle.signing_certificate):
        raise _Failed(Failure.ISSUER_UNKNOWN)
    payload = _signed_payload(bundle, root)
    try:
        policy_of(stated.publisher, claims).verify(bundle.signing_certificate)
    except (sigstore.errors.Error, ValueError, PyAsn1Error) as error:
        raise _Failed(Failure.IDENTITY_DIFFERS) from error
    predicate = _about(payload, filename, sha256)
    return predicate, publisher_of(stated.publisher, claims)


def _opened(attestation: Attestation) -> tuple[Bundle, dict[str, str]]:
    try:
        return attestation.to_bundle(), attestation.certificate_claims
    except (
        AttestationError,
        sigstore.errors.Error,
        DuplicateExtension,
        UnsupportedAlgorithm,
        PyAsn1Error,
        ValueError,
        TypeError,
    ) as error:
        raise _Failed(Failure.UNREADABLE) from error


def _signed_payload(bundle: Bundle, root: TrustRoot) -> bytes:
    """The statement, once signature, chain, log entry and times hold. Who signed is asked next."""
    try:
        kind, payload = root.verifier.verify_dsse(bundle, UnsafeNoOp())
    except sigstore.errors.CertValidationError as error:
        raise _Failed(Failure.CERTIFICATE_INVALID) from error
    except (sigstore.errors.Error, ValueError, TypeError, PyAsn1Error) as error:
        raise _Failed(Failure.SIGNATURE_INVALID) from error
    if kind != _PAYLOAD_TYPE:
        raise _Failed(Failure.STATEMENT_INVALID)
    return payload


def _about(payload: bytes, filename: str, sha256: Sha256) -> str:
    """The predicate type of a statement about exactly this file (PEP 740, Attestation statements)."""
    try:
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _Failed(Failure.STATEMENT_INVALID) from error
    if len(statement.subject) != 1:
        raise _Failed(Failure.STATEMENT_INVALID)
    subject = statement.subject[0]
    if not _same_file(subject.name, filename):
        raise _Failed(Failure.OTHER_FILE)
    if subject.digest.get("sha256") != sha256:
        raise _Failed(Failure.OTHER_DIGEST)
    if statement.predicate_type not in {known.value for known in AttestationType}:
        raise _Failed(Failure.PREDICATE_UNKNOWN)
    return statement.predicate_type


def _same_file(attested: str, filename: str) -> bool:
    """Whether two filenames mean one distribution: tags may stand in another order (PEP 425)."""
    if attested == filename:
        return True
    parse = parse_wheel_filename if filename.endswith(".whl") else parse_sdist_filename
    try:
        return bool(parse(attested) == parse(filename))
    except ValueError:
        return False
