"""The rules for recipes, as a check: who may be named, who may be spoken to, and when they act."""

from __future__ import annotations

import ast
import base64
import binascii
import contextlib
import gzip
import ipaddress
import re
import zlib
from collections.abc import Iterator

from tests.corpus.building import ACTS, build, texts
from tests.corpus.guard import GUARD
from tests.corpus.recipe import THE_ACT, Kind, Recipe

TECHNIQUES = tuple(f"T{number:02}" for number in range(1, 35))
VARIANTS_MIN = 5
CLASSIFIER = b"Classifier: Private :: Do Not Upload"
NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/32",  # "every address of this box", to listen on
        "127.0.0.0/8",
        "192.0.2.0/24",  # TEST-NET-1 to 3, RFC 5737
        "198.51.100.0/24",
        "203.0.113.0/24",
        "169.254.169.254/32",  # the cloud metadata service; boxes have their own
        "::1/128",
        "::/128",
        "2001:db8::/32",  # for documentation, RFC 3849
    )
)
"""Everything that a recipe may connect to or listen on."""
HOST_ENDINGS = (".invalid", ".test", ".localhost", "localhost")
"""RFC 6761 and RFC 2606; with `example` they are the names that belong to nobody."""
REAL_ENDINGS = (
    *("ai", "app", "biz", "cc", "ch", "cloud", "cn", "co", "com", "de", "dev", "edu", "eu", "fr"),
    *("gg", "gov", "info", "io", "me", "net", "online", "org", "pw", "ru", "sh", "site", "store"),
    *("tech", "tk", "to", "top", "uk", "us", "ws", "xyz", "onion", "eth"),
)
"""Top-level domains that a third party's host could have; the list is long enough to catch a slip."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_ADDRESS_6 = re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_URL_HOST = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[^/@\s'\"]*@)?(\[[^\]]*\]|[^/:\s'\"?#]+)", re.IGNORECASE
)
_REAL_HOST = re.compile(
    rf"(?<![\w./@-])(?:[a-z0-9-]+\.)+(?:{'|'.join(REAL_ENDINGS)})(?![\w.-])", re.IGNORECASE
)
_ENCODED_CHARS_MIN = 12
_LONG_WORD = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")


def violations(recipe: Recipe) -> list[str]:
    """What is wrong with a recipe, a sentence each; empty where nothing is."""
    found = list(_of_names(recipe))
    for twin in (False, True):
        files = texts(recipe, twin=twin)
        for path, data in files.items():
            found += [f"{path}: {problem}" for problem in problems_of(path, data)]
        metadata = build(recipe, twin=twin)
        if not metadata.data:
            found.append("the archive is empty")
        named = [path for path in files if path.endswith(("METADATA", "PKG-INFO"))]
        found += [f"{path}: no {CLASSIFIER!r}" for path in named if CLASSIFIER not in files[path]]
    for project, files_beside in recipe.beside.items():
        if not project.startswith("reenact-"):
            found.append(f"{project}: a project is called reenact-…")
        for path, content in files_beside.items():
            data = content if isinstance(content, bytes) else content.encode()
            written = data.replace(THE_ACT.encode(), ACTS[False].encode())
            found += [f"{project}: {path}: {problem}" for problem in problems_of(path, written)]
    return [*found, *_of_twin(recipe)]


def _of_names(recipe: Recipe) -> Iterator[str]:
    if recipe.technique not in TECHNIQUES:
        yield f"{recipe.technique} is no technique"
    if not NAME.fullmatch(recipe.name):
        yield f"{recipe.name!r} is not made of small letters, digits and '-'"
    if not recipe.twin_does.strip():
        yield "what the twin does is not said"
    turns = any(THE_ACT in content for content in _all_texts(recipe))
    if not turns and not (recipe.twin_files or recipe.pack or recipe.twin_pack):
        yield f"nothing tells the re-enactment from its twin: no {THE_ACT}, no twin_files, no pack"
    if recipe.kind is Kind.SDIST and recipe.requires and not recipe.beside:
        yield "it requires what nobody has"


def _all_texts(recipe: Recipe) -> list[str]:
    beside = [text for files in recipe.beside.values() for text in files.values()]
    return [text for text in (*recipe.files.values(), *beside) if isinstance(text, str)]


def problems_of(path: str, data: bytes) -> Iterator[str]:
    """What is wrong with one file of ours: code that acts unasked, and somebody's addresses."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if path.endswith(".py"):
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            yield f"not Python: {error}"
            return
        yield from unguarded(tree, text)
        constants = list(_constants(tree))
    else:
        constants = [text]
        if any(act in text for act in ACTS.values()):
            yield "the act is named outside of Python, where no guard is asked"
    for hidden in filter(None, map(_hidden_code, constants)):
        yield from problems_of("hidden.py", hidden.encode())
    for constant in constants:
        for form in (constant, *_decoded(constant)):
            yield from destinations(form)


