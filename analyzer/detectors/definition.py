"""What a detector is: a definition, and a pure function that gives matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from analyzer.detectors.view import RunView
from models.evidence import Place, ProofKind, Severity
from models.phase import Phase
from models.trace import Event, EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a detector stands for. `needs`: the kinds of events without which it can say nothing."""

    id: str
    title: str
    rationale: str
    severity: Severity
    in_use: Severity
    """The most that a match in P4 weighs: what is damning on import is an SDK's trade when it is used."""
    technique: str
    """MITRE ATT&CK."""
    techniques: tuple[str, ...]
    """The attack techniques that it sees, by the ids of `analyzer.detectors.techniques`."""
    needs: frozenset[EventKind]
    proof: ProofKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One match, charged to the artifact. `severity` None: the definition's."""

    phase: Phase
    at_us: int
    what: str = ""
    place: Place = field(default_factory=Place)
    severity: Severity | None = None
    proven: bool = True
    """Whether it is the proof that its definition speaks of; of no meaning where there is none."""

    @classmethod
    def of(
        cls,
        event: Event,
        run: RunView,
        *,
        what: str = "",
        severity: Severity | None = None,
        proven: bool = True,
    ) -> Match:
        """A match at one event, with everything the event says about the place."""
        return cls(
            phase=event.phase,
            at_us=event.at_us,
            what=what,
            severity=severity,
            proven=proven,
            place=Place(
                path=event.path,
                host=event.host,
                address=event.address,
                port=event.port,
                process=run.command_of(event),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A definition with its function."""

    definition: Definition
    detect: Callable[[RunView], Iterator[Match]]
