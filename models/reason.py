"""From a decision's reasons to words: one printable line for pip's prompt, sentences for pages.

The vocabulary is closed (`models.vocabulary`). Of what an artifact controls, only three things may
appear: its own name and version (the client asked for them), a host name that is plain LDH, and an
address that parses; each is cut. Whatever else stands in a reason's words is dropped.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import assert_never

from packaging.version import InvalidVersion, Version

from models.artifact import parse_project
from models.decision import Action, Decision, HoldKind, Reason, ReasonCode, TrustTier
from models.errors import ValueInvalid
from models.riskwords import NEVER_BEFORE, risk_words
from models.vocabulary import (
    LAYERS,
    PHASES,
    SHORTFALLS,
    WHAT_ELSE,
    finding_words,
    what_words,
)

LINE_CHARS_MAX = 200
"""Characters of a reason line (FACTS.md 1.7: one line, about 200; 900 pass every client tried)."""
YANK_CHARS_MAX = 160
"""Characters of a yank reason: pip puts it behind a sentence of its own."""
URL_CHARS_MAX = 100
"""Characters of the short URL; a longer one is left out rather than cut, since it would not work."""
PROJECT_CHARS_MAX = 48
VERSION_CHARS_MAX = 24
HOST_CHARS_MAX = 48
"""Characters kept of a host name, from its end: the registered domain stands there."""
CAUSE_CHARS_MIN = 40
"""Characters that the cause must keep; the advice gives way first."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+\Z")
_URL = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?\Z"
)
_NAME = re.compile(r"[a-z0-9-]+\Z")
_VERSION = re.compile(r"[0-9a-z.!+]+\Z")
_ADVISORY = re.compile(r"[A-Z]{2,8}-[0-9A-Za-z-]{1,40}\Z")
_RULE = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC\Z")
_PRINTABLE = re.compile(r"[ -~]+\Z")

_PLAIN: Mapping[ReasonCode, str] = MappingProxyType(
    {
        ReasonCode.PROOF_HASH_MISMATCH: "does not have the bytes that the index announced",
        ReasonCode.OVERRIDE_DENY: "was denied by an administrator",
        ReasonCode.OVERRIDE_ALLOW: "was allowed by an administrator",
        ReasonCode.OVERRIDE_ALLOW_ABOVE_PROOF: "was allowed by an administrator, against a proof",
        ReasonCode.AGE_UNKNOWN: "has no known upload time, and policy asks for an age",
        ReasonCode.UNSEEN: "was not checked before",
        ReasonCode.STILL_CHECKING: "is still being checked",
        ReasonCode.NAME_OWNED: "bears a name that belongs to your organisation, from elsewhere",
        ReasonCode.UNSUPPORTED_FILE: "is not a wheel or sdist that can be checked",
        ReasonCode.WRONG_PLATFORM: "is for a platform that cannot be checked here",
        ReasonCode.PLATFORM_SIBLING: (
            "could not be run here, but its Python files equal those of an approved file of this release"
        ),
        ReasonCode.RELEASE_SIBLING_BLOCKED: "belongs to a release with a blocked file",
    }
)
"""Codes whose clause needs no words."""


def verdict_words(decision: Decision) -> str:
    """The opening of the line: `Blocked by pratique:` and its siblings."""
    match decision.action:
        case Action.DENY:
            return "Blocked by pratique:"
        case Action.HOLD:
            checking = decision.hold is HoldKind.ANALYSIS
            return "Being checked by pratique:" if checking else "Held by pratique:"
        case Action.SERVE:
            monitored = decision.tier is TrustTier.MONITOR
            return "Monitored by pratique:" if monitored else "Approved by pratique:"
        case _:
            assert_never(decision.action)


def clause(reason: Reason) -> str:
    """The cause as a verb phrase that follows a name and version: `sent a planted key on import`."""
    plain = _PLAIN.get(reason.code)
    return plain if plain is not None else _CLAUSES[reason.code](reason)


