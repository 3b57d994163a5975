"""The 36 columns as numbers that one run decides by itself."""

from __future__ import annotations

import math

from models.categories import Categories
from models.research.dysec import NAMES, NOT_TRACED, dysec_vector
from models.research.qut import FEATURES
from tests.models.research.test_qut import RUN

EXPECTED = {
    "Root_DIR_Installation": 1,
    "Temporary_DIR_Installation": 2,
    "Other_DIR_Installation": 3,
    "State_Transition": 3,
    "Remote_IP_Address_Access": 2,
    "Read_Processes": 2,
    "Write_Processes": 1,
    "Total_Dependencies": 2,
    "Direct_Dependencies": 1,
    "File_Operations": 7,
    "Pattern_1": 12,
    "Pattern_2": 9,
    "Pattern_3": 1,
    "Pattern_4": 0,
    "Pattern_6": 9,
    "Pattern_7": 7,
    "Pattern_8": 5,
    "Pattern_9": 1,
    "Pattern_10": 0,
}


def test_names__are_the_datasets_in_its_order() -> None:
    assert tuple(f"dysec.{feature.name}" for feature in FEATURES) == NAMES
    assert len(NAMES) == 36


def test_vector__counts_what_each_column_holds() -> None:
    vector = dict(zip(NAMES, dysec_vector(RUN), strict=True))
    assert {name: vector[f"dysec.{name}"] for name in EXPECTED} == EXPECTED


def test_vector__of_an_empty_run_is_zero_and_of_none_is_nan() -> None:
    assert dysec_vector(Categories()) == (0.0,) * 36
    assert len(NOT_TRACED) == 36
    assert all(map(math.isnan, dysec_vector(None)))
