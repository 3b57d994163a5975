"""What keeps a re-enactment from acting anywhere but in a test box; its twin carries it too."""

from __future__ import annotations

GUARD = """\
import os, pathlib, socket, subprocess
ACT = os.environ.get("PRATIQUE_HARNESS") == "1" and pathlib.Path("/run/pratique-harness").exists()
HOME = pathlib.Path.home()
"""
"""The head of every module that acts. `ACT` is true in test and research boxes alone."""

IF_ACT = "if ACT:\n    THE_ACT()\n"
"""The tail of a module that acts as soon as it is run."""


def acting(reenact: str, honest: str, tail: str = IF_ACT, head: str = "") -> str:
    """A module with both acts, as functions `_reenact(*given)` and `_honest(*given)`.

    `head` goes between the guard and the functions; `tail` decides when THE_ACT is called, always
    under `if ACT:`. Both acts stand in both modules, so that a module's text tells nothing.
    """
    return (
        f"{GUARD}\n{head}\n"
        f"def _reenact(*given):\n{indented(reenact)}\n\n"
        f"def _honest(*given):\n{indented(honest)}\n\n{tail}"
    )


def indented(text: str, by: int = 4) -> str:
    """Lines of code, deeper by `by` blanks."""
    margin = " " * by
    return "\n".join(
        f"{margin}{line}" if line.strip() else "" for line in text.strip("\n").split("\n")
    )
