"""As much of FTP (RFC 959, RFC 2428) as it takes for a client to log in and send its files."""

from __future__ import annotations

PORT = 21
GREETING = b"220 FTP server ready\r\n"
DATA_PORT = 49_821
"""Where data goes; every port is ours, so any would do, and what comes there is a conversation too."""
_LINE_BYTES_MAX = 4096
_SENT = b"150 go ahead\r\n226 done\r\n"
_REPLIES = {
    b"USER": b"331 password\r\n",
    b"PASS": b"230 in\r\n",
    b"SYST": b"215 UNIX Type: L8\r\n",
    b"PWD": b'257 "/"\r\n',
    b"MKD": b'257 "new"\r\n',
    b"CWD": b"250 ok\r\n",
    b"EPSV": b"229 passive (|||%d|)\r\n" % DATA_PORT,
    b"FEAT": b"211 none\r\n",
    b"AUTH": b"502 no\r\n",
    b"STOR": _SENT,
    b"STOU": _SENT,
    b"APPE": _SENT,
    b"RETR": b"550 no such file\r\n",
    b"SIZE": b"550 no such file\r\n",
    b"QUIT": b"221 bye\r\n",
}


class Ftp:
    """The server's end of one control connection at `address`."""

    def __init__(self, address: str) -> None:
        self._line = b""
        self._address = address

    def feed(self, data: bytes) -> bytes:
        """What to answer to this much more."""
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[:_LINE_BYTES_MAX]
        return b"".join(self._answer(line[:4].strip().upper()) for line in lines)

    def _answer(self, word: bytes) -> bytes:
        if word == b"PASV":
            numbers = (*self._address.split("."), str(DATA_PORT >> 8), str(DATA_PORT & 0xFF))
            if len(numbers) != 6:  # IPv6: the client asks EPSV then
                return b"522 use EPSV\r\n"
            return b"227 passive (%s)\r\n" % ",".join(numbers).encode("ascii")
        return _REPLIES.get(word, b"200 ok\r\n")