def unguarded(tree: ast.Module, text: str) -> Iterator[str]:
    """Uses of the act outside of `if ACT:`, and a missing guard."""
    uses = [node for node in ast.walk(tree) if _is_act(node)]
    inside = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and _asks_act(branch.test)
        for statement in branch.body
        for node in ast.walk(statement)
    }
    if any(id(use) not in inside for use in uses):
        yield "the act is used outside of `if ACT:`"
    borrowed = any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "ACT" for alias in node.names)
        for node in ast.walk(tree)
    )
    if uses and not borrowed and GUARD not in text:
        yield "it acts and does not hold GUARD as it is (nor imports ACT from a module that does)"


def _is_act(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ACTS.values()


def _asks_act(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_asks_act(value) for value in test.values)
    return isinstance(test, ast.Name) and test.id == "ACT"


def _constants(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            value = node.value
            yield value if isinstance(value, str) else value.decode("latin-1")


def _decoded(text: str) -> Iterator[str]:
    """What a text, or a long word in it, is once its encoding is taken off, where it has one."""
    if len(text) < _ENCODED_CHARS_MIN or not text.isascii():
        return
    for word in (text, *_LONG_WORD.findall(text)):
        for take_off in (base64.b64decode, bytes.fromhex, base64.b32decode):
            with contextlib.suppress(ValueError, binascii.Error):
                data = take_off(word)
                yield data.decode("latin-1")
                yield from _unpacked(data)
    yield text[::-1]


def _unpacked(data: bytes) -> Iterator[str]:
    for unpack in (zlib.decompress, gzip.decompress):
        with contextlib.suppress(zlib.error, OSError, EOFError):
            yield unpack(data).decode("latin-1")


def _hidden_code(text: str) -> str:
    """The module that acts inside an encoded text; empty where there is none."""
    return next((form for form in _decoded(text) if GUARD in form), "")


def _parsed(data: bytes) -> ast.AST:
    """The tree of a file; an empty one where it is not Python, which is said elsewhere."""
    try:
        return ast.parse(data)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def destinations(text: str) -> Iterator[str]:
    """Addresses and hosts in a text that no recipe may speak to."""
    for match in (*_ADDRESS.findall(text), *_ADDRESS_6.findall(text)):
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(match)
            if not any(
                address in network for network in NETWORKS if network.version == address.version
            ):
                yield f"{match} is neither loopback nor TEST-NET"
    for host in _URL_HOST.findall(text):
        plain = host.strip("[]").lower()
        if (
            not _is_address(plain)
            and not plain.endswith(HOST_ENDINGS)
            and "{" not in plain
            and plain != "%s"
        ):
            yield f"{host} is a host of somebody's"
    for host in _REAL_HOST.findall(text):
        yield f"{host} is a host of somebody's"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _of_twin(recipe: Recipe) -> Iterator[str]:
    """What the re-enactment has and its twin has not: a tell."""
    ours, theirs = texts(recipe, twin=False), texts(recipe, twin=True)
    if ours.keys() != theirs.keys():
        yield f"files of one only: {sorted(ours.keys() ^ theirs.keys())}"
    tells = tells_of(ours) - tells_of(theirs)
    if tells:
        yield f"the twin lacks {sorted(tells)[:5]}"


def tells_of(files: dict[str, bytes]) -> set[str]:
    """Strings, imports and attributes of all Python files."""
    found: set[str] = set()
    for path, data in files.items():
        if not path.endswith(".py"):
            continue
        for node in ast.walk(_parsed(data)):
            match node:
                case ast.Constant(value=str() as value) if hidden := _hidden_code(value):
                    found |= tells_of({"hidden.py": hidden.encode()})
                case ast.Constant(value=str() | bytes() as value):
                    found.add(f"string {value!r}")
                case ast.alias(name=name):
                    found.add(f"import {name}")
                case ast.Attribute(attr=name):
                    found.add(f"attribute {name}")
                case _:
                    pass
    return found
