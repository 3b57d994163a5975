"""The one room of LightGBM where predictions are made: one row, one thread, raw margins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from models.errors import ArtefactInvalid

# Read by OpenMP and OpenBLAS when they are loaded, which is on the import below. Predicting one row
# needs no second thread, and a process that has one cannot be confined any more.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import lightgbm  # noqa: E402 - behind the threads' bound
import numpy as np  # noqa: E402

_ONE_THREAD = {"num_threads": 1}


class Booster:
    """A model read from LightGBM's text. Higher margins are riskier."""

    def __init__(self, text: bytes, *, name: str) -> None:
        """Raises ArtefactInvalid where `text` is not a binary model that LightGBM reads."""
        try:
            # LightGBM ends the process's trust in a file by an exception of its own.
            self._booster: Any = lightgbm.Booster(model_str=text.decode("ascii"))
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError, ValueError) as error:
            raise ArtefactInvalid(
                f"LightGBM cannot read the model {name}: {str(error)[:200]}",
                next_step="Train and package the model again.",
            ) from error
        if self._booster.num_model_per_iteration() != 1:
            raise ArtefactInvalid(
                f"The model {name} tells more than two classes apart.",
                next_step="Train and package the model again.",
            )

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._booster.feature_name())

    def margin(self, row: Sequence[float]) -> float:
        """The raw margin (log-odds as trained, uncalibrated) of one row; NaN is a value that is missing."""
        return float(self._booster.predict(_matrix(row), raw_score=True, **_ONE_THREAD)[0])

    def contributions(self, row: Sequence[float]) -> tuple[float, ...]:
        """What each column adds to the margin, then the base that they start from (TreeSHAP).

        One number more than columns; their sum is the margin but for the last bits.
        """
        told = self._booster.predict(_matrix(row), pred_contrib=True, **_ONE_THREAD)[0]
        return tuple(float(value) for value in told)


def _matrix(row: Sequence[float]) -> Any:
    return np.asarray([row], dtype=np.float64)
