"""Decoys that are databases: saved logins, cookies, wallets and chats, as their programs keep them.

The databases themselves are made once for a daemon, with placeholders where the values of a run go,
since making one takes as long as all other decoys together.
"""

from __future__ import annotations

import base64
import functools
import json
import sqlite3

from analyzer.sandbox import layout
from analyzer.sandbox.planting import COMPANY, HEX, URLSAFE, Planting

_SECRET_CHARS = 44
_PLACEHOLDER = b"x" * _SECRET_CHARS
_CHROME = ".config/google-chrome"
_METAMASK = "nkbihfbeogaeaoehlefnkodbefgpgknn"
_LEVELDB_HEAD = b"\x9a\x1f\x3c\x07\x00\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01"


@functools.cache
def _database(*statements: tuple[str, tuple[object, ...]]) -> bytes:
    """A database as a file would hold it; rows carry `_PLACEHOLDER` where a secret goes."""
    database = sqlite3.connect(":memory:")
    try:
        for statement, values in statements:
            database.execute(statement, values)
        database.commit()
        return database.serialize()
    finally:
        database.close()


_LOGINS_TABLE = (
    "CREATE TABLE logins (origin_url VARCHAR NOT NULL, action_url VARCHAR, username_value "
    "VARCHAR, password_value BLOB, signon_realm VARCHAR, date_created INTEGER NOT NULL)"
)
_COOKIES_TABLE = (
    "CREATE TABLE cookies (creation_utc INTEGER NOT NULL, host_key TEXT NOT NULL, name TEXT "
    "NOT NULL, value TEXT NOT NULL, encrypted_value BLOB NOT NULL, path TEXT NOT NULL, "
    "expires_utc INTEGER NOT NULL, is_secure INTEGER NOT NULL)"
)
_LOGINS: tuple[tuple[str, tuple[object, ...]], ...] = (
    (_LOGINS_TABLE, ()),
    (
        "INSERT INTO logins VALUES (?, ?, ?, ?, ?, ?)",
        (
            f"https://mail.{COMPANY}/",
            "",
            layout.USER,
            b"v10" + _PLACEHOLDER,
            f"https://mail.{COMPANY}/",
            13_350_000_000,
        ),
    ),
)
_COOKIES: tuple[tuple[str, tuple[object, ...]], ...] = (
    (_COOKIES_TABLE, ()),
    (
        "INSERT INTO cookies VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            13_350_000_000_000_000,
            f".{COMPANY}",
            "session",
            "",
            b"v10" + _PLACEHOLDER,
            "/",
            13_390_000_000_000_000,
            1,
        ),
    ),
)
_KEY4: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("CREATE TABLE metaData (id PRIMARY KEY UNIQUE ON CONFLICT REPLACE, item1, item2)", ()),
    ("INSERT INTO metaData VALUES ('password', ?, ?)", (_PLACEHOLDER, b"0\x81\x82")),
    ("CREATE TABLE nssPrivate (id PRIMARY KEY UNIQUE ON CONFLICT ABORT, a11, a102)", ()),
    ("INSERT INTO nssPrivate VALUES (1, ?, ?)", (b"0\x81\xa6", b"\xf8" + bytes(14) + b"\x01")),
)


def plant_browsers(plant: Planting) -> None:
    """Chrome's and Firefox's."""
    files = (("Login Data", _LOGINS), ("Cookies", _COOKIES))
    for name, statements in files:
        secret = plant.text(_SECRET_CHARS)
        content = _database(*statements).replace(_PLACEHOLDER, secret.encode())
        plant.file("browser-store", f"{_CHROME}/Default/{name}", content, secret)
    secret = plant.text(64)
    key = base64.b64encode(b"v10" + secret.encode()).decode()
    state = {"os_crypt": {"encrypted_key": key}, "profile": {"last_used": "Default"}}
    plant.file("browser-store", f"{_CHROME}/Local State", json.dumps(state), secret)
    profile = f".mozilla/firefox/{plant.text(8, HEX)}.default-release"
    plant.files[".mozilla/firefox/profiles.ini"] = (
        f"[Profile0]\nName=default-release\nIsRelative=1\nPath={profile.rpartition('/')[2]}\n".encode()
    )
    login, password = plant.text(44), plant.text(60)
    head = "MDoEEPgAAAAAAAAAAAAAAAAAAAEwFAYIKoZIhvcNAwcECA"
    entry = {
        "hostname": f"https://git.{COMPANY}",
        "encryptedUsername": head + login,
        "encryptedPassword": head + password,
    }
    content = json.dumps({"nextId": 2, "logins": [{"id": 1, **entry}], "version": 3}).encode()
    plant.file("browser-store", f"{profile}/logins.json", content, password, login)
    secret = plant.text(_SECRET_CHARS)
    content = _database(*_KEY4).replace(_PLACEHOLDER, secret.encode())
    plant.file("browser-store", f"{profile}/key4.db", content, secret)


def plant_wallets(plant: Planting) -> None:
    """Of programs, and of a browser's extension."""
    text, mac, address = plant.text(64, HEX), plant.text(64, HEX), plant.text(40, HEX)
    crypto = {"ciphertext": text, "kdf": "scrypt", "mac": mac}
    content = json.dumps({"address": address, "crypto": crypto, "version": 3})
    path = f".ethereum/keystore/UTC--2023-04-11T09-12-44.001Z--{address}"
    plant.file("wallet", path, content, text, mac)
    secret = plant.text(48)
    raw = b"\0\0\0\0\1\0\0\0bitcoin\0" + secret.encode() + plant.source.randbytes(200)
    plant.file("wallet", ".bitcoin/wallet.dat", raw, secret)
    secret = plant.text(108)
    seed = {"seed_version": 41, "use_encryption": True, "wallet_type": "standard"}
    content = json.dumps({"keystore": {"type": "bip32", "xprv": f"xprv9s21{secret}"}, **seed})
    plant.file("wallet", ".electrum/wallets/default_wallet", content, secret)
    secret = plant.text(160)
    raw = b"SECO\0\0\0\0\0\0\0\1" + secret.encode()
    plant.file("wallet", ".config/Exodus/exodus.wallet/seed.seco", raw, secret)
    numbers = json.dumps(list(plant.source.randbytes(64)), separators=(",", ":"))
    plant.file("wallet", ".config/solana/id.json", numbers, numbers)
    data, salt = plant.text(220), plant.text(43)
    vault = json.dumps({"data": data, "iv": plant.text(22) + "==", "salt": salt + "="})
    state = json.dumps({"KeyringController": {"vault": vault}})
    folder = f"{_CHROME}/Default/Local Extension Settings/{_METAMASK}"
    plant.file("wallet", f"{folder}/000003.log", _LEVELDB_HEAD + state.encode(), data, salt)
    plant.files[f"{folder}/CURRENT"] = b"MANIFEST-000001\n"


def plant_chats(plant: Planting) -> None:
    """What keeps a user of Discord and Telegram logged in."""
    token = f"MT{plant.text(22)}.{plant.text(6, URLSAFE)}.{plant.text(38, URLSAFE)}"
    raw = _LEVELDB_HEAD + b'\x01_https://discord.com\0\x01token\x42\x01"' + token.encode() + b'"'
    plant.file("chat-session", ".config/discord/Local Storage/leveldb/000005.ldb", raw, token)
    secret = plant.text(260)
    raw = b"TDF$\x10\xc0\x4c\0" + secret.encode()
    plant.file("chat-session", ".local/share/TelegramDesktop/tdata/key_datas", raw, secret)
