"""The pin to try where nothing of a project is approved yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from packaging.version import Version

from models.artifact import ArtifactKind, ArtifactRef
from proxy.simple.page import ProjectPage


def newest_untried(
    page: ProjectPage, refused: ArtifactRef, *, seen: Callable[[ArtifactRef], bool]
) -> str:
    """The highest final version with an unseen wheel or sdist, other than the refused one."""
    best: Version | None = None
    for file in page.files:
        if file.sha256 is None or file.is_yanked or file.kind is ArtifactKind.OTHER:
            continue
        ref = replace(refused, filename=file.filename, sha256=file.sha256)
        if not ref.version or ref.version == refused.version:
            continue
        version = Version(ref.version)
        if version.is_prerelease or (best is not None and version <= best) or seen(ref):
            continue
        best = version
    return str(best) if best is not None else ""
