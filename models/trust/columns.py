"""The columns that learned models are given: features in order, their digest, and how a row is measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from models.canonical import Digest
from models.evidence import Evidence, Layer
from models.facts import Facts
from models.trust.features.feature import Feature

Measuring = Callable[[Evidence, Facts | None], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Columns:
    """What one version of Pratique measures for models."""

    features: tuple[Feature, ...]
    """In the order of what `measure` gives."""
    digest: Digest
    measure: Measuring
    """Evidence and facts → one number for each feature; NaN: not measured."""

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(feature.name for feature in self.features)

    def row(
        self, names: tuple[str, ...], evidence: Evidence, facts: Facts | None, off: frozenset[Layer]
    ) -> tuple[float, ...]:
        """The values of `names`; NaN for features of a layer in `off`."""
        values = {
            feature.name: math.nan if feature.layer in off else value
            for feature, value in zip(self.features, self.measure(evidence, facts), strict=True)
        }
        return tuple(values[name] for name in names)


@cache
def shipped_columns() -> Columns:
    """Those of `models.trust.features.catalog`, which is loaded when first a model is."""
    from models.trust.features import catalog  # noqa: PLC0415 - 300 features, for models alone

    learned = frozenset(feature.name for feature in catalog.LEARNED)
    kept = tuple(at for at, one in enumerate(catalog.FEATURES) if one.name in learned)

    def measure(evidence: Evidence, facts: Facts | None) -> tuple[float, ...]:
        vector = catalog.vector_of(evidence, facts)
        return tuple([vector[at] for at in kept])

    return Columns(
        features=tuple(catalog.FEATURES[at] for at in kept),
        digest=catalog.features_digest(),
        measure=measure,
    )
