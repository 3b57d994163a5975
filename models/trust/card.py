"""A trained model's card: what it was made of and what it may be used with, every field checked."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from models.canonical import Digest, digest_of_bytes
from models.errors import ArtefactInvalid
from models.trust.declared import DECLARED, Declared
from models.trust.scale import Scale, log_odds

CARD_BYTES_MAX = 1024 * 1024
"""Bytes of a card; one of 200 features and 100 metrics is below 20 KiB."""
MODEL_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of a model's text; 500 trees of 31 leaves are about 2 MB."""
FEATURES_MAX = 2_000
CARD_SUFFIX = ".json"
MODEL_SUFFIX = ".txt"
RESERVED_NAMES = frozenset({"default", "rules"})
"""Names that a policy gives to something else."""

NEXT_STEP = "Install Pratique again, or train and package the model again."

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,39}\Z")]
FeatureName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_.]{0,99}\Z")]
Sum = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
Probability = Annotated[float, Meta(gt=0, lt=1)]
LogOdds = Annotated[float, Meta(ge=-1000, le=1000)]
ShortText = Annotated[str, Meta(min_length=1, max_length=40)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """Calibration (Platt, 1999): log-odds = slope × raw margin + intercept."""

    slope: Annotated[float, Meta(gt=0, le=1000)]
    """Above 0: a calibration that turns the order round is a mistake."""
    intercept: LogOdds


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What stands in `<name>.json` beside `<name>.txt`. Its digest is that of the file's bytes."""

    name: Name
    schema: ShortText
    """The features' schema, such as `trust-1`."""
    features: Annotated[tuple[FeatureName, ...], Meta(min_length=1, max_length=FEATURES_MAX)]
    """Names in the order of the model's columns."""
    features_digest: Sum
    model_sha256: Sum
    """Of the bytes of `<name>.txt`."""
    data_digest: Sum
    split_digest: Sum
    seed: Annotated[int, Meta(ge=0)]
    platt: Platt
    prior_training: Probability
    """Share of malicious weight that the calibration was made with."""
    prior_deployment: Probability
    """Share of malicious files where it decides (about 0.001 of new uploads, FACTS.md section 3)."""
    edges: tuple[LogOdds, LogOdds, LogOdds]
    """Log-odds of the scores 80|81, 60|61 and 30|31, ascending, after the shift of the prior."""
    declared: Declared = field(default=DECLARED)
    created: datetime
    lightgbm: ShortText
    """The version that trained it."""
    metrics: dict[str, float]

    @property
    def prior_shift(self) -> float:
        """Log-odds to add, so that what was calibrated at one prior holds at the other."""
        return log_odds(self.prior_deployment) - log_odds(self.prior_training)

    @property
    def scale_milli(self) -> Scale:
        """The scale in thousandths of log-odds."""
        return Scale.in_milli(self.edges)


def encode_card(card: Card) -> bytes:
    """The bytes of a card's file: the same for the same card, and readable."""
    text = msgspec.json.encode(card, order="deterministic")
    return msgspec.json.format(text, indent=2) + b"\n"


def decode_card(data: bytes, *, name: str) -> Card:
    """The card called `name` in `data`. Raises ArtefactInvalid, which says what is wrong."""
    if len(data) > CARD_BYTES_MAX:
        raise _invalid(name, f"is longer than {CARD_BYTES_MAX} bytes")
    try:
        stated = msgspec.json.decode(data, type=dict[str, object])
        card = msgspec.json.decode(data, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(name, f"cannot be read: {error}") from error
    known = {one.name for one in fields(Card)}
    if missing := sorted(known - set(stated)):
        raise _invalid(name, f"lacks {', '.join(missing)}")
    if unknown := sorted(set(stated) - known):
        raise _invalid(name, f"has unknown fields: {', '.join(unknown)[:200]}")
    _check(card, name)
    return card


def read_artefact(folder: Path, name: str) -> tuple[Card, bytes, bytes]:
    """The card, its bytes, and the model's bytes, which are those that the card names.

    Raises ArtefactInvalid where a file is missing, too large or not what its digest says.
    """
    stated = _read(folder / f"{name}{CARD_SUFFIX}", CARD_BYTES_MAX, name)
    card = decode_card(stated, name=name)
    model = _read(folder / f"{name}{MODEL_SUFFIX}", MODEL_BYTES_MAX, name)
    found = digest_of_bytes(model)
    if found != card.model_sha256:
        raise ArtefactInvalid(
            f"The model {name}{MODEL_SUFFIX} is {found}, and its card says {card.model_sha256}.",
            next_step=NEXT_STEP,
        )
    return card, stated, model


def check_features(card: Card, *, learned: tuple[str, ...], digest: Digest) -> None:
    """Raises ArtefactInvalid where the features are not those that this Pratique measures.

    A model may leave features out; those it has must stand in the order of `learned`.
    """
    if card.features_digest != digest:
        raise ArtefactInvalid(
            f"The model {card.name} was trained on the features {card.features_digest} "
            f"({card.schema}); this Pratique measures {digest}.",
            next_step=NEXT_STEP,
        )
    kept = set(card.features)
    if card.features != tuple(name for name in learned if name in kept):
        raise ArtefactInvalid(
            f"The features of the model {card.name} are not in the order in which they are measured.",
            next_step=NEXT_STEP,
        )


def _check(card: Card, name: str) -> None:
    if card.name != name:
        raise _invalid(name, f"is that of {card.name}")
    if name in RESERVED_NAMES:
        raise _invalid(name, "has a name that a policy gives to something else")
    if len(set(card.features)) != len(card.features):
        raise _invalid(name, "names a feature twice")
    first, middle, last = (round(edge * 1000) for edge in card.edges)
    if not first < middle < last:
        raise _invalid(name, f"has edges that do not ascend: {card.edges}")
    if card.created.tzinfo is None:
        raise _invalid(name, "has a time without a zone")
    for steps in (
        card.declared.project_age_days,
        card.declared.release_age_days,
        card.declared.release_count,
        card.declared.popularity_rank,
    ):
        if any(one.below >= other.below for one, other in pairwise(steps)):
            raise _invalid(name, "has declared steps that do not ascend")


def _invalid(name: str, message: str) -> ArtefactInvalid:
    return ArtefactInvalid(f"The card {name}{CARD_SUFFIX} {message}.", next_step=NEXT_STEP)


def _read(path: Path, bytes_max: int, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise ArtefactInvalid(
            f"The model {name} cannot be read: {path.name}: {error.strerror}.", next_step=NEXT_STEP
        ) from error
    if len(data) > bytes_max:
        raise ArtefactInvalid(f"{path.name} is longer than {bytes_max} bytes.", next_step=NEXT_STEP)
    return data
