"""Keys: made once, kept from others, never overwritten, and told apart."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from models.errors import ValueInvalid
from proxy.verdicts.keys import KEY_BYTES_MAX, key_id, make_pair, read_private, read_public


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_make_pair__only_its_owner_reads_the_private_key(tmp_path: Path, mask: int) -> None:
    file = tmp_path / "k.pem"
    before = os.umask(mask)
    try:
        public = make_pair(file)
    finally:
        os.umask(before)
    assert mode(file) == 0o600
    assert mode(public) == 0o644
    assert public == tmp_path / "k.pem.pub"
    assert read_private(file).public_key() == read_public(public)
    assert b"PRIVATE" not in public.read_bytes()


@pytest.mark.parametrize("taken", ["k.pem", "k.pem.pub"])
def test_make_pair__overwrites_nothing(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(ValueInvalid) as caught:
        make_pair(tmp_path / "k.pem")
    assert caught.value.next_step
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {taken: "precious"}


@pytest.mark.parametrize("taken", ["k.pem", "k.pem.pub"])
def test_make_pair__follows_no_link(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueInvalid):
        make_pair(tmp_path / "k.pem")
    assert not (tmp_path / "elsewhere").exists()


def test_make_pair__never_makes_the_same_twice(tmp_path: Path) -> None:
    publics = [make_pair(tmp_path / name) for name in "abc"]
    assert len({key_id(read_public(public)) for public in publics}) == 3


def test_make_pair__where_there_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueInvalid):
        make_pair(tmp_path / "none" / "k.pem")


@pytest.mark.parametrize("bits", [0o040, 0o004, 0o020])
def test_read_private__refuses_a_key_that_others_may_use(tmp_path: Path, bits: int) -> None:
    file = tmp_path / "k.pem"
    make_pair(file)
    file.chmod(0o600 | bits)
    with pytest.raises(ValueInvalid) as caught:
        read_private(file)
    assert "chmod 600" in caught.value.next_step


def test_read_public__refuses_a_private_key_and_says_so(tmp_path: Path) -> None:
    make_pair(tmp_path / "k.pem")
    with pytest.raises(ValueInvalid) as caught:
        read_public(tmp_path / "k.pem")
    assert "private key" in caught.value.message
    assert "k.pem.pub" in caught.value.next_step


def test_read__refuses_keys_of_other_sorts(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    private, public = tmp_path / "ec", tmp_path / "ec.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private.chmod(0o600)
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    for read, file in ((read_private, private), (read_public, public)):
        with pytest.raises(ValueInvalid) as caught:
            read(file)
        assert "no Ed25519 key" in caught.value.message
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    with pytest.raises(ValueInvalid):
        read_private(private)


@pytest.mark.parametrize("data", [b"", b"nonsense", b"-" * (KEY_BYTES_MAX + 1)])
def test_read__refuses_what_is_no_key(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "k"
    file.write_bytes(data)
    file.chmod(0o600)
    with pytest.raises(ValueInvalid):
        read_private(file)
    with pytest.raises(ValueInvalid):
        read_public(file)
    with pytest.raises(ValueInvalid):
        read_public(tmp_path / "none")
