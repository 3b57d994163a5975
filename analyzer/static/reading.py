"""Static reading as a whole: the sources of one artifact in, one bounded report out."""

from __future__ import annotations

from analyzer.clean import printable
from analyzer.static.hooks import start_dynamic
from analyzer.static.result import EXCERPT_CHARS_MAX, MATCHES_MAX, Match, StaticReport
from analyzer.static.sources import Layout, Sources


def read_static(sources: Sources, layout: Layout) -> StaticReport:
    """Read the kept sources as code. Never raises on what they hold."""
    matches = tuple(map(shown, start_dynamic(layout)))
    return StaticReport(
        matches=matches[:MATCHES_MAX],
        more=max(0, len(matches) - MATCHES_MAX),
        code_bytes=sources.code_bytes,
        files=len(sources.files) + len(sources.left),
        files_left=len(sources.left),
    )


def shown(match: Match) -> Match:
    """A match with its texts made printable and cut."""
    return Match(
        id=match.id,
        reach=match.reach,
        path=printable(match.path),
        line=match.line,
        excerpt=printable(match.excerpt.strip(), EXCERPT_CHARS_MAX),
        what=match.what,
        host=printable(match.host),
    )
