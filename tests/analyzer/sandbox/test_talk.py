"""Every form by every channel is found; what is answered inside of TLS and outside of it."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sandbox import dns, metadata
from analyzer.sandbox.answers import Answers
from analyzer.sandbox.authority import Authority
from analyzer.sandbox.canaries import Forms
from analyzer.sandbox.pieces import Pieces
from analyzer.sandbox.talk import Setting, Talk
from tests.analyzer.sandbox.encodings import BINARY, ENCODINGS, TEXTUAL
from tests.analyzer.sandbox.test_dns import query
from tests.analyzer.sandbox.tlsclient import Client

TOKEN = "ghp_" + "Ab3xYzKq9WmN2pTs7vRd4hLcP8eU"
ROLE = "IQoJb3Jp" + "Zk4Tn8QwE2rY6uI0oP3aS7dF1g"
AUTHORITY = Authority()


class World:
    """What conversations of one run share, and the questions that were asked."""

    def __init__(self) -> None:
        wanted = Forms({"c1": (TOKEN,), "c2": (ROLE,)})
        self.questions: list[str] = []
        self.pieces = Pieces(wanted)
        self.setting = Setting(
            wanted=wanted,
            pieces=self.pieces,
            answers=Answers(salt="salt"),
            authority=AUTHORITY,
            question=self._question,
            roles=frozenset({"c2"}),
        )

    def _question(self, asked: bytes, server: str) -> bytes | None:
        question = dns.parse(asked)
        if question is None:
            return None
        self.questions.append(f"{question.name} at {server}")
        return dns.answer(asked, question, "44.1.2.3")

    def talk(self, port: int = 80, *, address: str = "192.0.2.1", host: str = "") -> Talk:
        return Talk(self.setting, address=address, port=port, host=host)

    def say(self, *pieces: bytes, port: int = 80, address: str = "192.0.2.1") -> dict[str, object]:
        """The record of a conversation in which `pieces` come one after the other."""
        talk = self.talk(port, address=address)
        for piece in pieces:
            talk.feed(piece)
        return talk.record()


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /in HTTP/1.1", "Host: a.test", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(body: bytes) -> bytes:
    parts = [body[at : at + 11] for at in range(0, len(body), 11)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def multipart(body: bytes) -> bytes:
    part = b'--B\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n%s\r\n--B--\r\n'
    return post(part % body, "Content-Type: multipart/form-data; boundary=B")


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def over_tls(data: bytes) -> set[str]:
    talk = World().talk(8443)
    client = Client(AUTHORITY.trust.pem, "a.test")
    client.connect(talk.feed)
    client.send(data, talk.feed)
    return found(talk.record())


def found(record: dict[str, object]) -> set[str]:
    ids = record["canaries"]
    assert isinstance(ids, Iterable)
    return set(ids)


def datagrams(data: bytes) -> set[str]:
    pieces = World().pieces
    return set().union(*(pieces.datagram("192.0.2.1", 9, part) for part in in_pieces(data, 100)))


def connections(data: bytes) -> set[str]:
    """A connection for each piece."""
    world = World()
    return set().union(*(found(world.say(part, port=9)) for part in in_pieces(data, 60)))


Channel = Callable[[bytes], set[str]]
ANY: dict[str, Channel] = {
    "raw": lambda data: found(World().say(data, port=4444)),
    "raw, in packets": lambda data: found(World().say(*in_pieces(data, 7), port=4444)),
    "body": lambda data: found(World().say(post(data))),
    "body, in packets": lambda data: found(World().say(*in_pieces(post(data), 19))),
    "chunked body": lambda data: found(World().say(chunked(data))),
    "multipart body": lambda data: found(World().say(multipart(data))),
    "TLS": over_tls,
    "body over TLS": lambda data: over_tls(post(data)),
    "mail": lambda data: found(World().say(b"EHLO a\r\nDATA\r\n", data, b"\r\n.\r\n", port=25)),
}
FITTING: dict[str, Channel] = {
    **ANY,
    "URL": lambda data: found(World().say(b"GET /x?d=%s HTTP/1.1\r\nHost: a\r\n\r\n" % data)),
    "header": lambda data: found(World().say(b"GET / HTTP/1.1\r\nCookie: s=%s\r\n\r\n" % data)),
    "JSON body": lambda data: found(World().say(post(b'{"d":"%s"}' % data))),
}
SIMPLE = ("plain", "hex", "HEX", "base64", "base64 urlsafe", "base32", "reversed", "quoted")
PIECEWISE: dict[str, Channel] = {"datagrams": datagrams, "connections": connections}


@pytest.mark.parametrize("channel", sorted(FITTING))
@pytest.mark.parametrize("form", sorted(TEXTUAL))
def test_textual_form__by_every_channel_is_found(form: str, channel: str) -> None:
    sent = TEXTUAL[form](b'{"t":"%s"}' % TOKEN.encode())
    assert FITTING[channel](sent) == {"c1"}


@pytest.mark.parametrize("channel", sorted(set(ANY) - {"mail"}))
@pytest.mark.parametrize("form", sorted(BINARY))
def test_binary_form__by_every_channel_is_found(form: str, channel: str) -> None:
    sent = BINARY[form](b'{"t":"%s"}' % TOKEN.encode())
    assert ANY[channel](sent) == {"c1"}


@pytest.mark.parametrize("channel", sorted(PIECEWISE))
@pytest.mark.parametrize("form", SIMPLE)
def test_form__in_several_messages_is_put_together(form: str, channel: str) -> None:
    assert PIECEWISE[channel](ENCODINGS[form](TOKEN.encode())) == {"c1"}


@pytest.mark.parametrize("form", ["plain", "hex", "base32", "base32 lower"])
@pytest.mark.parametrize("counter", [False, True])
@pytest.mark.parametrize("width", [12, 30, 63])
def test_name__its_labels_are_put_together(form: str, counter: bool, width: int) -> None:
    token = TOKEN.replace("_", "-")
    data = ENCODINGS[form](token.encode()).rstrip(b"=").decode()
    pieces = Pieces(Forms({"c1": (token,)}))
    ids: set[str] = set()
    for number, label in enumerate(data[at : at + width] for at in range(0, len(data), width)):
        name = f"{number}.{label}.t.test" if counter else f"{label}.t.test"
        question = dns.parse(query(name))
        assert question is not None
        ids |= pieces.question(question) | pieces.question(question)
    assert ids == {"c1"}


def test_name__several_labels_in_each_of_several_names() -> None:
    data = (TOKEN + "x").encode().hex()
    pieces = Pieces(Forms({"c1": (TOKEN,)}))
    ids: set[str] = set()
    for number in range(0, len(data), 24):
        part = data[number : number + 24]
        question = dns.parse(query(f"{number:03}.{part[:12]}.{part[12:] or 'end-end-end'}.t.test"))
        assert question is not None
        ids |= pieces.question(question)
    assert ids == {"c1"}


def test_url__pieces_in_several_requests_are_put_together() -> None:
    world = World()
    ids = set()
    for number, part in enumerate(in_pieces(TOKEN.encode(), 8)):
        ids |= found(world.say(b"GET /a?q=%s&n=%d HTTP/1.1\r\n\r\n" % (part, number)))
    assert ids == {"c1"}


def test_body__pieces_in_several_requests_are_put_together() -> None:
    world = World()
    ids = set()
    for number, part in enumerate(in_pieces(TOKEN.encode(), 8)):
        ids |= found(world.say(post(b'{"n": %d, "d": "%s"}' % (number, part))))
    assert ids == {"c1"}


@given(st.lists(st.binary(max_size=300), max_size=6), st.sampled_from([25, 53, 80, 443, 465, 853]))
def test_talk__garbage_never_raises_and_is_nothing(pieces: list[bytes], port: int) -> None:
    assert not found(World().say(*pieces, port=port))
    assert not found(World().say(b"\x16\x03\x01", *pieces, port=port))


def test_tls__is_ended_on_any_port_and_answered_inside() -> None:
    for port in (443, 8443, 4444):
        talk = World().talk(port)
        client = Client(AUTHORITY.trust.pem, "name.test")
        client.connect(talk.feed)
        answer = client.send(b"GET /a.json HTTP/1.1\r\nHost: name.test\r\n\r\n", talk.feed)
        record = talk.record()
        assert answer.endswith(b"\r\n\r\n{}")
        assert (record["sni"], record["tls"]) == ("name.test", "ended")
        assert record["http"] == "GET /a.json HTTP/1.1"
        assert record["bytes"] == 41
        assert str(record["head_hex"]).startswith(b"GET ".hex())


def test_tls__to_a_bare_address_has_a_certificate_for_it() -> None:
    talk = World().talk(443, address="198.51.100.7")
    Client(AUTHORITY.trust.pem, "198.51.100.7").connect(talk.feed)
    record = talk.record()
    assert (record["sni"], record["tls"]) == ("", "ended")


def test_tls__a_client_that_pins_is_recorded_as_refusing() -> None:
    talk = World().talk(443)
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(Authority().trust.pem, "pinned.test").connect(talk.feed)
    record = talk.record()
    assert (record["sni"], record["tls"], record["http"]) == ("pinned.test", "refused", "")
    assert str(record["head_hex"]).startswith("1603")


def test_tls__a_name_that_is_a_message_is_found() -> None:
    talk = World().talk(443)
    name = f"{TOKEN.encode().hex()[:60]}.{TOKEN.encode().hex()[60:]}.t.test"
    Client(AUTHORITY.trust.pem, name).connect(talk.feed)
    assert found(talk.record()) == {"c1"}


def test_tls__behind_a_greeting_that_is_a_mask_the_message_is_found() -> None:
    greeting = b"\x16\x03\x01\x00\x08\x01\x00\x00\x04abcd"
    record = World().say(greeting, TOKEN.encode())
    assert (record["tls"], found(record)) == ("refused", {"c1"})


def test_tls__what_is_sent_in_the_clear_afterwards_is_found() -> None:
    talk = World().talk()
    Client(AUTHORITY.trust.pem, "a.test").connect(talk.feed)
    talk.feed(b"no record " + TOKEN.encode())
    record = talk.record()
    assert (record["tls"], found(record)) == ("ended", {"c1"})


def test_tunnel__what_is_inside_is_a_conversation_of_its_own() -> None:
    talk = World().talk(3128)
    assert talk.feed(b"CONNECT far.test:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200")
    client = Client(AUTHORITY.trust.pem, "far.test")
    client.connect(talk.feed)
    client.send(post(TOKEN.encode()), talk.feed)
    record = talk.record()
    assert (record["host"], record["tls"]) == ("far.test", "ended")
    assert record["http"] == "POST /in HTTP/1.1"
    assert str(record["head_hex"]).startswith(b"POST ".hex())
    assert found(record) == {"c1"}


def test_mail__tls_can_begin_within() -> None:
    talk = World().talk(587)
    assert talk.greeting().startswith(b"220 ")
    talk.feed(b"EHLO me\r\n")
    assert talk.feed(b"STARTTLS\r\n").startswith(b"220 ")
    client = Client(AUTHORITY.trust.pem, "mx.test")
    client.connect(talk.feed)
    assert client.send(b"EHLO me\r\n", talk.feed).startswith(b"250-")
    client.send(b"DATA\r\n" + TOKEN.encode() + b"\r\n.\r\n", talk.feed)
    record = talk.record()
    assert (record["tls"], found(record)) == ("ended", {"c1"})


def test_mail__on_its_tls_port_is_greeted_inside() -> None:
    talk = World().talk(465)
    assert talk.greeting() == b""
    client = Client(AUTHORITY.trust.pem, "mx.test")
    client.connect(talk.feed)
    assert client.send(b"EHLO me\r\n", talk.feed).startswith(b"220 ")


@pytest.mark.parametrize("port", [53, 853])
def test_dns__over_a_connection_is_answered_each_time(port: int) -> None:
    world = World()
    talk = world.talk(port)
    asked = query("one.test")
    framed = len(asked).to_bytes(2, "big") + asked
    if port == 853:
        client = Client(AUTHORITY.trust.pem, "dns.test")
        client.connect(talk.feed)
        answer = client.send(framed * 2, talk.feed)
    else:
        answer = talk.feed(framed[:9]) + talk.feed(framed[9:] + framed)
    assert answer.count(bytes([44, 1, 2, 3])) == 2
    assert world.questions == ["one.test at 192.0.2.1"] * 2


def test_role__told_to_its_own_service_has_not_left() -> None:
    world = World()
    sent = post(b"", f"X-Token: {ROLE}", f"X-Other: {TOKEN}")
    assert found(world.say(sent, address=metadata.LINK_LOCAL)) == {"c1"}
    assert found(world.say(sent)) == {"c1", "c2"}


def test_http__one_answer_is_given_and_what_follows_is_still_read() -> None:
    talk = World().talk()
    assert talk.feed(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert talk.over
    assert talk.feed(post(TOKEN.encode())) == b""
    assert found(talk.record()) == {"c1"}


def test_http__websocket_is_accepted_and_its_frames_unmasked() -> None:
    talk = World().talk()
    asked = b"GET /gw HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    accepted = talk.feed(asked)
    assert accepted.startswith(b"HTTP/1.1 101 ")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in accepted  # RFC 6455, 1.3
    content = b"x" * 200 + TOKEN.encode()
    key = b"\x37\xfa\x21\x3d"
    for part in (content[:210], content[210:]):
        masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(part))
        size = (
            bytes([0x80 | len(part)]) if len(part) < 126 else b"\xfe" + len(part).to_bytes(2, "big")
        )
        for piece in in_pieces(b"\x81" + size + key + masked, 5):
            assert talk.feed(piece) == b""
    assert found(talk.record()) == {"c1"}


DOH = {
    "wire POST": lambda name: (
        b"POST /dns-query HTTP/1.1\r\nContent-Type: application/dns-message\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(query(name)), query(name))
    ),
    "wire GET": lambda name: (
        b"GET /dns-query?dns=%s HTTP/1.1\r\n\r\n"
        % base64.urlsafe_b64encode(query(name)).rstrip(b"=")
    ),
    "JSON": lambda name: (
        b"GET /resolve?name=%s&type=A HTTP/1.1\r\nAccept: application/dns-json\r\n\r\n"
        % name.encode()
    ),
}


@pytest.mark.parametrize("kind", sorted(DOH))
def test_doh__is_a_question_like_any_other(kind: str) -> None:
    world = World()
    answer = world.talk(host="dns.google").feed(DOH[kind]("one.test"))
    assert world.questions == ["one.test at dns.google"]
    assert bytes([44, 1, 2, 3]) in answer or b'"44.1.2.3"' in answer


@pytest.mark.parametrize(
    "target", ["?dns=%FF", "?name=" + "a" * 70, "?name=%E2%82%AC", "?name=", "?dns="]
)
def test_doh__garbage_is_an_ordinary_request(target: str) -> None:
    answer = World().talk().feed(b"GET /dns-query%s HTTP/1.1\r\n\r\n" % target.encode())
    assert answer.startswith(b"HTTP/1.1 200")