def sentence(reason: Reason) -> str:
    """The cause as a sentence for a page, such as: It sent a planted AWS key on import."""
    return f"It {clause(reason)}."


def reason_line(
    decision: Decision, *, url: str = "", alternative: str = "", untried: str = ""
) -> str:
    """Verdict, cause, what to do, short URL: at most 200 printable ASCII characters in one line.

    `alternative` is a pin that is served, such as `demo==1.1`; where there is none, `untried` is one
    that nobody has judged yet. What is not of its form is left out, as is a `url` that is none.
    """
    return _fit(
        head=f"{verdict_words(decision)} {subject(decision)} ",
        cause=_first_clause(decision),
        advice=_advice(decision, alternative, untried),
        url=_url(url),
        chars_max=LINE_CHARS_MAX,
    )


def yank_reason(decision: Decision, *, url: str = "", alternative: str = "") -> str:
    """The same without the name, shorter: the page's `yanked` value (PEP 592)."""
    return _fit(
        head=f"{verdict_words(decision)} it ",
        cause=_first_clause(decision),
        advice=_advice(decision, alternative),
        url=_url(url),
        chars_max=YANK_CHARS_MAX,
    )


def subject(decision: Decision) -> str:
    """`demo 2.0`, cut; an unreadable version is left out."""
    project = decision.ref.project if _NAME.match(decision.ref.project) else "this file"
    version = decision.ref.version if _VERSION.match(decision.ref.version) else ""
    return " ".join(
        part
        for part in (_cut(project, PROJECT_CHARS_MAX), _cut(version, VERSION_CHARS_MAX))
        if part
    )


def host_word(text: str) -> str:
    """A host name that may be printed: plain LDH with a dot, cut to its end; else nothing."""
    host = text.lower().removesuffix(".")
    if len(host) > 253 or not _HOST.match(host):
        return ""
    return host if len(host) <= HOST_CHARS_MAX else ".." + host[-(HOST_CHARS_MAX - 2) :]


def address_word(text: str) -> str:
    """An address that parses, in its normal form; else nothing. Zones (`%eth0`) are free text."""
    if "%" in text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _first_clause(decision: Decision) -> str:
    return clause(decision.reasons[0]) if decision.reasons else "has no stated reason"


def _advice(decision: Decision, alternative: str, untried: str = "") -> str:
    if decision.served:
        return ""
    pin = _pin(alternative)
    if pin:
        return f"Use {pin}."
    if decision.hold is not HoldKind.ANALYSIS and (pin := _pin(untried)):
        return f"Try {pin}."
    match decision.hold:
        case HoldKind.ANALYSIS:
            return "Try again in a minute."
        case HoldKind.AGE:
            until = decision.reasons[0].word("until") if decision.reasons else ""
            return f"Free from {until}." if _MOMENT.match(until) else ""
        case HoldKind.REVIEW:
            return "Ask for a review."
        case None:
            return ""
        case _:
            assert_never(decision.hold)


def _fit(*, head: str, cause: str, advice: str, url: str, chars_max: int) -> str:
    def tail(*parts: str) -> str:
        return "".join(f" {part}" for part in parts if part)

    for ending in (tail(advice, url), tail(url), ""):
        room = chars_max - len(head) - len(ending) - 1
        if len(cause) <= room or room >= CAUSE_CHARS_MIN:
            return _printable(f"{head}{_cut(cause, room)}.{ending}", chars_max)
    return _printable(f"{head}{cause}", chars_max)


def _printable(line: str, chars_max: int) -> str:
    """The last guard: everything above is vetted, so this only ever cuts."""
    cut = line[:chars_max]
    return cut if _PRINTABLE.match(cut) else "Held by pratique: the reason cannot be shown."


