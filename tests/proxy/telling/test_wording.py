"""A hostile package is text in a chat: no link, no mention, no markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from proxy.admin.events import Event, EventKind
from proxy.store.telling_port import FACT_CHARS_MAX, FACTS_MAX, SENTENCE_CHARS_MAX, Template
from proxy.telling.wording import DISCORD_CHARS_MAX, TITLES, body_of

URL = "https://pratique.example/v/7fk2m9qa3c"
EVENT = Event(
    kind=EventKind.HELD_FOR_REVIEW,
    at=datetime(2026, 5, 1, 12, tzinfo=UTC),
    subject="demo 2.0",
    sentence="Held by pratique: demo 2.0 reads a key.",
    url=URL,
    facts=(("project", "demo"), ("tier", "QUARANTINE")),
)
CHATS = [Template.SLACK, Template.TEAMS, Template.DISCORD]
HOSTILE = [
    "@everyone",
    "@here",
    "<!channel>",
    "<@U012AB3CD>",
    "<https://evil.example|click>",
    "[click](https://evil.example)",
    "https://evil.example/x",
    "**bold** _it_ ~~no~~ `code`",
    "# heading\n> quote\n- list",
    "\x1b[31mred\u202egnp",
    "<at>everyone</at>",
    '"},{"type":"Action.OpenUrl","url":"https://evil.example"}',
]


def body(template: Template, event: Event = EVENT) -> Any:
    return json.loads(body_of(template, event, event_id="evt_1"))


def hostile(text: str) -> Event:
    return replace(EVENT, subject=text, sentence=text, facts=(("summary", text), (text, text)))


def texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a document, with the key that it stands under."""
    match value:
        case dict():
            for name, inner in value.items():
                yield from texts(inner, name)
        case list():
            for inner in value:
                yield from texts(inner, key)
        case str():
            yield key, value
        case _:
            return


def test_json__is_the_event_as_it_is() -> None:
    assert body(Template.JSON) == {
        "type": "pratique.held_for_review",
        "timestamp": "2026-05-01T12:00:00+00:00",
        "data": {
            "id": "evt_1",
            "subject": "demo 2.0",
            "sentence": "Held by pratique: demo 2.0 reads a key.",
            "url": URL,
            "facts": {"project": "demo", "tier": "QUARANTINE"},
        },
    }


@pytest.mark.parametrize("kind", EventKind)
@pytest.mark.parametrize("template", Template)
def test_body__every_kind_in_every_form_is_the_same_bytes_twice(
    template: Template, kind: EventKind
) -> None:
    event = replace(EVENT, kind=kind)
    assert body_of(template, event, event_id="e") == body_of(template, event, event_id="e")
    assert kind in TITLES


@pytest.mark.parametrize("template", CHATS)
def test_chat__says_what_happened_and_links_to_our_page(template: Template) -> None:
    said = list(texts(body(template)))
    whole = "\n".join(text for _, text in said).replace("\\", "")
    assert TITLES[EVENT.kind] in whole
    assert "demo 2.0 reads a key." in whole
    assert "tier: QUARANTINE" in whole
    assert URL in whole


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("template", CHATS)
def test_chat__a_hostile_text_links_to_nothing_and_mentions_nobody(
    template: Template, text: str
) -> None:
    for key, said in texts(body(template, hostile(text))):
        assert "evil.example" not in said or key in {"text", "content"}
        assert "https://evil" not in said
        for name in ("everyone", "here", "U012AB3CD"):
            assert f"@{name}" not in said
        assert "\u202e" not in said
        assert "\x1b" not in said


@pytest.mark.parametrize("text", HOSTILE)
def test_slack__interprets_none_of_it(text: str) -> None:
    made = body(Template.SLACK, hostile(text))
    assert made["mrkdwn"] is False
    for char in "<>":
        assert char not in made["text"]
    for block in made["blocks"]:
        for part in (block.get("text"), *(one["text"] for one in block.get("elements", []))):
            assert part is None or part["type"] == "plain_text"
    links = [said for key, said in texts(made) if key == "url"]
    assert links == [URL]


@pytest.mark.parametrize("text", HOSTILE)
def test_teams__text_stands_in_runs_that_read_no_markdown(text: str) -> None:
    made = body(Template.TEAMS, hostile(text))
    card = made["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [action["url"] for action in card["actions"]] == [URL]
    assert "msteams" not in card


@pytest.mark.parametrize("text", HOSTILE)
def test_discord__pings_nobody_and_escapes_markdown(text: str) -> None:
    made = body(Template.DISCORD, hostile(text))
    assert made["allowed_mentions"] == {"parse": []}
    lines = made["content"].split("\n")
    assert lines[0] == f"**{TITLES[EVENT.kind]}**"
    assert lines[-1] == f"<{URL}>"
    assert len(lines) == 5, "a package adds no line"
    for line in lines[1:-1]:
        bare = line
        for char in "\\`*_~|>#[]()<:!+.-":
            bare = bare.replace("\\" + char, "")
        assert not set(bare) & set("`*_~|>#[]()<!\\")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "https://evil.example@pratique.example/",
        "https://a.example/x|y>",
        "https://a.example/?q=1",
        "https://a.example/\n",
    ],
)
@pytest.mark.parametrize("template", CHATS)
def test_chat__what_is_no_plain_url_is_no_link(template: Template, url: str) -> None:
    keys = {key for key, _ in texts(body(template, replace(EVENT, url=url)))}
    assert "url" not in keys
    if url:
        assert url not in body_of(template, replace(EVENT, url=url), event_id="e").decode()


@pytest.mark.parametrize("template", CHATS)
def test_chat__the_longest_event_stays_within_what_chats_take(template: Template) -> None:
    event = replace(
        EVENT,
        subject="x" * FACT_CHARS_MAX,
        sentence="_" * SENTENCE_CHARS_MAX,
        facts=(("n" * FACT_CHARS_MAX, "*" * FACT_CHARS_MAX),) * FACTS_MAX,
    )
    made = body(template, event)
    assert len(body_of(template, event, event_id="e")) < 20_000
    if template is Template.DISCORD:
        assert len(made["content"]) <= DISCORD_CHARS_MAX
        assert made["content"].endswith(f"<{URL}>")
    if template is Template.SLACK:
        assert all(len(said) <= 3_000 for _, said in texts(made))
