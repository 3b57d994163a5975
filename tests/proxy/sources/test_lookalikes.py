"""Names of dependencies that could be taken for those of popular projects."""

from __future__ import annotations

import pytest
from packaging.utils import NormalizedName

from proxy.sources.lookalikes import Lookalikes


@pytest.mark.parametrize(
    ("project", "days", "target"),
    [
        ("reqeusts", 10, "requests"),
        ("reqeusts", 3_000, ""),
        ("requests", 10, ""),
        ("zzqxv-unlike-anything", 10, ""),
    ],
)
async def test_of__a_name_with_a_second_sign(project: str, days: int, target: str) -> None:
    assert await Lookalikes().of(NormalizedName(project), days) == target
