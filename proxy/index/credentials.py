"""Credentials for an upstream: out of its URL or beside it, as the one header that carries them."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

_BEARER = "Bearer "


def authorization_of(url: str, secret: str = "") -> tuple[str, str]:
    """(`url` without credentials, the Authorization header or nothing).

    `secret` is `user:password`, or `Bearer TOKEN`; it takes the place of what stands in the URL.
    Raises ValueError, which never quotes it.
    """
    parts = urlsplit(url)
    header = _header(secret) if secret else ""
    if not header and parts.username is not None:
        header = _basic(f"{unquote(parts.username)}:{unquote(parts.password or '')}")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host)), header


def _header(secret: str) -> str:
    if not secret.isprintable():
        raise ValueError("the credentials hold something that is no printable character")
    if secret.startswith(_BEARER) and secret.removeprefix(_BEARER).strip():
        return secret
    if ":" not in secret:
        raise ValueError("the credentials are neither USER:PASSWORD nor Bearer TOKEN")
    return _basic(secret)


def _basic(secret: str) -> str:
    return "Basic " + b64encode(secret.encode()).decode()
