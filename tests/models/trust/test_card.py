"""A card is checked field by field, and a model that is not the one it names is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.canonical import digest_of
from models.errors import ArtefactInvalid
from models.trust.card import (
    CARD_BYTES_MAX,
    check_features,
    decode_card,
    encode_card,
    read_artefact,
)
from models.trust.declared import DECLARED, RiskStep
from tests.models.trust.shelved import COLUMNS, NAME, card, model_text, put

Change = Callable[[dict[str, Any]], None]


def stated() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_card(card()))
    return found


def test_encode__decodes_to_the_same_card() -> None:
    assert decode_card(encode_card(card()), name=NAME) == card()
    assert encode_card(card()) == encode_card(card())


def test_prior_shift__is_the_difference_of_log_odds() -> None:
    assert card(prior_training=0.5, prior_deployment=0.5).prior_shift == 0
    shift = card(prior_training=0.5, prior_deployment=0.001).prior_shift
    assert shift == pytest.approx(-6.9068, abs=1e-4)


@pytest.mark.parametrize("missing", sorted(stated()))
def test_decode__a_field_that_is_missing_is_named(missing: str) -> None:
    fields = stated()
    del fields[missing]
    with pytest.raises(ArtefactInvalid, match=missing):
        decode_card(json.dumps(fields).encode(), name=NAME)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"name": "Tiny"},
        {"features": []},
        {"features": ["static.decode_exec", "static.decode_exec"]},
        {"features": ["not a name"]},
        {"model_sha256": "sha256:abc"},
        {"data_digest": ""},
        {"seed": -1},
        {"platt": {"slope": 0, "intercept": 0}},
        {"platt": {"slope": -1, "intercept": 0}},
        {"prior_training": 0},
        {"prior_deployment": 1},
        {"edges": [1, 0, -1]},
        {"edges": [0.0001, 0.0002, 0.0003]},
        {"edges": [0, 1]},
        {"edges": [0, 1, 1e300]},
        {"created": "2026-04-01T00:00:00"},
        {"metrics": {"auprc": "good"}},
        {"declared": {"lowest": -90_000}},
        {"unheard_of": 1},
    ],
    ids=lambda changes: json.dumps(changes)[:40],
)
def test_decode__a_field_that_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ArtefactInvalid) as caught:
        decode_card(json.dumps(stated() | changes).encode(), name=NAME)
    assert caught.value.next_step


def test_decode__steps_out_of_order_are_refused() -> None:
    steps = (RiskStep(below=90, milli=1), RiskStep(below=30, milli=2))
    wrong = card(declared=replace(DECLARED, project_age_days=steps))
    with pytest.raises(ArtefactInvalid, match="ascend"):
        decode_card(encode_card(wrong), name=NAME)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"\xff", b"[" * 5000, b" " * CARD_BYTES_MAX + b" "]
)
def test_decode__what_is_no_card_is_refused(data: bytes) -> None:
    with pytest.raises(ArtefactInvalid):
        decode_card(data, name=NAME)


def test_decode__a_reserved_name_is_refused() -> None:
    with pytest.raises(ArtefactInvalid, match="policy"):
        decode_card(encode_card(card(name="rules")), name="rules")


def test_read__gives_card_and_model(tmp_path: Path) -> None:
    put(tmp_path)
    found, data, text = read_artefact(tmp_path, NAME)
    assert (found, data, text) == (card(), encode_card(card()), model_text())


def test_read__one_other_byte_of_the_model_is_named_with_both_digests(tmp_path: Path) -> None:
    text = bytearray(model_text())
    text[len(text) // 2] ^= 1
    put(tmp_path, text=bytes(text))
    with pytest.raises(ArtefactInvalid, match="and its card says") as caught:
        read_artefact(tmp_path, NAME)
    assert card().model_sha256 in caught.value.message
    assert caught.value.next_step


@pytest.mark.parametrize("suffix", [".json", ".txt"])
def test_read__a_file_that_is_missing_is_named(tmp_path: Path, suffix: str) -> None:
    put(tmp_path)
    (tmp_path / f"{NAME}{suffix}").unlink()
    with pytest.raises(ArtefactInvalid, match=f"{NAME}{suffix}"):
        read_artefact(tmp_path, NAME)


def test_check__other_features_and_another_order_are_refused() -> None:
    check_features(card(), learned=COLUMNS.names, digest=COLUMNS.digest)
    fewer = card(features=COLUMNS.names[::2])
    check_features(fewer, learned=COLUMNS.names, digest=COLUMNS.digest)
    with pytest.raises(ArtefactInvalid, match="trained on the features"):
        check_features(card(), learned=COLUMNS.names, digest=digest_of("others"))
    for wrong in (COLUMNS.names[::-1], ("static.unknown",)):
        with pytest.raises(ArtefactInvalid, match="order"):
            check_features(card(features=wrong), learned=COLUMNS.names, digest=COLUMNS.digest)
