"""What makes a box trust the authority that opens its TLS: the machine's bundle with one more in it.

Companies that look into their TLS roll their own authority out in just this way, so that a box looks
like one of their machines. Written as root into a folder that no box can write to.
"""

from __future__ import annotations

import stat
from pathlib import Path

from analyzer.sandbox import layout
from analyzer.sandbox.authority import Trust
from analyzer.sandbox.boxes import Mount

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian's OpenSSL, curl and Python look (ca-certificates)."""
BUNDLE_BYTES_MAX = 4 << 20
"""Bytes of the machine's bundle that are taken; Debian's has 220 KB."""
_NAMES = (
    "SSL_CERT_FILE",  # OpenSSL, so Python's ssl, httpx, uv
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
)
VARIABLES = dict.fromkeys(_NAMES, BUNDLE)
"""For programs that would look into a bundle of their own, such as certifi's."""


def install(root: Path, trust: Trust) -> None:
    """Put the bundle where boxes of the cell at `root` see it at BUNDLE."""
    folder = root / Path(BUNDLE).parent.relative_to("/")
    folder.mkdir(parents=True, exist_ok=True)
    own = trust.pem.encode("ascii")
    (folder / Path(BUNDLE).name).write_bytes(_of_the_machine() + own)
    (folder / trust.hash_name).write_bytes(own)


_CERTIFI = f"{layout.DEPS_SITE}/certifi/cacert.pem"
"""Many name certifi's bundle outright; as a dependency it is read-only, and ours lies over it."""


def over_certifi(root: Path) -> tuple[Mount, ...]:
    """The bind that puts the bundle over that of a certifi among the dependencies, if there is one."""
    bundle, theirs = root / BUNDLE.lstrip("/"), root / _CERTIFI.lstrip("/")
    try:
        plain = stat.S_ISREG(theirs.lstat().st_mode) and stat.S_ISDIR(theirs.parent.lstat().st_mode)
    except OSError:
        return ()
    if not plain or not bundle.exists():
        return ()
    return (Mount(source=str(bundle), target=_CERTIFI),)


def _of_the_machine() -> bytes:
    try:
        with Path(BUNDLE).open("rb") as source:
            return source.read(BUNDLE_BYTES_MAX)
    except OSError:  # a machine without any: the box trusts our authority alone
        return b""
