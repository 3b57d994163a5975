"""How a decision looks: a class for the stylesheet, which gives it a colour and a shape."""

from __future__ import annotations

from models.decision import Decision


def band_of(decision: Decision) -> str:
    """A class name for the stylesheet: good, watch, held or bad."""
    if decision.served:
        return "watch" if decision.verdict() == "Monitored" else "good"
    return "held" if decision.hold is not None else "bad"
