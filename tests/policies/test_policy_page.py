"""docs/policy.md: what it shows can be used, and it names every condition of a rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies.document import DEFAULT_POLICY_TOML, parse_policy

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
BLOCKS = [
    block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[[case]]" not in block
]
CONDITIONS = re.findall(
    r"^# ([a-z0-9_]+) =", DEFAULT_POLICY_TOML.partition("# [[rule]]")[2], re.MULTILINE
)


@pytest.mark.parametrize("block", BLOCKS)
def test_page__each_example_is_sound(block: str) -> None:
    text = block if block.startswith("mode") else f'mode = "enforce"\n{block}'
    assert parse_policy(text, source="docs/policy.md").digest


def test_page__names_every_condition() -> None:
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert len(CONDITIONS) > 15
    for key in set(CONDITIONS) - {"name", "outcome"}:
        assert f"`{key}`" in rows, key
