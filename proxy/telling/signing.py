"""Signatures of webhooks, as Standard Webhooks 1.0.0 has them (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from models.errors import ValueInvalid

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the specification names
SECRET_BYTES = 32
"""Random bytes of a secret; the specification wants 24 to 64."""
ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"


def make_secret(random_bytes: Callable[[int], bytes]) -> str:
    """A new secret, in the specification's form."""
    return SECRET_PREFIX + base64.b64encode(random_bytes(SECRET_BYTES)).decode()


def signed(secret: str, event_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of one attempt, begun at `at`. Raises ValueInvalid for a broken secret."""
    seconds = str(int(at.timestamp()))
    content = b".".join((event_id.encode(), seconds.encode(), body))
    mac = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return {
        ID: event_id,
        TIMESTAMP: seconds,
        SIGNATURE: "v1," + base64.b64encode(mac).decode(),
    }


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        # Without the error: it may quote the secret.
        raise ValueInvalid("The webhook's secret is not of its form.") from error
