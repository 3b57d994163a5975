"""What another model or policy changes: decisions as they are beside what they would become. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from models.decision import Action, Decision, Reason, TrustTier
from models.evidence import Layer
from models.reason import sentence

STRICTNESS = {Action.SERVE: 0, Action.HOLD: 1, Action.DENY: 2}
"""How much an action keeps from whoever asks for the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMove:
    """The layer whose score moved most; scores 0 to 100, None where it had none."""

    layer: Layer
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A decision whose action would be another one."""

    before: Decision
    after: Decision

    @property
    def worse(self) -> bool:
        """Whether somebody would no longer get what they get now."""
        return STRICTNESS[self.after.action] > STRICTNESS[self.before.action]

    @property
    def reason(self) -> Reason | None:
        """The first cause that the decision of today does not state; else the first of all."""
        stated = self.after.reasons
        new = (one for one in stated if one not in self.before.reasons)
        return next(new, stated[0] if stated else None)

    @property
    def moved(self) -> LayerMove | None:
        """The layer whose score moved most; None where none did."""
        moves = (
            LayerMove(layer=layer, before=old, after=new)
            for layer, old, new in _layer_scores(self.before, self.after)
            if old != new
        )
        return max(moves, key=_distance, default=None)

    @property
    def words(self) -> str:
        """The main reason as a sentence, with the layer that moved most."""
        words = sentence(self.reason) if self.reason else "No reason is stated."
        moved = self.moved
        if moved is None:
            return words
        scores = " → ".join(
            "none" if one is None else str(one) for one in (moved.before, moved.after)
        )
        return f"{words} ({moved.layer.value} {scores})"

    @property
    def order(self) -> tuple[int, int, int, str]:
        """What is served now and would not be comes first; then the strictest, the greatest fall."""
        now, then = STRICTNESS[self.before.action], STRICTNESS[self.after.action]
        group = now if self.worse else len(STRICTNESS) + then
        return group, -abs(then - now), -_fall(self), self.before.ref.key


@dataclass(slots=True)
class Comparison:
    """Counts every pair, and keeps the `listed_max` flips that matter most: memory stays bounded."""

    listed_max: int
    tiers: Counter[tuple[TrustTier | None, TrustTier | None]] = field(default_factory=Counter)
    """(tier now, tier then) → decisions; None: nothing is known of the file yet."""
    actions: Counter[tuple[Action, Action]] = field(default_factory=Counter)
    """(action now, action then) → decisions, unchanged ones too."""
    _listed: list[Flip] = field(default_factory=list)

    def add(self, before: Decision, after: Decision) -> None:
        """Count one decision."""
        self.tiers[before.tier, after.tier] += 1
        self.actions[before.action, after.action] += 1
        if before.action is not after.action:
            self._listed.append(Flip(before=before, after=after))
            if len(self._listed) > 2 * self.listed_max:
                self._listed = list(self.listed)

    @property
    def listed(self) -> tuple[Flip, ...]:
        """The flips that matter most, at most `listed_max`."""
        return tuple(sorted(self._listed, key=lambda flip: flip.order)[: self.listed_max])

    @property
    def compared(self) -> int:
        """Decisions that were counted."""
        return self.actions.total()

    @property
    def worse(self) -> int:
        """Decisions that would be stricter than they are."""
        return sum(
            count
            for (now, then), count in self.actions.items()
            if STRICTNESS[then] > STRICTNESS[now]
        )

    @property
    def better(self) -> int:
        """Decisions that would be more lenient than they are."""
        return sum(
            count
            for (now, then), count in self.actions.items()
            if STRICTNESS[then] < STRICTNESS[now]
        )


def _layer_scores(
    before: Decision, after: Decision
) -> tuple[tuple[Layer, int | None, int | None], ...]:
    old = {one.layer: one.score for one in before.score.layers} if before.score else {}
    new = {one.layer: one.score for one in after.score.layers} if after.score else {}
    return tuple((layer, old.get(layer), new.get(layer)) for layer in Layer)


def _distance(move: LayerMove) -> int:
    """A score that came or went counts as the whole scale."""
    if move.before is None or move.after is None:
        return 100
    return abs(move.after - move.before)


def _fall(flip: Flip) -> int:
    if flip.before.score is None or flip.after.score is None:
        return 0
    return flip.before.score.value - flip.after.score.value
