"""What each file depends on, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.utils import NormalizedName

from models.artifact import ArtifactRef, IndexName, Sha256
from proxy.store.bounds import DEPENDENCIES_MAX, row_limit
from proxy.store.port import Dependency
from proxy.store.sql.connection import Session

FORGET = """
DELETE FROM dependencies
WHERE index_name = :index_name AND project = :project AND sha256 = :sha256 AND filename = :filename
"""
PUT = """
INSERT OR REPLACE INTO dependencies (
  index_name, project, sha256, filename, dependency, dependency_version, dependency_sha256
) VALUES (
  :index_name, :project, :sha256, :filename, :dependency, :dependency_version, :dependency_sha256
)
"""
OF = """
SELECT dependency, dependency_version, dependency_sha256 FROM dependencies
WHERE index_name = :index_name AND project = :project AND sha256 = :sha256 AND filename = :filename
ORDER BY dependency
"""
ON = """
SELECT DISTINCT index_name, project, sha256, filename FROM dependencies
WHERE dependency = :dependency AND dependency_sha256 = :sha256
ORDER BY project, sha256, filename, index_name LIMIT :limit
"""


def put(session: Session, ref: ArtifactRef, dependencies: Sequence[Dependency]) -> None:
    """Keep what a file depends on, instead of what it did before."""
    columns = _columns(ref)
    session.run(FORGET, columns)
    session.run_many(
        PUT,
        [
            {
                **columns,
                "dependency": one.project,
                "dependency_version": one.version,
                "dependency_sha256": one.sha256,
            }
            for one in dependencies[:DEPENDENCIES_MAX]
        ],
    )


def of(session: Session, ref: ArtifactRef) -> tuple[Dependency, ...]:
    """What a file depends on, by project."""
    return tuple(
        Dependency(
            project=NormalizedName(row["dependency"]),
            version=row["dependency_version"],
            sha256=Sha256(row["dependency_sha256"]),
        )
        for row in session.rows(OF, _columns(ref))
    )


def dependants(
    session: Session,
    project: NormalizedName,
    files: Iterable[Sha256],
    *,
    limit: int,
) -> tuple[ArtifactRef, ...]:
    """Who depends on any of some files of a project, whatever upstream either comes from."""
    found: dict[ArtifactRef, None] = {}
    for sha256 in files:
        asked = {
            "dependency": project,
            "sha256": sha256,
            "limit": row_limit(limit),
        }
        for row in session.rows(ON, asked):
            ref = ArtifactRef(
                index=IndexName(row["index_name"]),
                project=NormalizedName(row["project"]),
                filename=row["filename"],
                sha256=Sha256(row["sha256"]),
            )
            found[ref] = None
    ordered = sorted(found, key=lambda ref: (ref.project, ref.sha256, ref.filename, ref.index))
    return tuple(ordered[: row_limit(limit)])


def _columns(ref: ArtifactRef) -> dict[str, str]:
    return {
        "index_name": ref.index,
        "project": ref.project,
        "sha256": ref.sha256,
        "filename": ref.filename,
    }
