"""One TCP conversation of a box with the world, without the socket: bytes in, bytes out.

Whatever the port, a client that begins as TLS does is answered with a certificate for the name it
asks for, and what is inside is then treated like what comes in the clear: searched for planted
values, and answered where it is HTTP, mail or DNS.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.sandbox import answers, doh, ftp, mail, metadata, tls, websocket
from analyzer.sandbox.answers import TUNNEL, Answers
from analyzer.sandbox.authority import Authority, AuthorityFailed
from analyzer.sandbox.canaries import Forms, Stream
from analyzer.sandbox.ftp import Ftp
from analyzer.sandbox.http import Request
from analyzer.sandbox.mail import Mail
from analyzer.sandbox.pieces import PIECE_BYTES_MAX, Pieces
from analyzer.sandbox.websocket import Frames

HEAD_BYTES = 64
"""Bytes of a conversation's beginning that its record keeps."""
DNS_PORTS = frozenset({53, 853})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all conversations of one run share."""

    wanted: Forms
    pieces: Pieces
    answers: Answers
    authority: Authority
    question: Callable[[bytes, str], bytes | None]
    """Records a DNS question that came to an address, and answers it."""
    roles: frozenset[str] = field(default_factory=frozenset)
    """Ids of what the metadata service hands out: told to that service itself, it has not left."""


class Talk:
    """One conversation. `over`: all is said from our side, the client may go on."""

    def __init__(self, setting: Setting, *, address: str, port: int, host: str) -> None:
        self._setting = setting
        self.address, self.port, self.host = address, port, host
        self.over = False
        self._at_ns = time.monotonic_ns()
        self._received = 0
        self._inside = 0
        self._sni = ""
        self._undecided: bytes | None = b""
        """What came before it was clear whether it is TLS; None: that is clear."""
        self._session: tls.Session | None = None
        self._head = b""
        self._only_greeted = False
        self._stream = Stream(setting.wanted)
        self._inner = Stream(setting.wanted)
        """What is inside of chunks or frames, without their heads."""
        self._request = Request()
        self._frames: Frames | None = None
        self._lines: Mail | Ftp | None = None
        if port in mail.PORTS or port == ftp.PORT:
            self._lines = Ftp(address) if port == ftp.PORT else Mail()
        self._greeting = mail.GREETING if port == mail.TLS_PORT else b""
        self._query = b""

    def greeting(self) -> bytes:
        """What is said before the client says anything; where TLS comes first, inside of that."""
        if isinstance(self._lines, Ftp):
            return ftp.GREETING
        return mail.GREETING if self._lines is not None else b""

    def feed(self, data: bytes) -> bytes:
        """Take what came; returns what to send."""
        self._received += len(data)
        reply = self._reply_to(self._opened(data))
        if self._session is None:
            return reply
        if self._greeting and self._state == "ended":
            reply, self._greeting = self._greeting + reply, b""
        self._session.send(reply)
        if self.over:
            self._session.bye()
        return self._session.take()

    # ---- layers ------------------------------------------------------------------------------

    def _opened(self, data: bytes) -> bytes:
        """What is inside of TLS where there is TLS, else the data itself."""
        if self._session is not None:
            inside = self._session.feed(data)
            if self._session.broken:  # a greeting may be a mask, with the message behind it
                self._stream.feed(data)
            return inside
        if self._undecided is None:
            return data
        first = self._undecided + data
        may_be = tls.looks_like_hello(first) or (len(first) < 6 and tls.may_be_hello(first))
        hello = tls.hello_of(first) if may_be else None
        if may_be and hello is None and len(first) < tls.HELLO_BYTES_MAX:
            self._undecided = first
            return b""
        self._undecided = None
        return first if hello is None else self._begin_tls(hello, first)

    def _begin_tls(self, hello: bytes, first: bytes) -> bytes:
        self._sni = tls.server_name(hello)[: tls.NAME_CHARS_MAX]
        self._stream.feed(first)  # a name may be a message too
        try:
            context = self._setting.authority.context(self._sni, self.address)
        except AuthorityFailed:
            self._head = first[:PIECE_BYTES_MAX]
            return b""
        self._head, self._only_greeted = first[:HEAD_BYTES], True
        self._session = tls.Session(context)
        if self.port == mail.TLS_PORT:
            self._lines = Mail(secure=True)
        return self._session.feed(first)

    @property
    def _state(self) -> str:
        return self._session.state if self._session is not None else ""

    def _reply_to(self, data: bytes) -> bytes:
        if not data:
            return b""
        if self._only_greeted:
            self._head, self._only_greeted = b"", False  # the record shows what is inside instead
        self._inside += len(data)
        self._head += data[: PIECE_BYTES_MAX - len(self._head)]
        self._stream.feed(data)
        if self.port in DNS_PORTS:
            return self._to_dns(data)
        return self._to_http(data) if self._lines is None else self._to_lines(self._lines, data)

    # ---- protocols ---------------------------------------------------------------------------

    def _to_dns(self, data: bytes) -> bytes:
        """Answers to the questions of a connection (RFC 7766)."""
        reply = b""
        self._query += data
        while (size := int.from_bytes(self._query[:2], "big")) and len(self._query) >= 2 + size:
            query, self._query = self._query[2 : 2 + size], self._query[2 + size :]
            answer = self._setting.question(query, self.address)
            if answer is None:
                break
            reply += len(answer).to_bytes(2, "big") + answer
        self._query = self._query[:PIECE_BYTES_MAX]
        return reply

    def _to_lines(self, server: Mail | Ftp, data: bytes) -> bytes:
        reply = server.feed(data)
        if isinstance(server, Mail) and server.wants_tls:
            self._lines = Mail(secure=True)
            self._undecided = b""
        return reply

    def _to_http(self, data: bytes) -> bytes:
        self._request.feed(data)
        self._inner.feed(self._request.take_chunked())
        if self._frames is not None:
            self._inner.feed(self._frames.feed(data))
            return b""
        if not self._request.complete or self.over:
            return self._request.take_interim()
        if self._request.method == "CONNECT" and self._session is None:
            self.host = self._request.target.rpartition(":")[0][: tls.NAME_CHARS_MAX] or self.host
            self._request = Request()
            self._undecided = b""
            return TUNNEL
        accepted = websocket.acceptance(self._request)
        if accepted:
            self._frames = Frames()
            return accepted
        self.over = True
        place = self.host or self.address
        found = doh.reply(self._request, lambda query: self._setting.question(query, place))
        if found is not None:
            return answers.written(found, self._request)
        return self._setting.answers.to(self._request, host=self.host, address=self.address)

    # ---- the end -----------------------------------------------------------------------------

    def record(self) -> dict[str, object]:
        """The conversation's line in the log. Nothing is fed afterwards."""
        undecided, self._undecided = self._undecided, None
        if undecided:
            self._reply_to(undecided)
        if self._session is not None:
            self._session.close()
        return {
            "kind": "tcp",
            "at_ns": self._at_ns,
            "host": self.host,
            "address": self.address,
            "port": self.port,
            "sni": self._sni,
            "tls": self._state,
            "bytes": self._inside if self._state == "ended" else self._received,
            "http": self._request.line,
            "canaries": sorted(self._found()),
            "head_hex": self._head[:HEAD_BYTES].hex(),
        }

    def _found(self) -> set[str]:
        found = self._stream.settle() | self._inner.settle()
        pieces = self._setting.pieces
        if self._inside <= PIECE_BYTES_MAX and self._inside:
            if self._request.line:
                target, body = self._request.target, self._request.body
                found |= pieces.request(self.address, self.port, target, body)
            else:
                found |= pieces.conversation(self.address, self.port, self._head)
        return found - self._setting.roles if self.address in metadata.ADDRESSES else found
