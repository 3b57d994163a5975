"""Detectors of packages that are no packages: probes and empty hulls around an acting setup.py."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.static.detector import Detector, View
from analyzer.static.kind import StaticKind
from analyzer.static.result import Match, Reach, Sink

HULL_BYTES_MAX = 1500
"""Bytes of Python beside setup.py up to which a package is a hull."""
_PROBE = re.compile(r"(?:9{2,}|[1-9]\d{3,})(?:\.\d+)*\Z")
"""Versions such as 99.0 and 9999.9.9, which win against any private one. Years are left out below."""
_YEAR = re.compile(r"(?:19|20)\d\d")


def _hull(view: View) -> Iterator[Match]:
    """An sdist with next to no code, whose setup.py acts."""
    if view.layout.kind != "sdist":
        return
    rest = sum(len(module.data) for module in view.modules if module.reach is not Reach.BUILD)
    if rest > HULL_BYTES_MAX:
        return
    acts = [event for event in view.of(Sink.NETWORK, Sink.PROCESS) if event.reach is Reach.BUILD]
    acts += [event for event in view.of(Sink.DYNAMIC) if event.reach is Reach.BUILD and event.marks]
    if acts:
        first = acts[0]
        yield Match(id="static-hull", reach=Reach.BUILD, path=first.path, line=first.line)


def _probe(view: View) -> Iterator[Match]:
    """A version that only wins."""
    version = view.layout.version
    if _PROBE.match(version) and not _YEAR.match(version):
        acts = any(
            event.reach in (Reach.BUILD, Reach.START, Reach.IMPORT)
            for event in view.of(Sink.NETWORK, Sink.PROCESS)
        )
        yield Match(
            id="static-probe-version",
            reach=Reach.BUILD if acts else Reach.CALL,
            path=view.layout.top,
            what="acts" if acts else "",
        )


SIGNS: tuple[Detector, ...] = (
    Detector(
        id="static-hull",
        kind=StaticKind(
            title="A package without code has a setup.py that acts",
            levels={Reach.BUILD: "high"},
            technique="T1195.002",
            rationale=(
                "Probes and droppers are a setup.py and nothing to install. Honest hulls announce a name or "
                "a rename, and do nothing."
            ),
        ),
        detect=_hull,
    ),
    Detector(
        id="static-probe-version",
        kind=StaticKind(
            title="Its version is chosen to win over any other",
            levels={Reach.BUILD: "medium", Reach.CALL: "low"},
            technique="T1195.002",
            rationale="99.0 and 9999.9 beat every private version (dependency confusion); years are left out.",
        ),
        detect=_probe,
    ),
)
