"""What no recipe can re-enact here, or no sandbox can see, and why."""

from __future__ import annotations

NOT_SEEN: dict[str, str] = {
    "T03b": "A `.start` file (PEP 829) is read by Python 3.15 and later, which boxes do not have.",
    "T06b": "`lazy import` (PEP 810) is syntax of Python 3.15 and later, which boxes do not have.",
    "T15/P6": (
        "Two packages that do not require each other meet only where they are installed together; "
        "boxes hold one artifact and what it requires. T15's recipes are dependencies of one another."
    ),
    "T33/near": (
        "A name like a popular project's cannot be re-enacted, since recipes are called `reenact-…`; "
        "tests/analyzer and models/popularity have its table. T33's recipes are wrong names inside."
    ),
}
"""Technique, or a part of one → the reason."""
