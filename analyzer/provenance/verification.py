"""What verifying a provenance object can come to: publishers, or a failure out of a closed vocabulary.

Apart from the verifier, whose libraries take a third of a second to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from analyzer.provenance.publisher import Publisher

PROVENANCE_BYTES_MAX = 1024 * 1024
"""Bytes of a provenance object; real ones have 6 to 30 KB, PyPI takes two attestations a file."""


class Failure(StrEnum):
    """Why a provenance object does not show who published the file: a closed vocabulary."""

    UNREADABLE = "unreadable"
    """Not a provenance object of PEP 740, or one beyond a bound."""
    PUBLISHER_UNKNOWN = "publisher-unknown"
    """Of a kind of publisher that the library here does not know yet."""
    PREDICATE_UNKNOWN = "predicate-unknown"
    LOG_UNKNOWN = "log-unknown"
    """Logged where our trust root has no key: it may be older than the log."""
    ISSUER_UNKNOWN = "issuer-unknown"
    """Certified by an authority that our trust root does not have."""
    TIME_UNKNOWN = "time-unknown"
    """Without a time that its certificate's ten minutes could be held against."""
    CERTIFICATE_INVALID = "certificate-invalid"
    SIGNATURE_INVALID = "signature-invalid"
    """Signature or log entry is not of this statement, or was changed."""
    IDENTITY_DIFFERS = "identity-differs"
    """Signed, but not by the publisher whom the index states."""
    STATEMENT_INVALID = "statement-invalid"
    """Signed, but no statement about exactly one file."""
    OTHER_FILE = "other-file"
    """Signed for another filename."""
    OTHER_DIGEST = "other-digest"
    """Signed for other bytes."""

    @property
    def proves_mismatch(self) -> bool:
        """Whether it speaks against the file. The rest only says that we could not tell."""
        return self in _MISMATCHES


_MISMATCHES = frozenset(
    {
        Failure.CERTIFICATE_INVALID,
        Failure.SIGNATURE_INVALID,
        Failure.IDENTITY_DIFFERS,
        Failure.STATEMENT_INVALID,
        Failure.OTHER_FILE,
        Failure.OTHER_DIGEST,
    }
)

FAILURE_WORDS = {
    Failure.UNREADABLE: "the index gave no provenance object that can be read",
    Failure.PUBLISHER_UNKNOWN: "its publisher is of a kind that is not known here",
    Failure.PREDICATE_UNKNOWN: "it attests something that is not known here",
    Failure.LOG_UNKNOWN: "it is logged where the trust root here has no key",
    Failure.ISSUER_UNKNOWN: "it is certified by an authority that the trust root here does not have",
    Failure.TIME_UNKNOWN: "it carries no time that can be verified",
    Failure.CERTIFICATE_INVALID: "its certificate is not valid",
    Failure.SIGNATURE_INVALID: "its signature is not that of the statement",
    Failure.IDENTITY_DIFFERS: "it is signed by another publisher than the index states",
    Failure.STATEMENT_INVALID: "its statement is not about one file",
    Failure.OTHER_FILE: "it is signed for another file name",
    Failure.OTHER_DIGEST: "it is signed for other bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of it. Without a failure there is at least one publisher."""

    publishers: tuple[Publisher, ...] = ()
    """Distinct, in the order of the bundles."""
    predicates: tuple[str, ...] = ()
    """Types of what was attested, sorted."""
    failure: Failure | None = None
