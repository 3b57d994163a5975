"""Artifacts of a few lines, read statically: what tests of static reading share."""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.static.reading import read_static
from analyzer.static.result import Match, StaticReport
from analyzer.static.sources import Layout, Sources


def read(
    files: Mapping[str, str | bytes], *, kind: str = "wheel", name: str = "reenact", **more: object
) -> StaticReport:
    """Read sources by their paths; those of an sdist lie below `reenact-1.0/`."""
    top = "reenact-1.0" if kind == "sdist" else ""
    sources = Sources()
    for path, text in files.items():
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        sources.add(f"{top}/{path}" if top else path, data, len(data))
    return read_static(sources, Layout(kind=kind, top=top, name=name, **more))  # type: ignore[arg-type]


def setup_py(text: str | bytes, **more: str) -> StaticReport:
    """Read an sdist with a setup.py and a module with something in it."""
    filler = "VALUE = 1\n" * 300
    return read({"setup.py": text, "reenact/__init__.py": filler, **more}, kind="sdist")


def package(text: str | bytes) -> StaticReport:
    """Read a wheel with one package."""
    return read({"reenact/__init__.py": text})


def found(report: StaticReport) -> set[tuple[str, str]]:
    """(id, reach) of every match."""
    return {(match.id, match.reach) for match in report.matches}


def ids(report: StaticReport) -> set[str]:
    """The ids of every match."""
    return {match.id for match in report.matches}


def first(report: StaticReport, kind_id: str) -> Match:
    """The first match of a detector."""
    return next(match for match in report.matches if match.id == kind_id)
