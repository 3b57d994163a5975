"""Signatures are those of the specification."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from models.errors import ValueInvalid
from proxy.telling.signing import SECRET_BYTES, make_secret, signed


def test_signed__the_published_example() -> None:
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_make_secret__is_of_the_specifications_form() -> None:
    made = make_secret(lambda count: bytes(range(count)))
    assert made.startswith("whsec_")
    assert len(base64.b64decode(made.removeprefix("whsec_"))) == SECRET_BYTES


def test_signed__a_broken_secret_is_not_repeated() -> None:
    with pytest.raises(ValueInvalid) as caught:
        signed("whsec_not base64!", "evt_1", datetime.now(UTC), b"")
    assert "not base64" not in str(caught.value)
    assert caught.value.__cause__ is not None
