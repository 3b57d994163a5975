"""Real smtplib's conversations come to their end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox.mail import Mail

LETTER = (
    b"EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n"
    b"DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n"
)


def codes(reply: bytes) -> list[bytes]:
    """The codes of whole replies."""
    return [line[:3] for line in reply.splitlines() if line[3:4] == b" "]


@pytest.mark.parametrize("cut", range(0, len(LETTER), 7))
def test_mail__is_taken_however_it_is_cut(cut: int) -> None:
    mail = Mail()
    reply = mail.feed(LETTER[:cut]) + mail.feed(LETTER[cut:])
    assert codes(reply) == [b"250", b"250", b"250", b"354", b"250", b"221"]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (b"AUTH PLAIN AGEAYg==\r\n", [b"235"]),
        (b"AUTH PLAIN\r\nAGEAYg==\r\n", [b"334", b"235"]),
        (b"AUTH LOGIN\r\nYQ==\r\nYg==\r\n", [b"334", b"334", b"235"]),
        (b"AUTH LOGIN YQ==\r\nYg==\r\n", [b"334", b"235"]),
    ],
)
def test_mail__every_login_is_accepted(said: bytes, answers: list[bytes]) -> None:
    assert codes(Mail().feed(said)) == answers


def test_mail__tls_is_offered_once() -> None:
    mail = Mail()
    assert b"STARTTLS" in mail.feed(b"EHLO me\r\n")
    assert codes(mail.feed(b"STARTTLS\r\n")) == [b"220"]
    assert mail.wants_tls
    assert b"STARTTLS" not in Mail(secure=True).feed(b"EHLO me\r\n")


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_mail__garbage_never_raises(pieces: list[bytes]) -> None:
    mail = Mail()
    for piece in pieces:
        mail.feed(piece)
