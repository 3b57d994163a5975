"""An event as a receiver wants it: plain JSON, or a message for a chat.

Whatever a package controls is text in a chat, never a link, a mention or a markup: where a chat has
a form that it does not interpret, that form is used; where it has none, everything is escaped. The
only link is to a page of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from analyzer.clean import printable
from proxy.admin.events import Event, EventKind
from proxy.store.telling_port import SENTENCE_CHARS_MAX, Template

TYPE_PREFIX = "pratique."
"""Before an event's kind: Standard Webhooks wants types that full stops divide."""
TITLES: Mapping[EventKind, str] = MappingProxyType(
    {
        EventKind.OVERRIDE_REQUESTED: "An exception was asked for",
        EventKind.OVERRIDE_APPROVED: "An exception was approved",
        EventKind.OVERRIDE_REFUSED: "An exception was refused",
        EventKind.OVERRIDE_WITHDRAWN: "A request for an exception was withdrawn",
        EventKind.OVERRIDE_EXPIRING: "An exception ends soon",
        EventKind.DECISION_WORSENED: "A decision turned for the worse",
        EventKind.HELD_FOR_REVIEW: "A file waits for review",
        EventKind.WATCH_CHANGED: "A watched file changed",
        EventKind.POLICY_CHANGED: "The policy was changed",
        EventKind.FEED_FAILED: "A feed could not be read",
        EventKind.NAME_MOVED: "A name comes from another upstream",
        EventKind.WORKER_LOST: "A worker fell silent",
        EventKind.FILES_DEPARTED: "The index no longer lists approved files",
        EventKind.BYTES_CHANGED: "The index changed the bytes of an approved file",
        EventKind.TEST: "A test",
    }
)
CHAT_FACTS_MAX = 10
"""Facts that a chat message shows; the page has all."""
CHAT_FACT_CHARS_MAX = 150
"""Characters of one: ten of them stay below the 3,000 that Slack takes in a block."""
CHAT_NAME_CHARS_MAX = 40
SUPPRESS_EMBEDS = 1 << 2
"""Discord's message flag: no previews of links."""
ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"
DISCORD_CHARS_MAX = 2_000
"""Characters of a message that Discord takes."""
CARD_VERSION = "1.4"
"""The newest version of Adaptive Cards that Teams shows on every device."""

_OURS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?(\?[a-z]+=[a-z]+)?\Z")
_MARKUP = re.compile(r"([\\`*_~|>#\[\]()<:!+.-])")
_NO_MENTION = "@\u200b"
"""An at sign and a space of no width: what follows is no name any more."""


def body_of(template: Template, event: Event, *, event_id: str) -> bytes:
    """The body of one delivery: the same bytes for the same event, so that it may be signed anew."""
    return orjson.dumps(_FORMS[template](event, event_id))


def _json(event: Event, event_id: str) -> dict[str, Any]:
    return {
        "type": TYPE_PREFIX + event.kind.value,
        "timestamp": event.at.isoformat(),
        "data": {
            "id": event_id,
            "subject": event.subject,
            "sentence": event.sentence,
            "url": event.url,
            "facts": dict(event.facts),
        },
    }


def _slack(event: Event, _: str) -> dict[str, Any]:
    title, sentence = TITLES[event.kind], _plain(event.sentence, SENTENCE_CHARS_MAX)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _slack_text(title)},
        {"type": "section", "text": _slack_text(sentence)},
    ]
    facts = "\n".join(f"{name}: {value}" for name, value in _facts(event))
    if facts:
        blocks.append({"type": "section", "text": _slack_text(facts)})
    if url := _link(event):
        button = {"type": "button", "text": _slack_text("Open in Pratique"), "url": url}
        blocks.append({"type": "actions", "elements": [button]})
    # What notifications show. Slack reads three characters in it: & < and > (api.slack.com).
    text = f"{title}: {sentence}"
    for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, escaped)
    return {"text": text, "mrkdwn": False, "unfurl_links": False, "blocks": blocks}


def _slack_text(text: str) -> dict[str, Any]:
    """A text object in which Slack reads nothing."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _teams(event: Event, _: str) -> dict[str, Any]:
    sentence = _plain(event.sentence, SENTENCE_CHARS_MAX)
    body = [_run(TITLES[event.kind], weight="Bolder", size="Medium"), _run(sentence)]
    body += [_run(f"{name}: {value}", is_subtle=True) for name, value in _facts(event)]
    url = _link(event)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": CARD_VERSION,
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": "Open in Pratique", "url": url}]
        if url
        else [],
    }
    return {
        "type": "message",
        "attachments": [{"contentType": ADAPTIVE_CARD, "contentUrl": None, "content": card}],
    }


def _run(
    text: str, *, weight: str = "Default", size: str = "Default", is_subtle: bool = False
) -> dict[str, Any]:
    """A line of text. A TextBlock would read Markdown in it; the runs of a RichTextBlock do not."""
    run = {"type": "TextRun", "text": text, "weight": weight, "size": size, "isSubtle": is_subtle}
    return {"type": "RichTextBlock", "inlines": [run]}


def _discord(event: Event, _: str) -> dict[str, Any]:
    lines = [f"**{TITLES[event.kind]}**", _escaped(_plain(event.sentence, SENTENCE_CHARS_MAX))]
    lines += [f"{_escaped(name)}: {_escaped(value)}" for name, value in _facts(event)]
    if url := _link(event):
        lines.append(f"<{url}>")
    return {
        "content": _cut_lines(lines, DISCORD_CHARS_MAX),
        "allowed_mentions": {"parse": []},
        "flags": SUPPRESS_EMBEDS,
    }


def _cut_lines(lines: list[str], chars: int) -> str:
    """The lines, without those in the middle that are too many: the link stands last."""
    while len("\n".join(lines)) > chars and len(lines) > 2:
        del lines[-2]
    return "\n".join(lines)[:chars]


def _escaped(text: str) -> str:
    """`text` with a backslash before everything that Discord's Markdown reads."""
    return _MARKUP.sub(r"\\\1", text)


def _facts(event: Event) -> list[tuple[str, str]]:
    return [
        (_plain(name, CHAT_NAME_CHARS_MAX), _plain(value, CHAT_FACT_CHARS_MAX))
        for name, value in event.facts[:CHAT_FACTS_MAX]
        if value
    ]


def _plain(text: str, chars: int) -> str:
    """One printable line in which nothing is a mention, and no address is one to click on."""
    return printable(text, chars).replace("://", "[:]//").replace("@", _NO_MENTION)


def _link(event: Event) -> str:
    """The event's page; empty where it is not a plain URL."""
    return event.url if _OURS.match(event.url) else ""


_FORMS: Mapping[Template, Callable[[Event, str], dict[str, Any]]] = MappingProxyType(
    {
        Template.JSON: _json,
        Template.SLACK: _slack,
        Template.TEAMS: _teams,
        Template.DISCORD: _discord,
    }
)
