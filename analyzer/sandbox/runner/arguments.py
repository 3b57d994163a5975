"""What P4 hands to a callable: a value that fits the parameter, with a planted text in it.

The value is chosen by the parameter's name, then its annotation. Only values are made here; whose
each planted text is, is said by who calls. Runs under every interpreter that boxes have.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is not loaded for this
if TYPE_CHECKING:
    from collections.abc import Callable

COMPANY = "corp.example"
PROJECT = "/home/dev/project"
FILES = 8
"""The last of the planted texts are also the names and contents of files, for parameters that are paths."""
NUMBER = 7
SECRET = ("token", "key", "secret", "password", "passwd", "pwd", "credential", "auth", "login")
PLACE = ("url", "uri", "endpoint", "webhook", "base_url", "href", "link")
HOST = ("host", "hostname", "server", "domain", "address", "ip", "site")
MAIL = ("email", "mail", "recipient", "sender")
FILE = (
    "path",
    "file",
    "filename",
    "filepath",
    "fname",
    "source",
    "src",
    "directory",
    "folder",
    "dir",
)
TEXT = (
    "user",
    "username",
    "name",
    "data",
    "text",
    "message",
    "msg",
    "payload",
    "content",
    "body",
    "query",
)
_WORTH = (SECRET, PLACE, HOST, MAIL, FILE, TEXT)


def words(name: str) -> frozenset[str]:
    """The words that a parameter's name consists of, and the name itself."""
    lowered = name.lower()
    return frozenset((lowered, *lowered.split("_")))


def is_worth(name: str) -> bool:
    """Whether a parameter is given a value although it has a default."""
    found = words(name)
    written_in_one = name.lower().endswith(SECRET)
    return any(found.intersection(group) for group in _WORTH) or written_in_one


def wants_file(name: str, annotation: object) -> bool:
    """Whether a parameter takes the path of a file."""
    return bool(words(name).intersection(FILE)) or "path" in kind_of(annotation)


def kind_of(annotation: object) -> str:
    """An annotation as lower-case text: `list[str]`, `optional[int]`, `str | none`."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    if not isinstance(text, str) or not text or "[" in str(annotation):
        text = str(annotation)
    return text.lower().replace("typing.", "")[:200]


def value_for(name: str, annotation: object, default: object, planted: str) -> object:
    """A value for one parameter. `default` is what it would be, None where it has none."""
    kind = "" if annotation is None else kind_of(annotation)
    if not kind and default is not None:
        kind = type(default).__name__
    if wants_file(name, annotation):
        return f"{PROJECT}/{planted}.txt"
    make = _BY_KIND.get(head_of(kind))
    return make(planted) if make is not None else text_for(name, planted)


def head_of(kind: str) -> str:
    """The first type of an annotation's text: `int` of `optional[int]`, `list` of `list[str] | none`."""
    for wrapper in ("optional[", "union[", "annotated[", "final["):
        kind = kind.removeprefix(wrapper)
    head = kind.removeprefix("none |").strip()
    for index, character in enumerate(head):
        if not (character.isalnum() or character in "._"):
            head = head[:index]
            break
    return head.rpartition(".")[2]


def text_for(name: str, planted: str) -> str:
    """A text that suits the name."""
    found = words(name)
    if found.intersection(MAIL):
        return f"{planted}@{COMPANY}"
    if found.intersection(PLACE):
        return f"https://{planted}.{COMPANY}/"
    if found.intersection(HOST):
        return f"{planted}.{COMPANY}"
    return planted


def _sink(planted: str) -> Callable[..., str]:
    """A function that takes whatever it is given."""
    return lambda *_, **__: planted


_BY_KIND: dict[str, Callable[[str], object]] = {
    "bool": lambda _: True,
    "int": lambda _: NUMBER,
    "float": lambda _: float(NUMBER),
    "complex": lambda _: complex(NUMBER),
    "bytearray": lambda planted: bytearray(planted.encode()),
    "bytes": lambda planted: planted.encode(),
    "list": lambda planted: [planted],
    "sequence": lambda planted: [planted],
    "iterable": lambda planted: [planted],
    "collection": lambda planted: [planted],
    "tuple": lambda planted: (planted,),
    "frozenset": lambda planted: frozenset((planted,)),
    "set": lambda planted: {planted},
    "iterator": lambda planted: iter((planted,)),
    "dict": lambda planted: {"value": planted},
    "mapping": lambda planted: {"value": planted},
    "mutablemapping": lambda planted: {"value": planted},
    "callable": _sink,
    "function": _sink,
}
"""By the first type of an annotation, or the type of a default."""
