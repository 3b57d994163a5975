"""DNS over HTTPS: the questions in requests (RFC 8484, and the JSON form of public resolvers)."""

from __future__ import annotations

import base64
import binascii
import json
import socket
import struct
from collections.abc import Callable
from urllib.parse import parse_qs

from analyzer.sandbox import dns
from analyzer.sandbox.http import Request
from analyzer.sandbox.metadata import Reply

_WIRE = "application/dns-message"
_A, _TXT = 1, 16
_TYPES = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": _TXT, "AAAA": 28}


def reply(request: Request, ask: Callable[[bytes], bytes | None]) -> Reply | None:
    """The answer to a request that is a DNS question; None where it is none.

    `ask` records a question in wire form, and answers it.
    """
    path, _, query = request.target.partition("?")
    if request.method == "POST" and request.headers.get("content-type", "").startswith(_WIRE):
        return _wire(ask(request.body))
    if path.rpartition("/")[2] not in ("dns-query", "resolve"):
        return None
    fields = parse_qs(query, max_num_fields=20) if query.count("&") < 20 else {}
    if "dns" in fields:
        try:
            text = fields["dns"][0].encode("ascii")
            return _wire(ask(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))))
        except (binascii.Error, UnicodeEncodeError):
            return None
    return _json(fields["name"][0], fields.get("type", ["A"])[0], ask) if "name" in fields else None


def _wire(answer: bytes | None) -> Reply | None:
    return Reply(body=answer, kind=_WIRE) if answer is not None else None


def _json(name: str, kind: str, ask: Callable[[bytes], bytes | None]) -> Reply | None:
    number = _TYPES.get(kind.upper(), int(kind) if kind in map(str, _TYPES.values()) else 0)
    try:
        labels = [label.encode("latin-1") for label in name.strip(".").split(".")]
        wire = b"".join(bytes([len(label)]) + label for label in labels)
    except (UnicodeEncodeError, ValueError):
        return None
    answer = ask(struct.pack(">6H", 0, 0x100, 1, 0, 0, 0) + wire + struct.pack(">xHH", number, 1))
    if answer is None:
        return None
    record: dict[str, object] = {"name": name, "type": number, "TTL": dns.ANSWER_TTL_S}
    if number == _A:
        record["data"] = socket.inet_ntoa(answer[-4:])
    elif number == _TXT:
        record["data"] = f'"{dns.TEXT.decode()}"'
    told = {"Status": 0, "Question": [{"name": name, "type": number}]}
    found = {"Answer": [record]} if "data" in record else {}
    return Reply(body=json.dumps({**told, **found}).encode(), kind="application/dns-json")
