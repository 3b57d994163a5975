"""Which hosts are channels."""

from __future__ import annotations

import pytest

from analyzer.detectors.channels import CHANNELS, OUT_OF_BAND, channel_of


@pytest.mark.parametrize(
    ("host", "channel"),
    [
        ("api.telegram.org", "telegram"),
        ("API.Telegram.org.", "telegram"),
        ("x.y.oast.fun", OUT_OF_BAND),
        ("abc.workers.dev", "edge-worker"),
        ("notworkers.dev", ""),
        ("oast.fun.example.test", ""),
        ("telegram.org", ""),
        ("", ""),
        (".", ""),
        ("localhost", ""),
    ],
)
def test_channel_of__by_whole_labels(host: str, channel: str) -> None:
    assert channel_of(host) == channel


def test_channels__are_lower_case_names_with_a_word() -> None:
    for suffix, word in CHANNELS.items():
        assert suffix == suffix.lower().strip(".")
        assert "." in suffix
        assert word
