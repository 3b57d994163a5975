"""Tokens: made once, kept as hashes, checked from memory."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from models.errors import ValueInvalid
from proxy.store.memory import MemoryStore
from proxy.store.port import TokenKind
from proxy.tokens import SECRET_CHARS_MAX, TokenBook, hash_secret, mint
from tests.proxy.store.values import START, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock=clock)


def test_mint__gives_a_secret_that_is_kept_only_as_its_hash(clock: FakeClock) -> None:
    secret, token = mint(TokenKind.CLIENT, "laptop", clock=clock)
    assert secret.startswith("pratique_client_")
    assert len(secret.removeprefix("pratique_client_")) == 43  # 256 bits in base64
    assert token.hash == hash_secret(secret)
    assert secret not in repr(token)
    assert (token.kind, token.name, token.created_at) == (TokenKind.CLIENT, "laptop", START)


def test_mint__never_gives_the_same_twice(clock: FakeClock) -> None:
    minted = [mint(TokenKind.WORKER, "pi", clock=clock) for _ in range(20)]
    assert len({secret for secret, _ in minted}) == 20
    assert len({token.id for _, token in minted}) == 20


@pytest.mark.parametrize(
    "bad", ["", "anonymous", "-x", "a b", "a\n", "x" * 65, "é", "a/b", "<b>", "a:b"]
)
def test_mint__refuses_a_name_that_would_confuse_a_log(clock: FakeClock, bad: str) -> None:
    with pytest.raises(ValueInvalid):
        mint(TokenKind.CLIENT, bad, clock=clock)


@pytest.mark.parametrize(
    "end",
    [START, START - timedelta(days=1), datetime(2030, 1, 1)],  # noqa: DTZ001 -- that is the case
)
def test_mint__refuses_an_end_that_is_past_or_has_no_zone(clock: FakeClock, end: datetime) -> None:
    with pytest.raises(ValueInvalid):
        mint(TokenKind.CLIENT, "laptop", clock=clock, expires_at=end)


async def test_check__knows_what_was_there_at_the_last_refresh(
    store: MemoryStore, clock: FakeClock
) -> None:
    book = TokenBook(store, TokenKind.CLIENT, clock)
    secret, token = mint(TokenKind.CLIENT, "laptop", clock=clock)
    await store.add_token(token, actor="alice")
    assert book.check(secret) is None
    await book.refresh()
    assert book.check(secret) == token
    await store.revoke_token(token.id, actor="alice", at=clock.now)
    await book.refresh()
    assert book.check(secret) is None


async def test_check__opens_nothing_from_the_moment_it_expires(
    store: MemoryStore, clock: FakeClock
) -> None:
    end = START + timedelta(hours=1)
    secret, token = mint(TokenKind.CLIENT, "laptop", clock=clock, expires_at=end)
    await store.add_token(token, actor="alice")
    book = TokenBook(store, TokenKind.CLIENT, clock)
    await book.refresh()
    clock.advance(3599)
    assert book.check(secret) == token
    clock.advance(1)
    assert book.check(secret) is None


async def test_check__a_worker_s_token_is_no_client_s(store: MemoryStore, clock: FakeClock) -> None:
    secret, token = mint(TokenKind.WORKER, "pi", clock=clock)
    await store.add_token(token, actor="alice")
    clients = TokenBook(store, TokenKind.CLIENT, clock)
    workers = TokenBook(store, TokenKind.WORKER, clock)
    for book in (clients, workers):
        await book.refresh()
    assert clients.check(secret) is None
    assert workers.check(secret) == token


@pytest.mark.parametrize(
    "sent", ["", "pratique_client_", "\udcff", "é", "x" * (SECRET_CHARS_MAX + 1)]
)
async def test_check__opens_nothing_for_what_is_no_secret(
    store: MemoryStore, clock: FakeClock, sent: str
) -> None:
    _, token = mint(TokenKind.CLIENT, "laptop", clock=clock)
    await store.add_token(token, actor="alice")
    book = TokenBook(store, TokenKind.CLIENT, clock)
    await book.refresh()
    assert book.check(sent) is None
    assert book.check(token.hash) is None