def _cut(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else text[: max(chars_max - 2, 0)] + ".."


def _url(text: str) -> str:
    return text if len(text) <= URL_CHARS_MAX and _URL.match(text) else ""


def _pin(text: str) -> str:
    name, separator, version = text.partition("==")
    if not separator:
        return ""
    try:
        pin = f"{parse_project(name)}=={Version(version)}"
    except (ValueInvalid, InvalidVersion):
        return ""
    return pin if len(pin) <= PROJECT_CHARS_MAX + VERSION_CHARS_MAX else ""


def _to(reason: Reason) -> str:
    where = host_word(reason.word("host")) or address_word(reason.word("address"))
    return f" to {where}" if where else ""


def _phase(reason: Reason) -> str:
    words = PHASES.get(reason.word("phase"))
    return f" {words}" if words else ""


def _what(reason: Reason) -> str:
    return what_words(reason.word("what")) if reason.word("what") else WHAT_ELSE


def _canary_left(reason: Reason) -> str:
    return f"sent {_what(reason)}{_to(reason)}{_phase(reason)}"


def _known_malicious(reason: Reason) -> str:
    advisory = reason.word("advisory")
    tail = f" ({advisory})" if _ADVISORY.match(advisory) else ""
    return f"is a known malicious release{tail}"


def _rule(reason: Reason) -> str:
    rule = reason.word("rule")
    return (
        f"falls under the policy rule {rule}" if _RULE.match(rule) else "falls under a policy rule"
    )


def _finding(reason: Reason) -> str:
    template = finding_words(reason.word("finding"), reason.word("layer"))
    return template.format(what=_what(reason), to=_to(reason), phase=_phase(reason))


def cause_clause(reason: Reason) -> str:
    """What moved a learned score most, as a verb phrase; empty where a reason names nothing."""
    cause, layer = reason.word("cause"), reason.word("layer")
    if not cause:
        return ""
    finding = reason.word("finding")
    template = finding_words(finding, layer) if finding else risk_words(cause, layer)
    told = template.format(what=_what(reason), to=_to(reason), phase=_phase(reason))
    return told + (NEVER_BEFORE if reason.word("new") else "")


def _score(reason: Reason) -> str:
    score = reason.word("score")
    if not _NUMBER.match(score):
        return "has no trust score"
    cause = cause_clause(reason)
    return f"has a trust score of {score}" + (f": it {cause}" if cause else "")


def _incomplete(reason: Reason) -> str:
    why = SHORTFALLS.get(reason.word("shortfall"))
    return f"could not be checked fully: {why}" if why else "could not be checked fully"


def _layer_missing(reason: Reason) -> str:
    layer = LAYERS.get(reason.word("layer"))
    return f"could not be checked for {layer}" if layer else "could not be checked on every layer"


def _layer_off(reason: Reason) -> str:
    layer = LAYERS.get(reason.word("layer"))
    return f"was checked without the {layer} layer" if layer else "was checked with a layer off"


def _age(reason: Reason) -> str:
    hours = reason.word("hours")
    known = f"the {hours} hours" if _NUMBER.match(hours) else "the age"
    return f"is younger than {known} that policy asks for"


def _freeze(reason: Reason) -> str:
    since = reason.word("since")
    known = f" on {since}" if _MOMENT.match(since) else ""
    return f"came after the freeze that began{known}"


_CLAUSES: Mapping[ReasonCode, Callable[[Reason], str]] = MappingProxyType(
    {
        ReasonCode.PROOF_CANARY_LEFT: _canary_left,
        ReasonCode.PROOF_KNOWN_MALICIOUS: _known_malicious,
        ReasonCode.RULE: _rule,
        ReasonCode.FINDING: _finding,
        ReasonCode.SCORE: _score,
        ReasonCode.INCOMPLETE: _incomplete,
        ReasonCode.LAYER_MISSING: _layer_missing,
        ReasonCode.LAYER_OFF: _layer_off,
        ReasonCode.AGE: _age,
        ReasonCode.FREEZE: _freeze,
    }
)
