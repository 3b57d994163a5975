"""A TLS client without a socket, to talk to what speaks TLS without a socket."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any


class Client:
    """Trusts one authority, strictly. `exchange` sends bytes over and gives what came back."""

    def __init__(
        self,
        pem: str,
        host: str | None,
        *,
        alpn: tuple[str, ...] = (),
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ) -> None:
        context = ssl.create_default_context(cadata=pem)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.maximum_version = version
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    def connect(self, exchange: Callable[[bytes], bytes]) -> None:
        """Shake hands; raises SSLCertVerificationError after its alert has been sent."""
        done = False
        while not done:
            try:
                self.tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            except ssl.SSLError:
                exchange(self._out.read())
                raise
            self._in.write(exchange(self._out.read()))

    def send(self, data: bytes, exchange: Callable[[bytes], bytes]) -> bytes:
        """Say something inside, and read the answer."""
        self.tls.write(data)
        self._in.write(exchange(self._out.read()))
        answer = b""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while piece := self.tls.read(1 << 14):
                answer += piece
        return answer

    def shake(self, context: ssl.SSLContext) -> str | None:
        """Shake hands with a server side of `context`; the version agreed on."""
        server_in, server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(server_in, server_out, server_side=True)

        def exchange(data: bytes) -> bytes:
            server_in.write(data)
            with contextlib.suppress(ssl.SSLError):
                server.do_handshake()
            return server_out.read()

        self.connect(exchange)
        return self.tls.version()

    def peer_names(self) -> list[str]:
        """The alternative names of the server's certificate."""
        certificate: Any = self.tls.getpeercert()
        return [str(value) for _, value in certificate["subjectAltName"]]
