"""Real provenance objects, and ways to spoil them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from models.artifact import Sha256

DATA = Path(__file__).parent / "data"

GITHUB_FILE = "pypi_attestations-0.0.19.tar.gz"
GITHUB_SHA = Sha256("9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3")
GITLAB_FILE = "gitlab_oidc_project-0.0.3.tar.gz"
GITLAB_SHA = Sha256("c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8")
STAGING_FILE = "rfc8785-0.1.2-py3-none-any.whl"
STAGING_SHA = Sha256("c4e92e9ecc828bef2aa7dba1de8ac983511f7532a0df11c770d39099a25cf201")

GITLAB = {
    "kind": "GitLab",
    "repository": "facutuesca/gitlab-oidc-project",
    "workflow_filepath": ".gitlab-ci.yml",
}
Spoil = Callable[[dict[str, Any]], None]


def github() -> dict[str, Any]:
    """The provenance object of GITHUB_FILE."""
    document: dict[str, Any] = json.loads((DATA / f"{GITHUB_FILE}.provenance").read_bytes())
    return document


def slsa() -> dict[str, Any]:
    """Another attestation of GITHUB_FILE, of the other predicate type."""
    attestation: dict[str, Any] = json.loads(
        (DATA / f"{GITHUB_FILE}.slsa.attestation").read_bytes()
    )
    return attestation


def gitlab(publisher: dict[str, Any] | None = None) -> dict[str, Any]:
    """A provenance object of GITLAB_FILE."""
    return _wrapped(GITLAB_FILE, publisher or GITLAB)


def staging() -> dict[str, Any]:
    """A provenance object of STAGING_FILE."""
    return _wrapped(STAGING_FILE, {"kind": "GitHub", "repository": "a/b", "workflow": "c.yml"})


def _wrapped(filename: str, publisher: dict[str, Any]) -> dict[str, Any]:
    attestation = json.loads((DATA / f"{filename}.publish.attestation").read_bytes())
    bundle = {"publisher": publisher, "attestations": [attestation]}
    return {"version": 1, "attestation_bundles": [bundle]}


def encoded(document: dict[str, Any]) -> bytes:
    """As it goes over the wire."""
    return json.dumps(document).encode()


def spoilt(spoil: Spoil) -> bytes:
    """GITHUB_FILE's, changed."""
    document = deepcopy(github())
    spoil(document)
    return encoded(document)


def attestation_of(document: dict[str, Any]) -> dict[str, Any]:
    """The first attestation."""
    first: dict[str, Any] = document["attestation_bundles"][0]["attestations"][0]
    return first


def publisher_of(document: dict[str, Any]) -> dict[str, Any]:
    """The first publisher."""
    first: dict[str, Any] = document["attestation_bundles"][0]["publisher"]
    return first


def entry_of(document: dict[str, Any]) -> dict[str, Any]:
    """The first transparency log entry."""
    first: dict[str, Any] = attestation_of(document)["verification_material"][
        "transparency_entries"
    ][0]
    return first


def flip_bit(text: str) -> str:
    """Base64 with one bit of its last byte but a few changed."""
    raw = bytearray(base64.b64decode(text))
    raw[-3] ^= 1
    return base64.b64encode(bytes(raw)).decode()
