"""All features in the order of the vector: the one list that training, scoring and the docs share."""

from __future__ import annotations

from functools import cache

from models.canonical import Digest, digest_of
from models.evidence import Evidence
from models.facts import Facts
from models.trust.features.archive import ARCHIVE
from models.trust.features.behaviour import FOUND, PHASES
from models.trust.features.changes import CHANGES, HANGS
from models.trust.features.context import COVERAGE, SIZES, VOLUMES
from models.trust.features.feature import Direction, Feature
from models.trust.features.missing import MISSING, TELLS
from models.trust.features.shape import HIDDEN, NAMES, RELEASES, SHAPE
from models.trust.features.static import REACHED, STATIC
from models.trust.features.subject import Subject
from models.trust.features.touched import ACTS, CANARIES

SCHEMA = "trust-1"
"""Rises when a feature is measured otherwise than before though its row in the table is the same."""

FEATURES: tuple[Feature, ...] = (
    *ARCHIVE,
    *STATIC,
    *REACHED,
    *HIDDEN,
    *SHAPE,
    *NAMES,
    *RELEASES,
    *PHASES,
    *FOUND,
    *CANARIES,
    *ACTS,
    *CHANGES,
    *HANGS,
    *SIZES,
    *VOLUMES,
    *COVERAGE,
    *MISSING,
    *TELLS,
)
"""In the vector's order. What is learned comes first, so that context can grow behind it."""

LEARNED: tuple[Feature, ...] = tuple(
    feature for feature in FEATURES if feature.direction is not Direction.FREE
)
"""What a model sees; the rest is for negative controls."""


@cache
def features_digest() -> Digest:
    """Covers the schema, and name, layer, unit and direction of all that is learned, in their order.

    Context is left out: a model never saw it, and is not stale because another control was added.
    """
    table = [
        [feature.name, feature.layer.value, feature.unit, int(feature.direction)]
        for feature in LEARNED
    ]
    return digest_of({"schema": SCHEMA, "features": table})


def vector_of(evidence: Evidence, facts: Facts | None = None) -> tuple[float, ...]:
    """Every feature, in the order of FEATURES. NaN: not measured."""
    subject = Subject.of(evidence, facts)
    return tuple([feature.measure(subject) for feature in FEATURES])


def learned_of(evidence: Evidence, facts: Facts | None = None) -> tuple[float, ...]:
    """What a model sees of it, in the order of LEARNED."""
    subject = Subject.of(evidence, facts)
    return tuple([feature.measure(subject) for feature in LEARNED])
