"""Every static detector by its id: what it says, how bad it is by what reaches it, and why.

The reader box parses hostile bytes and may fall to them, so its report carries only ids and reaches
out of these tables; the worker looks up what they mean. Standard library only.
"""

from __future__ import annotations

from analyzer.static.acts import ACTS
from analyzer.static.detector import Detector
from analyzer.static.flows import FLOWS
from analyzer.static.hiding import HIDING
from analyzer.static.hooks import HOOKS
from analyzer.static.kind import StaticKind
from analyzer.static.members import MEMBER_KINDS
from analyzer.static.packaging_signs import SIGNS

DETECTORS: tuple[Detector, ...] = (*FLOWS, *ACTS, *HIDING, *SIGNS, *HOOKS)
"""Detectors of Python sources, in the order of their families."""

STATIC: dict[str, StaticKind] = {
    **{detector.id: detector.kind for detector in DETECTORS},
    **MEMBER_KINDS,
}
"""By id, such as `static-decode-exec`; each family of detectors gives its part."""
