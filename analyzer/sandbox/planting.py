"""Collects what is planted in one run: every value with an id, and where it lies."""

from __future__ import annotations

import base64
import random
import string
from dataclasses import dataclass, field

from analyzer.sandbox import layout
from analyzer.sandbox.protocol import Canary

ALNUM = string.ascii_letters + string.digits
LABEL = string.ascii_lowercase + string.digits
"""What a DNS label keeps as it is."""
UPPER = string.ascii_uppercase + "234567"
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"
COMPANY = "corp.example"


@dataclass
class Planting:
    """Collects while the decoys are made."""

    source: random.Random
    files: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    canaries: list[Canary] = field(default_factory=list)
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cloud: dict[str, str] = field(default_factory=dict)

    def text(self, length: int, alphabet: str = ALNUM) -> str:
        """Random characters; those at the alphabet's beginning are a little more frequent."""
        letters = alphabet.encode()
        table = (letters * (256 // len(letters) + 1))[:256]
        return self.source.randbytes(length).translate(table).decode()

    def jwt(self, algorithm: str = "RS256") -> str:
        """Three parts, as JSON web tokens have; all but the first at random."""
        head = base64.urlsafe_b64encode(f'{{"alg":"{algorithm}","typ":"JWT"}}'.encode())
        return f"{head.decode().rstrip('=')}.eyJ{self.text(117)}.{self.text(86, URLSAFE)}"

    def uuid(self) -> str:
        """In its usual form."""
        text = self.text(32, HEX)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def file(self, kind: str, path: str, content: str | bytes, *values: str) -> None:
        """A file below the home folder, and the values in it that give it away."""
        self.files[path] = content.encode() if isinstance(content, str) else content
        self._canary(kind, f"{layout.HOME}/{path}", "", values)

    def variable(self, kind: str, name: str, value: str) -> None:
        """A variable of the environment."""
        self.variables[name] = value
        self._canary(kind, "", name, (value,))

    def elsewhere(self, kind: str, *values: str) -> None:
        """Values that lie in no file and no variable."""
        self._canary(kind, "", "", values)

    def _canary(self, kind: str, path: str, variable: str, values: tuple[str, ...]) -> None:
        identity = f"c{len(self.canaries) + 1:02}"
        self.canaries.append(Canary(id=identity, kind=kind, path=path, variable=variable))
        self.values[identity] = values
