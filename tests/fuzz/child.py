"""The process that atheris runs in: `python -m tests.fuzz.child TARGET [libFuzzer's own arguments]`."""

from __future__ import annotations

import sys

import atheris

INSTRUMENTED = ["analyzer", "packaging", "tomllib", "yaml", "zipfile", "tarfile"]
"""Packages whose branches guide a campaign."""


def main() -> None:
    """Instrument, then fuzz until libFuzzer ends the process."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented as it is imported

    target = TARGETS[sys.argv[1]]
    # What is built once (an index of 15,000 names, instrumented) is no hang of the first input.
    target.run(b"")

    def one(data: bytes) -> None:
        target.run(data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
