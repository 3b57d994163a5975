"""The whole evaluation in one call: splits, baselines, controls, ablation, tiers, the thesis' table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.errors import ValueInvalid
from models.evidence import Layer
from models.research import baselines
from models.research.ablation import Dropped, ablate
from models.research.calibration import (
    FACTS_RATES,
    PRIOR_DEPLOYMENT,
    Edges,
    TierRates,
    calibration_error,
    reliability,
)
from models.research.controls import run_controls
from models.research.decided import Decided, decided
from models.research.harness import HeldOut, Progress, boosted, held_out, silent
from models.research.judging import Judged, judge
from models.research.leads import Leads
from models.research.lightgbm_training import TREES, TreeNumbers
from models.research.limits import ceiling_of, seen_before, years_of
from models.research.matrix import Columns, Matrix
from models.research.metrics import RESAMPLES, measure, precision_points, roc_points
from models.research.results import (
    Calibration,
    Count,
    Curve,
    Evaluation,
    Family,
    Features,
    Lead,
    Limits,
    Scored,
)
from models.research.rows import Population, Row, Table
from models.research.scorers import (
    FOREST,
    MODEL,
    SUM,
    Other,
    forest_beside,
    learners,
    samples_of,
    splits_of_others,
)
from models.research.shortfalls import shortfalls_of
from models.research.splits import (
    FAMILIES_MAX,
    Split,
    family_split,
    grouped_split,
    random_split,
    split_digest,
    time_split,
)
from models.research.standings import alarms_of, distribution_of, tiers_of
from models.research.thesis import compared_with
from models.research.training import ANCHORS, calibrate, whole_model
from models.trust.card import Platt

RULES = "rules"
"""What the rules are called among `others`: 100 minus their score."""
BOUND = "2024-09-01"
"""Malware first seen from this day on is the final test."""
FAMILY_RATE = 0.005
"""The goal: 95 % of re-enactments at 0.5 % of honest runs."""
RECIPE_FOLDS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How much is done. The defaults are what the shipped report rests on."""

    bound: str = BOUND
    rates: TierRates = FACTS_RATES
    anchors: tuple[Population, ...] = ANCHORS
    numbers: TreeNumbers = TREES
    resamples: int = RESAMPLES
    families_max: int = FAMILIES_MAX
    ablation: bool = True
    route: tuple[str, ...] = field(default=())
    """Names of features that tell the route of installation."""
    before: tuple[str, ...] | None = None
    """Names of context features that are fixed before anything is run; None: all of them."""


