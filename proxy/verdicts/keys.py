"""The Ed25519 key that signs verdicts: made, kept in a file of its owner alone, and read again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from models.errors import ValueInvalid

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
PUBLIC_SUFFIX = ".pub"
"""Behind the private key's name: what is handed out."""
KEY_BYTES_MAX = 16 * 1024
"""Bytes of a key file; an Ed25519 key in PEM has some 120."""

_MAKE = "`pratique verdict key FILE` makes a pair."


def make_pair(path: Path) -> Path:
    """Write a new private key to `path` (mode 0600) and its public half beside it; that one's path.

    Neither file may be there: a key that is lost makes every verdict under it worthless. Raises
    ValueInvalid.
    """
    key = Ed25519PrivateKey.generate()
    public = path.with_name(path.name + PUBLIC_SUFFIX)
    if public.exists() or public.is_symlink():
        raise _taken(public)
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(path, private_pem, PRIVATE_MODE)
    _write_new(public, _public_pem(key.public_key()), PUBLIC_MODE)
    return public


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key in `path`. Raises ValueInvalid, also where others may read the file."""
    data, mode = _read(path)
    if mode & 0o077:
        raise ValueInvalid(
            f"Others than its owner may use the private key {path} (mode {mode & 0o777:03o}).",
            next_step=f"chmod 600 {path}; if anybody may have read it, make another.",
        )
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueInvalid(
            f"{path} is no private key that can be read: {error}.", next_step=_MAKE
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueInvalid(f"{path} is no Ed25519 key.", next_step=_MAKE)
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """The public key in `path`. Raises ValueInvalid."""
    data, _ = _read(path)
    if b"PRIVATE KEY" in data:
        raise ValueInvalid(
            f"{path} is a private key, and a verdict is checked with the public one.",
            next_step=f"Name {path}{PUBLIC_SUFFIX}, and hand out no private key.",
        )
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueInvalid(
            f"{path} is no public key that can be read: {error}.", next_step=_MAKE
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueInvalid(f"{path} is no Ed25519 key.", next_step=_MAKE)
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """The name of a key: hex sha256 of its SubjectPublicKeyInfo in DER."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.open(path, flags, mode)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise ValueInvalid(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(file, "wb") as out:
        os.fchmod(out.fileno(), mode)  # whatever the umask took or left
        out.write(data)


def _read(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            data = file.read(KEY_BYTES_MAX + 1)
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ValueInvalid(f"{path} cannot be read: {error.strerror}.", next_step=_MAKE) from error
    if len(data) > KEY_BYTES_MAX:
        raise ValueInvalid(f"{path} is too long for a key.", next_step=_MAKE)
    return data, mode


def _taken(path: Path) -> ValueInvalid:
    return ValueInvalid(
        f"{path} is there already, and a key is never overwritten.",
        next_step="Name another file.",
    )
