"""Fuzzing as a proof: forty slices of a minute for each target, each going on from the corpus before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz import campaign
from tests.fuzz.targets import TARGETS, corpus_of
from tests.proofs.proof import Outcome

SLICE_S = 60
SLICES = 40


class FuzzProof:
    """See the module. Where atheris has no build, a slice only replays the corpus, and says so."""

    name = "fuzz"
    claim = (
        f"Archive reader, metadata parser, OSV matcher and name classifier, {SLICES} minutes each "
        "under atheris: no crash, no hang, and no law of theirs broken."
    )
    least_percent = 100
    sample = 1
    parallel = 2
    """Slices at once: two that stand beside each other are of two targets."""

    def items(self, seed: int) -> Sequence[str]:  # noqa: ARG002 - libFuzzer draws its own
        return [f"{name} {number}" for number in range(1, SLICES + 1) for name in TARGETS]

    @contextmanager
    def set_up(self) -> Iterator[FuzzProof]:
        yield self

    def attempt(self, item: str) -> Outcome:
        """One slice of one target."""
        target = TARGETS[item.split(maxsplit=1)[0]]
        if not campaign.has_build():
            for path in corpus_of(target.name):
                target.run(path.read_bytes())
            return Outcome(item=item, holds=True, detail="corpus replayed; no atheris here")
        ran = campaign.run(target, SLICE_S)
        return Outcome(
            item=item,
            holds=not ran.crashes,
            detail=f"{ran.executions} inputs; {', '.join(Path(c).name for c in ran.crashes) or 'no crash'}",
            measures={
                f"{target.name}_executions": ran.executions,
                f"{target.name}_seconds": ran.seconds,
                f"{target.name}_branches": ran.covered,
                f"{target.name}_crashes": len(ran.crashes),
            },
            grave=bool(ran.crashes),
        )