def evaluate(
    table: Table,
    *,
    layers: Mapping[str, Layer],
    directions: Mapping[str, int],
    seed: int,
    dysec: Table | None = None,
    others: Sequence[Other] = (),
    scope: Scope | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Evaluate the learned model on a table; the same numbers for the same arguments.

    `layers` and `directions` say of each feature what the catalogue says; `dysec` holds the 36
    features for the same ids. Raises ValueInvalid where the table lacks honest rows, malware or
    re-enactments.
    """
    scope = scope or Scope()
    columns = Columns.of(
        table.features,
        layers=layers,
        directions=directions,
        route=scope.route,
        before=scope.before,
    )
    run = _Run(
        matrix=Matrix.of(table, columns),
        seed=seed,
        scope=scope,
        others=tuple(others),
        progress=progress,
    )
    return run.evaluation(table, dysec)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    matrix: Matrix
    seed: int
    scope: Scope
    others: tuple[Other, ...]
    progress: Progress

    def evaluation(self, table: Table, dysec: Table | None) -> Evaluation:
        rows, seed, scope = self.matrix.rows, self.seed, self.scope
        self._check()
        grouped = grouped_split(rows, seed=seed)
        in_time = time_split(rows, bound=scope.bound, seed=seed)
        by_technique = family_split(
            rows, by="technique", seed=seed, families_max=scope.families_max
        )
        by_recipe = family_split(rows, by="recipe", seed=seed, families_max=RECIPE_FOLDS_MAX)
        later = (in_time,) if self._tests_malware(in_time) else ()
        splits = (random_split(rows, seed=seed), grouped, *later, by_technique, by_recipe)
        held = {split.name: self._train(split) for split in splits}
        whole = held[grouped.name]
        rivals = {grouped.name: self._learners(grouped)}
        if dysec is not None:
            self.progress("baselines: random forest on the DySec features")
            forest = forest_beside(rivals[grouped.name][SUM], dysec, grouped, seed=seed)
            rivals[grouped.name][FOREST] = forest
        rivals |= {split.name: self._learners(split) for split in later}
        calibrated, edges = calibrate(whole, rates=scope.rates, anchors=scope.anchors)
        judged = judge(whole, rates=scope.rates, anchors=scope.anchors)
        return Evaluation(
            data_digest=table.digest,
            split_digests=tuple((one.name, split_digest(rows, one)) for one in splits),
            seed=seed,
            features=self._features(),
            bound=scope.bound,
            resamples=scope.resamples,
            counts=tuple(self._counts()),
            scored=tuple(self._all_scored(held, rivals)),
            leads=tuple(self._leads(held, rivals)),
            alarms=tuple(alarms_of(judged, seed=seed, resamples=scope.resamples)),
            tiers=tuple(tiers_of(judged)),
            decided=self._decided(judged),
            short=shortfalls_of(table),
            families=self._families(held[by_technique.name]),
            compared=tuple(compared_with(whole, rivals[grouped.name], seed=seed)),
            calibration=self._calibration(whole, judged, calibrated.platt, edges),
            controls=run_controls(
                self.matrix,
                grouped,
                seed=seed,
                numbers=scope.numbers,
                resamples=scope.resamples,
                progress=self.progress,
            ),
            ablation=self._ablation(grouped, whole),
            curves=tuple(self._curves(held, rivals[grouped.name])),
            distribution=distribution_of(whole, calibrated),
            limits=self._limits(in_time),
            notes=tuple(self._notes(tests_later=bool(later))),
        )

    def _check(self) -> None:
        for needed in (Population.MALWARE, Population.GRAFT):
            if not self.matrix.among(needed).any():
                raise ValueInvalid(
                    f"The table has no rows of the population {needed.value}.",
                    next_step="Fill it with `pratique research corpus`, `trace` and `graph`.",
                )

    def _train(self, split: Split) -> HeldOut:
        fit = boosted(numbers=self.scope.numbers)
        return held_out(self.matrix, split, fit, seed=self.seed, progress=self.progress)

    def _learners(self, split: Split) -> dict[str, HeldOut]:
        return learners(
            self.matrix,
            split,
            seed=self.seed,
            numbers=self.scope.numbers,
            progress=self.progress,
        )

    def _features(self) -> Features:
        columns, varying = self.matrix.columns, self.matrix.varying
        self.progress("all rows: which features are used")
        model, _ = whole_model(self.matrix, seed=self.seed, numbers=self.scope.numbers)
        by_layer = {layer.value: columns.of_layers(layer) for layer in Layer}
        counts = {name: len(varying.intersection(own)) for name, own in by_layer.items()}
        return Features(
            offered=len(columns.learned),
            varying=len(varying),
            used=len(model.used),
            layers=tuple((name, count) for name, count in counts.items() if count),
            absent=tuple((n, len(own)) for n, own in by_layer.items() if own and not counts[n]),
        )

    def _limits(self, in_time: Split) -> Limits:
        later, seen = seen_before(self.matrix, in_time, bound=self.scope.bound)
        return Limits(
            ceiling=ceiling_of(self.matrix),
            later=later,
            seen_before=seen,
            years=years_of(self.matrix.rows),
        )

    def _counts(self) -> Iterable[Count]:
        for population in Population:
            own = [row for row in self.matrix.rows if row.population is population]
            if own:
                yield Count(
                    population=population.value,
                    malicious=own[0].malicious,
                    rows=len(own),
                    wheels=sum(row.kind == "wheel" for row in own),
                    groups=len({row.group for row in own}),
                )

    def _tests_malware(self, split: Split) -> bool:
        tested = {at for fold in split.folds for at in fold.test}
        return any(self.matrix.rows[at].population is Population.MALWARE for at in tested)

    def _notes(self, *, tests_later: bool) -> Iterable[str]:
        yield from _repeats(self.matrix.rows)
        yield baselines.COOLDOWN
        if not tests_later:
            yield f"No malware of {self.scope.bound} or later has an unseen template."

    def _all_scored(
        self, held: Mapping[str, HeldOut], rivals: Mapping[str, Mapping[str, HeldOut]]
    ) -> Iterable[Scored]:
        for split, found in held.items():
            yield from self._scored(MODEL, split, found)
        for split, theirs in rivals.items():
            for name, found in theirs.items():
                yield from self._scored(name, split, found)
        for other in self.others:
            yield from self._scored_other(other, held)

    def _leads(
        self, held: Mapping[str, HeldOut], rivals: Mapping[str, Mapping[str, HeldOut]]
    ) -> Iterable[Lead]:
        pairs = Leads(seed=self.seed, resamples=self.scope.resamples)
        for split, theirs in rivals.items():
            yield from pairs.over_learners(split, held[split], theirs)
        yield from pairs.over_others(self.others, held)

    def _decided(self, judged: Judged) -> tuple[Decided, ...]:
        rules = next((one.scores for one in self.others if one.name == RULES), {})
        return decided(
            self.matrix.rows,
            judged.tiers(),
            {name: 100 - risk for name, risk in rules.items()},
            bound=self.scope.bound,
        )

    def _calibration(
        self, whole: HeldOut, judged: Judged, platt: Platt, edges: Edges
    ) -> Calibration:
        pieces = whole.composites
        bins = reliability(judged.chances, pieces.malicious, pieces.weights)
        return Calibration(
            platt=platt,
            prior_deployment=PRIOR_DEPLOYMENT,
            bins=bins,
            error=calibration_error(bins),
            edges=edges,
            anchors=tuple(one.value for one in self.scope.anchors),
        )

    def _scored(self, name: str, split: str, held: HeldOut) -> Iterable[Scored]:
        for view, sample in samples_of(name, split, held):
            figures = measure(sample, seed=self.seed, resamples=self.scope.resamples)
            yield Scored(scorer=name, split=split, view=view, measures=figures)

    def _scored_other(self, other: Other, held: Mapping[str, HeldOut]) -> Iterable[Scored]:
        scores = baselines.given(self.matrix, other.scores)
        for split in splits_of_others(held):
            theirs = baselines.held_by(held[split], scores)
            yield from (
                one for one in self._scored(other.name, split, theirs) if one.view in other.views
            )

    def _families(self, held: HeldOut) -> tuple[Family, ...]:
        sample = held.behaviour_sample()
        figures = measure(sample, seed=self.seed, rates=(FAMILY_RATE,), resamples=1)
        above = held.behaviour >= figures.at[0].threshold
        rows = self.matrix.rows
        found = []
        for name in sorted({row.technique for row in rows if row.technique}):
            grafts, twins = (
                [
                    at
                    for at, row in enumerate(rows)
                    if row.technique == name
                    and row.population is population
                    and not np.isnan(held.behaviour[at])
                ]
                for population in (Population.GRAFT, Population.TWIN)
            )
            if grafts:
                found.append(
                    Family(
                        name=name,
                        grafts=len(grafts),
                        caught=int(above[grafts].sum()),
                        twins=len(twins),
                        flagged=int(above[twins].sum()),
                    )
                )
        return tuple(found)

    def _ablation(self, grouped: Split, whole: HeldOut) -> tuple[Dropped, ...]:
        if not self.scope.ablation:
            return ()
        return ablate(
            self.matrix,
            grouped,
            whole,
            seed=self.seed,
            numbers=self.scope.numbers,
            resamples=self.scope.resamples,
            progress=self.progress,
        )

    def _curves(
        self, held: Mapping[str, HeldOut], rivals: Mapping[str, HeldOut]
    ) -> Iterable[Curve]:
        named = {f"{MODEL}, {split}": (split, one) for split, one in held.items()}
        named |= {name: ("grouped", one) for name, one in rivals.items()}
        for name, (split, one) in named.items():
            for view, sample in samples_of(name, split, one):
                yield Curve(
                    name=name, view=view, roc=roc_points(sample), precision=precision_points(sample)
                )


def _repeats(rows: Sequence[Row]) -> Iterable[str]:
    """What the table's own names of templates and recipes cannot tell apart."""
    malware = [row.template for row in rows if row.population is Population.MALWARE]
    grafts = [row.template for row in rows if row.population is Population.GRAFT]
    if len(set(malware)) == len(malware):
        yield (
            f"The {len(malware):,} malicious archives are one of a template each: copies were left "
            "out before any split. A random split has little left to be inflated by, and “unseen "
            "templates” says no more than that no copy is in training."
        )
    if len(set(grafts)) == len(grafts):
        yield (
            f"The {len(grafts):,} re-enactments are one of a recipe each. Leaving a recipe out, or "
            "keeping recipes together, therefore leaves others of its technique in training. The "
            "figure that stands for something unseen is that with the technique left out."
        )
