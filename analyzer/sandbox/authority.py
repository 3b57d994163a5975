"""A throw-away certificate authority: keys and certificates by the OpenSSL that Python's ssl uses.

Made by a sinkhole for its one run, and gone with it. The private key never leaves the process's
memory. No cryptography and no ASN.1 of our own: ctypes on libcrypto, found through `_ssl` itself, so
that it is the very library that then reads the certificates. Needs OpenSSL 3.0 (EVP_PKEY_Q_keygen).
"""

from __future__ import annotations

import _ssl
import ctypes
import ipaddress
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LEAVES_MAX = 128
"""Certificates kept; a box that asks for more names has them made again."""
NAME_CHARS_MAX = 253
_COMMON_NAME_CHARS_MAX = 64  # ub-common-name, RFC 5280
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\Z")
"""What may be put into an extension's text: nothing in it has a meaning to OpenSSL's configuration."""
_DAY_S = 86_400
_AUTHORITY_DAYS = (-900, 2700)
_LEAF_DAYS = (-200, 500)
"""Days from now; wide, since a box may be shown another clock."""

_PKEY_EC, _SHA256_V3 = b"EC", 2
_CURVE = b"P-256"
_MBSTRING_ASC = 0x1001
# NIDs of objects.h: stable, they are part of the library's interface.
_SUBJECT_KEY, _KEY_USAGE, _ALT_NAME, _BASIC, _AUTHORITY_KEY, _EXTENDED = 82, 83, 85, 87, 90, 126
_GROUPS = ("Alder", "Brandt", "Castell", "Dorn", "Elmar", "Falk", "Granit", "Hansa", "Isar", "Juno")
_TRADES = ("Energy", "Foods", "Insurance", "Logistics", "Media", "Motors", "Pharma", "Systems")
_FORMS = ("AG", "Group", "Holding", "Inc.", "Ltd", "SE")
_ROLES = ("Proxy CA", "Root CA", "Internal Root CA", "TLS Inspection CA", "Web Gateway CA")


class AuthorityFailed(Exception):
    """OpenSSL refused to make a key or certificate: our fault, or a library that is too old."""


_LIB = ctypes.CDLL(_ssl.__file__)
_POINTERS = (
    *("EVP_PKEY_Q_keygen", "X509_new", "X509_get_subject_name", "X509_getm_notBefore"),
    *("X509_getm_notAfter", "X509_get_serialNumber", "X509_gmtime_adj", "X509V3_EXT_conf_nid"),
    *("BIO_new", "BIO_s_mem", "EVP_sha256"),
)
for _name in _POINTERS:
    getattr(_LIB, _name).restype = ctypes.c_void_p
_LIB.X509_subject_name_hash.restype = ctypes.c_ulong
_LIB.BIO_ctrl.restype = ctypes.c_long


def _p(value: int | None) -> ctypes.c_void_p:
    """A pointer argument; ctypes would cut a plain int to 32 bits."""
    if not value:
        raise AuthorityFailed("OpenSSL gave no object")
    return ctypes.c_void_p(value)


