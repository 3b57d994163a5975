"""The keys that attestations are checked against: the trust root that comes with sigstore, or a newer one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.x509 import (
    AuthorityKeyIdentifier,
    Certificate,
    ExtensionNotFound,
    SubjectKeyIdentifier,
)
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier

TUF_URL = "https://tuf-repo-cdn.sigstore.dev"
"""Where sigstore's public-good instance publishes its root by TUF; asked only where the operator says so."""
ROOT_FILE = "trusted_root.json"
BOOTSTRAP_FILE = "root.json"


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """A verifier, and what it knows, so that *unknown key* can be told from *bad signature*."""

    verifier: Verifier
    log_ids: frozenset[str]
    """Base64 key ids of the transparency logs."""
    authority_ids: frozenset[bytes]
    """Subject key identifiers of the certificate authorities."""

    def knows_log(self, entry: dict[str, Any]) -> bool:
        """Whether a transparency log entry is of a log that we have a key of."""
        log_id = entry.get("logId")
        return isinstance(log_id, dict) and log_id.get("keyId") in self.log_ids

    def knows_issuer(self, certificate: Certificate) -> bool:
        """Whether a certificate claims one of our authorities as its issuer (not: was issued by it)."""
        try:
            named = certificate.extensions.get_extension_for_class(AuthorityKeyIdentifier)
        except (ExtensionNotFound, ValueError):
            return False
        return named.value.key_identifier in self.authority_ids


@cache
def bundled_root() -> TrustRoot:
    """The trust root in the installed sigstore; blocking, some milliseconds, once a process."""
    with as_file(bundled(ROOT_FILE)) as path:
        return read_root(path)


def bundled(name: str) -> Any:
    """A file of the TUF repository that the installed sigstore carries (package data)."""
    return files("sigstore").joinpath("_store", quote(TUF_URL, safe=""), name)


def read_root(path: Path) -> TrustRoot:
    """A trust root out of a file. Raises sigstore's errors, ValueError or OSError where it is none."""
    root = TrustedRoot.from_file(str(path))
    listed = json.loads(path.read_bytes())["tlogs"]
    # Newer logs are known by their checkpoint's key id.
    ids = (log.get(key) for log in listed for key in ("logId", "checkpointKeyId"))
    return TrustRoot(
        verifier=Verifier(trusted_root=root),
        log_ids=frozenset(known["keyId"] for known in ids if known),
        authority_ids=frozenset(_subject_id(each) for each in root.get_fulcio_certs()),
    )


def _subject_id(certificate: Certificate) -> bytes:
    return certificate.extensions.get_extension_for_class(SubjectKeyIdentifier).value.digest
