"""Scorers by name: the rules, and every trained model on a shelf; a policy names one of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from models.canonical import Digest
from models.errors import ArtefactInvalid
from models.trust.card import CARD_SUFFIX, RESERVED_NAMES
from models.trust.columns import Columns
from models.trust.learned import LearnedScorer, checked_artefact, learned_digest
from models.trust.rules import RulesScorer
from models.trust.scorer import Scorer

RULES_NAME = "rules"
DEFAULT_NAME = "default"
"""What a policy that names no scorer asks for."""
DEFAULT_SCORER = "trust-1"
"""What `default` means in this version: of all that were evaluated, what decides best
(docs/trust/report.html, "What each would decide"). Its score is never above that of the rules."""
ARTEFACTS = Path(__file__).parent.parent / "artefacts"
"""The models that ship with Pratique."""


class Scorers(Protocol):
    """Whoever hands out scorers by name."""

    def scorer(self, name: str) -> Scorer:
        """The scorer called `name`. Raises ArtefactInvalid."""


class Shelf:
    """A folder of artefacts. Each is read and checked once, and kept."""

    def __init__(
        self,
        folder: Path = ARTEFACTS,
        *,
        columns: Columns | None = None,
        default: str = DEFAULT_SCORER,
    ) -> None:
        """`default`: the name that `default` stands for here."""
        self._folder = folder
        self._default = default
        self._columns = columns
        self._scorers: dict[str, Scorer] = {}
        self._digests: dict[str, Digest] = {}
        self._created: dict[str, datetime] = {}

    def names(self) -> tuple[str, ...]:
        """What a policy may name: `default`, `rules`, and the artefacts by name."""
        found = {path.stem for path in self._folder.glob(f"*{CARD_SUFFIX}")} - RESERVED_NAMES
        return (DEFAULT_NAME, RULES_NAME, *sorted(found))

    def scorer(self, name: str) -> Scorer:
        """The scorer called `name`, ready to score. Raises ArtefactInvalid."""
        meant = self.meant(name)
        if meant not in self._scorers:
            self._scorers[meant] = (
                RulesScorer()
                if meant == RULES_NAME
                else LearnedScorer.load(self._folder, meant, columns=self._columns)
            )
        return self._scorers[meant]

    def digest(self, name: str) -> Digest:
        """The digest of the scorer called `name`; LightGBM is not loaded. Raises ArtefactInvalid."""
        meant = self.meant(name)
        if meant not in self._digests:
            if meant == RULES_NAME:
                self._digests[meant] = RulesScorer().digest
            else:
                _, card, model = checked_artefact(self._folder, meant, columns=self._columns)
                self._digests[meant] = learned_digest(meant, card, model)
        return self._digests[meant]

    def created(self, name: str) -> datetime | None:
        """When the model called `name` was trained; None of the rules. Raises ArtefactInvalid."""
        meant = self.meant(name)
        if meant == RULES_NAME:
            return None
        if meant not in self._created:
            card, _, _ = checked_artefact(self._folder, meant, columns=self._columns)
            self._created[meant] = card.created
        return self._created[meant]

    def meant(self, name: str) -> str:
        """What `name` stands for: an artefact's name, or `rules`. Raises ArtefactInvalid."""
        if name not in self.names():
            raise ArtefactInvalid(
                f"There is no scorer called {name[:60]!r}.",
                next_step=f"The policy may name one of {', '.join(self.names())}.",
            )
        return self._default if name == DEFAULT_NAME else name


SHIPPED = Shelf()
"""The scorers of this installation."""