def _done(result: int) -> None:
    if result <= 0:
        raise AuthorityFailed("OpenSSL refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a box needs in order to trust the authority: no secret."""

    pem: str
    hash_name: str
    """The file name by which OpenSSL looks it up in a folder of certificates."""


class Authority:
    """The authority of one run. `context` gives a server side for a name or an address."""

    def __init__(self) -> None:
        self._key = _new_key()
        self._leaf_key: int | None = None
        self._name = _company_name()
        self._certificate = self._make(None)
        self._contexts: dict[str, ssl.SSLContext] = {}
        pem = _pem(lambda bio: _LIB.PEM_write_bio_X509(bio, _p(self._certificate)))
        number = _LIB.X509_subject_name_hash(_p(self._certificate)) & 0xFFFFFFFF
        self.trust = Trust(pem=pem.decode("ascii"), hash_name=f"{number:08x}.0")

    def context(self, name: str, address: str) -> ssl.SSLContext:
        """For clients that ask for `name`, or only know the `address`. Raises AuthorityFailed."""
        asked = name.lower().rstrip(".")
        host = asked if _HOST.match(asked) and not _is_address(asked) else address
        if host not in self._contexts:
            if len(self._contexts) >= LEAVES_MAX:
                self._contexts.pop(next(iter(self._contexts)))
            self._contexts[host] = self._make_context(host)
        return self._contexts[host]

    def _make_context(self, host: str) -> ssl.SSLContext:
        if self._leaf_key is None:
            self._leaf_key = _new_key()
        certificate = self._make(host)
        try:
            chain = _pem(lambda bio: _LIB.PEM_write_bio_X509(bio, _p(certificate)))
        finally:
            _LIB.X509_free(_p(certificate))
        none = ctypes.c_void_p(None)
        secret = _pem(
            lambda bio: _LIB.PEM_write_bio_PKCS8PrivateKey(
                bio, _p(self._leaf_key), none, none, 0, none, none
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # whoever comes is let in
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.set_alpn_protocols(["http/1.1"])
        context.num_tickets = 0
        with _file(secret + chain + self.trust.pem.encode()) as path:
            context.load_cert_chain(path)
        return context

    def _make(self, host: str | None) -> int:
        """A certificate; `host` None: the authority's own. The caller frees it."""
        certificate: int = _LIB.X509_new()
        try:
            self._fill(certificate, host)
        except BaseException:
            _LIB.X509_free(_p(certificate))
            raise
        return certificate

    def _fill(self, certificate: int, host: str | None) -> None:
        own = host is None
        made = _p(certificate)
        _done(_LIB.X509_set_version(made, ctypes.c_long(_SHA256_V3)))
        serial = ctypes.c_uint64(int.from_bytes(os.urandom(8), "big") >> 1 | 1)
        _done(_LIB.ASN1_INTEGER_set_uint64(_p(_LIB.X509_get_serialNumber(made)), serial))
        days = _AUTHORITY_DAYS if own else _LEAF_DAYS
        ends = (_LIB.X509_getm_notBefore(made), _LIB.X509_getm_notAfter(made))
        for end, day in zip(ends, days, strict=True):
            _p(_LIB.X509_gmtime_adj(_p(end), ctypes.c_long(day * _DAY_S)))
        organisation, common = self._name
        name = _LIB.X509_get_subject_name(made)
        _add_entry(name, b"O", organisation)
        _add_entry(name, b"CN", common if own else str(host)[:_COMMON_NAME_CHARS_MAX])
        issuer = made if own else _p(self._certificate)
        _done(_LIB.X509_set_issuer_name(made, _p(_LIB.X509_get_subject_name(issuer))))
        _done(_LIB.X509_set_pubkey(made, _p(self._key if own else self._leaf_key)))
        for nid, text in _extensions(host):
            _extend(made, issuer, nid, text)
        _done(_LIB.X509_sign(made, _p(self._key), _p(_LIB.EVP_sha256())))


def _extensions(host: str | None) -> tuple[tuple[int, str], ...]:
    """(NID, OpenSSL's text) of each extension; all that strict clients ask for (Python 3.13 does)."""
    if host is None:
        return (
            (_BASIC, "critical,CA:TRUE"),
            (_KEY_USAGE, "critical,keyCertSign,cRLSign"),
            (_SUBJECT_KEY, "hash"),
        )
    kind = "IP" if _is_address(host) else "DNS"
    return (
        (_BASIC, "critical,CA:FALSE"),
        (_KEY_USAGE, "critical,digitalSignature"),
        (_EXTENDED, "serverAuth"),
        (_SUBJECT_KEY, "hash"),
        (_AUTHORITY_KEY, "keyid:always"),
        (_ALT_NAME, f"{kind}:{host}"),
    )


def _extend(made: ctypes.c_void_p, issuer: ctypes.c_void_p, nid: int, text: str) -> None:
    scratch = ctypes.create_string_buffer(256)  # X509V3_CTX, some 60 bytes
    none = ctypes.c_void_p(None)
    _LIB.X509V3_set_ctx(scratch, issuer, made, none, none, 0)
    extension = _p(_LIB.X509V3_EXT_conf_nid(none, scratch, nid, text.encode("ascii")))
    try:
        _done(_LIB.X509_add_ext(made, extension, -1))
    finally:
        _LIB.X509_EXTENSION_free(extension)


def _add_entry(name: int, kind: bytes, text: str) -> None:
    data = text.encode("ascii")
    _done(_LIB.X509_NAME_add_entry_by_txt(_p(name), kind, _MBSTRING_ASC, data, len(data), -1, 0))


def _new_key() -> int:
    key: int | None = _LIB.EVP_PKEY_Q_keygen(None, None, _PKEY_EC, _CURVE)
    if not key:
        raise AuthorityFailed("OpenSSL made no key")
    return key


def _pem(write: object) -> bytes:
    """What `write` writes into a memory BIO."""
    bio = _p(_LIB.BIO_new(_p(_LIB.BIO_s_mem())))
    try:
        _done(write(bio))  # type: ignore[operator]
        start = ctypes.c_void_p()
        info = 3  # BIO_CTRL_INFO
        size = _LIB.BIO_ctrl(bio, info, ctypes.c_long(0), ctypes.byref(start))
        return ctypes.string_at(start, size)
    finally:
        _LIB.BIO_free(bio)


@contextmanager
def _file(data: bytes) -> Iterator[str]:
    """A path to `data` that nobody else can open: ssl loads certificates from files only."""
    descriptor = os.memfd_create("chain", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, data)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _company_name() -> tuple[str, str]:
    """(organisation, common name) such as a company gives to what opens its TLS; new each time."""
    dice = os.urandom(5)
    picked = [
        some[byte % len(some)]
        for some, byte in zip((_GROUPS, _TRADES, _FORMS, _ROLES), dice, strict=False)
    ]
    organisation = " ".join(picked[:3])
    return organisation, f"{picked[0]} {picked[1]} {picked[3]} G{dice[4] % 4 + 1}"
