"""Detectors of hiding: code out of sight, invisible characters, obfuscators' marks, sources that break."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from analyzer.static.detector import Detector, View
from analyzer.static.frames import ORDER, Module
from analyzer.static.kind import StaticKind, eager
from analyzer.static.result import Match, Reach

BLANKS_MIN = 150
"""Blanks before code that is out of sight: wider than any screen."""
TEXT_BYTES_MAX = 1_000_000
"""Bytes of one source that are searched for hidden characters."""
ODD_NAMES_MIN = 8
"""Different names of an obfuscator's make in one file."""
ESCAPES_MIN = 60
"""Escapes in a row in one literal."""
HUGE_BYTES = 60_000
"""Bytes of a setup.py that no honest one has, with half of them on one line."""
PACKED_MIN = 12
"""Statements on one line."""
_CODE = re.compile(
    rb"\bimport\b|\bexec\b|\beval\b|__import__|\bopen\(|subprocess|b64decode|\bos\.|urlopen|requests|\bcompile\("
)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\U000e0020-\U000e007f]{24,}")
"""Variation selectors or tags in a row: emoji take one; a payload in them takes hundreds."""
_ZERO = re.compile("[A-Za-z_][\u200b-\u200f\u2060-\u2064\ufeff\u3164\uffa0\u115f\u1160]+[A-Za-z_]")
_LOOKALIKE = re.compile("[\U0001d400-\U0001d7ff\uff21-\uff5a]\\w*")
"""Mathematical or full-width letters, which Python reads as plain ones, and what follows."""
_WORD_END = re.compile(r"\w{0,40}\Z")
_PROTECTORS = (b"__pyarmor", b"pyarmor_runtime", b"sourcedefender")
_MARKS = (
    *(b"Hyperion", b"PlutoCrypt", b"pyobfuscate", b"PyObfuscator", b"class Kramer", b"Kramer."),
    *(
        b"Obfuscated with",
        b"Obfuscated by",
        b"Obfuscated using",
        b"BlankOBF",
        b"SpecialOBF",
        b"freecodingtools.org",
    ),
    *(
        b"development-tools.net",
        b"oxyry",
        b"pyminifier",
        b"PyFuscate",
        b"Intensio",
        b"Encrypted by",
        b"_sparkle",
    ),
)
_ODD = re.compile(
    rb"\b(?:_0x\w{4,}|[lI1|]{8,}|[O0o]{8,}|_{5,}(?=\s*=[^=])|(?:[lI]_?){9,}|[A-Z]{0,2}O{4,}0\w*|[xX]{8,}|[mn]{10,}|[wW]{10,})\b"
)
_ODD_HINTS = (
    b"_0x",
    b"lIlI",
    b"IlIl",
    b"llII",
    b"IIll",
    b"OOOO",
    b"O0O0",
    b"_____",
    b"mnmn",
    b"xxxxxxxx",
)
_ESCAPES = re.compile(rb"(?:\\x[0-9a-fA-F]{2}|\\[0-7]{3}|\\u[0-9a-fA-F]{4}){%d,}" % ESCAPES_MIN)
_BLOB = re.compile(rb"[\"'][A-Za-z0-9+/=_-]{800,}[\"']")
_RUN = re.compile(rb"\b(?:exec|eval)\s*\(|__import__|marshal|compile\(")
_DECODE = re.compile(
    rb"b64decode|decompress|fromhex|unhexlify|rot_?13|Fernet|b85decode|b32decode|a85decode|\[::-1\]"
)
_FETCH = re.compile(
    rb"urlopen|urlretrieve|requests\.(?:get|post)|socket\.socket|httplib|powershell|webhook"
)
_START = re.compile(rb"os\.system|subprocess|popen|startfile|\bexec\s*\(")


def _place(kind_id: str, module: Module, position: int, *, what: str = "") -> Match:
    line = module.data.count(b"\n", 0, position) + 1
    end = module.data.find(b"\n", position)
    excerpt = module.data[position : end if end >= 0 else None][:400]
    return Match(
        id=kind_id,
        reach=module.reach.value,
        path=module.path,
        line=line,
        excerpt=excerpt.decode("utf-8", "replace"),
        what=what,
    )


