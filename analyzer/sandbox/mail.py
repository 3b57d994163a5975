"""As much of SMTP (RFC 5321, RFC 3207) as it takes for a client to hand over its mail."""

from __future__ import annotations

PORTS = frozenset({25, 587, 2525})
"""Where a server speaks first, in the clear."""
TLS_PORT = 465
"""Where TLS begins before the server speaks (RFC 8314)."""
GREETING = b"220 mx.mail.example ESMTP\r\n"
_LINE_BYTES_MAX = 4096
_HELLO = b"250-mx.mail.example\r\n250-SIZE 35882577\r\n%s250-AUTH LOGIN PLAIN\r\n250 8BITMIME\r\n"
_ASKS_MORE = b"334 VXNlcm5hbWU6\r\n"


class Mail:
    """The server's end of one mail conversation. `wants_tls`: the client asked to begin TLS."""

    def __init__(self, *, secure: bool = False) -> None:
        self._line = b""
        self._secure = secure
        self._in_data = False
        self._login_lines = 0
        self.wants_tls = False

    def feed(self, data: bytes) -> bytes:
        """What to answer to this much more."""
        reply = b""
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[:_LINE_BYTES_MAX]
        for line in lines:
            reply += self._answer(line.rstrip(b"\r"))
        return reply

    def _answer(self, line: bytes) -> bytes:
        if self._in_data:
            self._in_data = line != b"."
            return b"" if self._in_data else b"250 2.0.0 queued\r\n"
        if self._login_lines:
            self._login_lines -= 1
            return _ASKS_MORE if self._login_lines else b"235 2.7.0 accepted\r\n"
        word = line[:8].upper()
        if word.startswith(b"EHLO"):
            return _HELLO % (b"" if self._secure else b"250-STARTTLS\r\n")
        if word.startswith(b"STARTTLS") and not self._secure:
            self.wants_tls = True
            return b"220 2.0.0 ready\r\n"
        if word.startswith(b"AUTH"):
            return self._login(line.split())
        if word.startswith(b"DATA"):
            self._in_data = True
            return b"354 go ahead\r\n"
        return b"221 2.0.0 bye\r\n" if word.startswith(b"QUIT") else b"250 2.0.0 ok\r\n"

    def _login(self, words: list[bytes]) -> bytes:
        """`AUTH PLAIN` takes one line, here or next; `AUTH LOGIN` two."""
        lines = 2 if words[1:2] == [b"LOGIN"] else 1
        self._login_lines = max(0, lines - len(words[2:3]))
        return _ASKS_MORE if self._login_lines else b"235 2.7.0 accepted\r\n"
