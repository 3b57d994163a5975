"""A publisher out of a certificate, and what a certificate must say to be that publisher's.

A publisher is stated by the index beside each bundle of attestations; what the signing certificate
says of itself is signed. Everything kept here is read from the certificate, but for the
environment, which certificates do not carry: it is the index's word alone.
"""

from __future__ import annotations

from typing import assert_never

from pypi_attestations import (
    CircleCIPublisher,
    GitHubPublisher,
    GitLabPublisher,
    GooglePublisher,
)
from sigstore.verify.policy import (
    AllOf,
    AnyOf,
    Identity,
    OIDCBuildConfigURI,
    OIDCBuildSignerURI,
    OIDCIssuerV2,
    OIDCSourceRepositoryURI,
    VerificationPolicy,
)

from analyzer.clean import printable
from analyzer.provenance.publisher import WORD_CHARS_MAX, Publisher, PublisherKind

_CLAIM = "1.3.6.1.4.1.57264.1."
"""Fulcio's arc; the numbers below it are those of its `docs/oid-info.md`."""
_REPOSITORY_URI = _CLAIM + "12"
_COMMIT = _CLAIM + "13"
_REF = _CLAIM + "14"
_REPOSITORY_ID = _CLAIM + "15"
_OWNER_ID = _CLAIM + "17"

_GITHUB = ("https://github.com/", "https://token.actions.githubusercontent.com")
_GITLAB = ("https://gitlab.com/", "https://gitlab.com")
_GOOGLE_ISSUER = "https://accounts.google.com"
_CIRCLECI_ISSUER = "https://oidc.circleci.com"
_CIRCLECI_API = "https://circleci.com/api/v2/projects/"

StatedPublisher = GitHubPublisher | GitLabPublisher | GooglePublisher | CircleCIPublisher


def publisher_of(stated: StatedPublisher, claims: dict[str, str]) -> Publisher:
    """The publisher as the certificate tells it. Call it only for a certificate that `policy_of` took."""
    common = {
        "repository_id": _cut(claims.get(_REPOSITORY_ID)),
        "owner_id": _cut(claims.get(_OWNER_ID)),
        "ref": _cut(claims.get(_REF)),
    }
    match stated:
        case GitHubPublisher():
            return Publisher(
                kind=PublisherKind.GITHUB,
                repository=_cut(stated.repository),
                workflow=_cut(stated.workflow),
                environment=_cut(stated.environment),
                **common,
            )
        case GitLabPublisher():
            return Publisher(
                kind=PublisherKind.GITLAB,
                repository=_cut(stated.repository),
                workflow=_cut(stated.workflow_filepath),
                environment=_cut(stated.environment),
                **common,
            )
        case GooglePublisher():
            return Publisher(kind=PublisherKind.GOOGLE, account=_cut(stated.email))
        case CircleCIPublisher():
            # The project is CircleCI's own number; its repository is signed where there is one.
            return Publisher(
                kind=PublisherKind.CIRCLECI,
                repository=_cut(claims.get(_REPOSITORY_URI)),
                repository_id=_cut(stated.project_id),
                workflow=_cut(stated.pipeline_definition_id),
                ref=_cut(claims.get(_REF)),
            )
        case _:
            assert_never(stated)


def policy_of(stated: StatedPublisher, claims: dict[str, str]) -> VerificationPolicy:
    """What a certificate must say to be that publisher's (PEP 740; PyPI, Publish attestation)."""
    match stated:
        case GitHubPublisher():
            return _forge(
                _GITHUB, stated.repository, f".github/workflows/{stated.workflow}", claims
            )
        case GitLabPublisher():
            # GitLab separates project and file by an empty path segment.
            return _forge(_GITLAB, stated.repository, f"/{stated.workflow_filepath}", claims)
        case GooglePublisher():
            return Identity(identity=stated.email, issuer=_GOOGLE_ISSUER)
        case CircleCIPublisher():
            pipeline = f"{stated.project_id}/pipeline-definitions/{stated.pipeline_definition_id}"
            parts: list[VerificationPolicy] = [
                OIDCIssuerV2(_CIRCLECI_ISSUER),
                OIDCBuildSignerURI(_CIRCLECI_API + pipeline),
            ]
            if stated.vcs_origin is not None:
                parts.append(OIDCSourceRepositoryURI(stated.vcs_origin))
            return AllOf(parts)
        case _:
            assert_never(stated)


def _forge(
    forge: tuple[str, str], repository: str, workflow: str, claims: dict[str, str]
) -> VerificationPolicy:
    """Issuer, repository, and the workflow's file at whichever ref or commit it ran from."""
    base, issuer = forge
    at = [claims[oid] for oid in (_REF, _COMMIT) if claims.get(oid)]
    # A trusted publisher names no ref, so the certificate's own one completes the URI; without any
    # the list is empty, which no certificate can satisfy.
    return AllOf(
        [
            OIDCIssuerV2(issuer),
            OIDCSourceRepositoryURI(base + repository),
            AnyOf([OIDCBuildConfigURI(f"{base}{repository}/{workflow}@{one}") for one in at]),
        ]
    )


def _cut(text: str | None) -> str:
    return printable(text or "", WORD_CHARS_MAX)