def _far_right(view: View) -> Iterator[Match]:
    for module in view.modules:
        for blanks in (b" " * BLANKS_MIN, b"\t" * (BLANKS_MIN // 4)):
            found = _behind(module.data[:TEXT_BYTES_MAX], blanks)
            if found is not None:
                yield _place("static-far-right", module, found)
                break


def _behind(data: bytes, blanks: bytes) -> int | None:
    """Where code stands behind blanks on its line; None where none does."""
    position = data.find(blanks)
    while position >= 0:
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        start = data.rfind(b"\n", 0, position) + 1
        before = data[max(start, position - 2000) : position].strip()
        far = data[position : min(end, position + 20_000)].lstrip()[:2000]
        ends = not before or before.endswith((b";", b",", b"\\", b":", b")"))
        if not far.startswith(b"#") and _CODE.search(far) and (ends or b";" in far):
            return data.index(far[:1], position + len(blanks))
        position = data.find(blanks, end)
    return None


def _invisible(view: View) -> Iterator[Match]:
    for module in view.modules:
        if module.data.isascii():
            continue
        text = module.data[:TEXT_BYTES_MAX].decode("utf-8", "replace")
        for what, form in (
            ("bidirectional", _BIDI),
            ("payload", _VARIATION),
            ("zero-width", _ZERO),
        ):
            found = form.search(text)
            if found is not None:
                position = len(text[: found.start()].encode("utf-8", "replace"))
                yield _place("static-invisible", module, position, what=what)
                break


def _homoglyphs(view: View) -> Iterator[Match]:
    """Names that Python reads as telling ones, and a search does not find."""
    for module in view.acting():
        if module.data.isascii():
            continue
        text = module.data[:TEXT_BYTES_MAX].decode("utf-8", "replace")
        for found in _LOOKALIKE.finditer(text):
            before = _WORD_END.search(text[max(0, found.start() - 40) : found.start()])
            word = (before.group() if before else "") + found.group()[:100]
            if unicodedata.normalize("NFKC", word) in _TELLING:
                position = len(text[: found.start()].encode("utf-8", "replace"))
                yield _place("static-homoglyph", module, position)
                break


_TELLING = frozenset(
    {
        *(
            "exec",
            "eval",
            "compile",
            "getattr",
            "__import__",
            "import",
            "os",
            "system",
            "subprocess",
            "open",
        ),
        *(
            "base64",
            "b64decode",
            "marshal",
            "loads",
            "globals",
            "self",
            "builtins",
            "Popen",
            "requests",
            "print",
        ),
    }
)


def _protector(view: View) -> Iterator[Match]:
    """Marks of tools that vendors use too."""
    for module in view.acting():
        mark = next((mark for mark in _PROTECTORS if mark in module.data[:200_000]), b"")
        if mark:
            yield _place("static-protector", module, module.data.index(mark))


def _obfuscator(view: View) -> Iterator[Match]:
    for module in view.acting():
        head = module.data[:200_000]
        mark = next((mark for mark in _MARKS if mark in head), b"")
        if mark and _RUN.search(head):
            yield _place("static-obfuscator", module, head.index(mark), what="mark")
        elif any(hint in head for hint in _ODD_HINTS):
            names = set(_ODD.findall(head))
            if len(names) >= ODD_NAMES_MIN:
                odd = _ODD.search(head)
                yield _place("static-obfuscator", module, odd.start() if odd else 0, what="names")


def _escape_wall(view: View) -> Iterator[Match]:
    for module in view.acting():
        if module.data.count(b"\\") < ESCAPES_MIN:
            continue
        data = module.data[:TEXT_BYTES_MAX]
        if _RUN.search(data):
            found = _ESCAPES.search(data)
            if found is not None and len(found.group()) > ESCAPES_MIN * 4:
                yield _place("static-escape-wall", module, found.start())


def _blob(view: View) -> Iterator[Match]:
    for module in view.acting():
        if len(module.data) < 800 or ORDER[module.reach] > ORDER[Reach.MODULE]:
            continue
        data = module.data[:TEXT_BYTES_MAX]
        words = data if len(module.data) <= TEXT_BYTES_MAX else data + module.data[-50_000:]
        if _DECODE.search(words) and (_RUN.search(words) or _START.search(words)):
            found = _BLOB.search(data)
            if found is not None:
                yield _place("static-blob", module, found.start())
                continue
        if (
            module.reach is Reach.BUILD
            and len(module.data) > HUGE_BYTES
            and _START.search(module.data)
        ):
            line = max(module.data.split(b"\n"), key=len)
            if len(line) > HUGE_BYTES // 2:
                yield _place("static-blob", module, module.data.index(line), what="huge-line")


def _nested(view: View) -> Iterator[Match]:
    """Sources nested deeper than can be read."""
    for module in view.nested:
        yield _place("static-deep-nesting", module, 0)


def _packed(view: View) -> Iterator[Match]:
    """Many statements on one line of what runs early, among them one that acts."""
    for module in view.acting():
        if (
            module.reach not in (Reach.BUILD, Reach.START, Reach.IMPORT)
            or len(module.data) > TEXT_BYTES_MAX
        ):
            continue
        if module.data.count(b";") < PACKED_MIN:
            continue
        position = 0
        for line in module.data.split(b"\n"):
            if line.count(b";") >= PACKED_MIN and _RUN.search(line):
                yield _place("static-packed-line", module, position)
                break
            position += len(line) + 1


def _broken(view: View) -> Iterator[Match]:
    """Sources that do not parse here, and hold what acts: read by their words alone."""
    for module in view.unparsed:
        data = module.data[:TEXT_BYTES_MAX]
        run = _RUN.search(data)
        if run and (_DECODE.search(data) or _FETCH.search(data)):
            yield _place("static-broken-source", module, run.start())
        elif _FETCH.search(data) and _START.search(data):
            start = _START.search(data)
            yield _place("static-broken-source", module, start.start() if start else 0)


HIDING: tuple[Detector, ...] = (
    Detector(
        id="static-far-right",
        kind=StaticKind(
            title="Code stands out of sight, behind many blanks",
            levels=eager("high", module="high", call="high"),
            technique="T1027",
            rationale=(
                "A hundred and fifty blanks before a statement push it out of every editor's window. Long "
                "tables have blanks too, but no import behind them."
            ),
        ),
        detect=_far_right,
    ),
    Detector(
        id="static-invisible",
        kind=StaticKind(
            title="Invisible or direction-changing characters in the source",
            levels=eager("medium", module="low", call="low"),
            technique="T1027",
            rationale=(
                "Bidirectional marks show a person other code than runs, and variation selectors carry "
                "payloads that nobody sees. Texts about text hold a few."
            ),
        ),
        detect=_invisible,
    ),
    Detector(
        id="static-homoglyph",
        kind=StaticKind(
            title="Names are written in letters that only look like others",
            levels=eager("high", module="high", call="medium"),
            technique="T1027",
            rationale="Python takes mathematical letters for plain ones (NFKC); a search does not.",
        ),
        detect=_homoglyphs,
    ),
    Detector(
        id="static-obfuscator",
        kind=StaticKind(
            title="An obfuscator's work",
            levels=eager("high", module="medium", call="low"),
            technique="T1027.002",
            rationale=(
                "Names of bars and zeros, or the mark of an obfuscator that is given away for nothing, beside "
                "exec: what is published as source is meant to be read."
            ),
        ),
        detect=_obfuscator,
    ),
    Detector(
        id="static-protector",
        kind=StaticKind(
            title="Code is encrypted by a protector",
            levels={
                Reach.BUILD: "high",
                Reach.START: "high",
                Reach.IMPORT: "medium",
                Reach.MODULE: "medium",
                Reach.CALL: "low",
            },
            technique="T1027.002",
            rationale=(
                "PyArmor and its like: some vendors encrypt what they sell, so it weighs no more; nobody "
                "sells a setup.py."
            ),
        ),
        detect=_protector,
    ),
    Detector(
        id="static-escape-wall",
        kind=StaticKind(
            title="A wall of escapes stands beside code that runs texts",
            levels=eager("medium", module="low"),
            technique="T1027",
            rationale="Nobody writes a literal of escapes by hand; tables of bytes have no exec beside them.",
        ),
        detect=_escape_wall,
    ),
    Detector(
        id="static-blob",
        kind=StaticKind(
            title="A long encoded literal stands beside a decoder and code that runs",
            levels={
                Reach.BUILD: "medium",
                Reach.START: "high",
                Reach.IMPORT: "low",
                Reach.MODULE: "low",
            },
            technique="T1027.009",
            rationale="Payloads travel as base64; so do icons and test data, which nobody runs.",
        ),
        detect=_blob,
    ),
    Detector(
        id="static-deep-nesting",
        kind=StaticKind(
            title="A source is nested deeper than can be read",
            levels=eager("medium", module="low"),
            technique="T1027",
            rationale=(
                "Hundreds of brackets in brackets end parsers, ours as well as an interpreter's of another "
                "version; generated tables nest a dozen."
            ),
        ),
        detect=_nested,
    ),
    Detector(
        id="static-packed-line",
        kind=StaticKind(
            title="Many statements are packed into one line",
            levels=eager("medium", module="low"),
            technique="T1027",
            rationale="Droppers come as one line to be pasted in; minifiers do it to whole files.",
        ),
        detect=_packed,
    ),
    Detector(
        id="static-broken-source",
        kind=StaticKind(
            title="A source that does not parse holds code that acts",
            levels=eager("high", module="low"),
            technique="T1027",
            rationale=(
                "Old syntax, or a deliberate break that a reader stumbles over; read by its words alone. "
                "Modules for Python 2 lie about in old packages, but setup.py has to run."
            ),
        ),
        detect=_broken,
    ),
)
