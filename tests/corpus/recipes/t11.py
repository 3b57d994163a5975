"""T11: runs a program that has no file (MITRE ATT&CK T1620, T1055.009).

`memfd_create` gives a descriptor; the program is run through it, or loaded. The payload is
/bin/true, or a library of the system. The twins share memory as systemd and PyTorch do: a memfd is
written, mapped and closed.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.parts import IN_TREE, PACKER
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe

FILLED = """
number = os.memfd_create("THE_MODULE", 0)
os.write(number, pathlib.Path("/bin/true").read_bytes())
"""
BY_PATH = (
    FILLED + 'subprocess.run([f"/proc/self/fd/{number}"], pass_fds=[number])\nos.close(number)'
)
BY_DESCRIPTOR = (
    FILLED
    + """
child = os.fork()
if child == 0:
    try:
        os.execve(number, ["kworker"], {})
    finally:
        os._exit(0)
os.waitpid(child, 0)
os.close(number)
"""
)
UNPACKED = """
import zlib
packed = zlib.compress(pathlib.Path("/bin/true").read_bytes())
number = os.memfd_create("", os.MFD_CLOEXEC)
os.write(number, zlib.decompress(packed))
subprocess.run(["true"], executable=f"/proc/{os.getpid()}/fd/{number}")
os.close(number)
"""
SCRIPT = """
import base64, sys
number = os.memfd_create("THE_MODULE", 0)
os.write(number, base64.b64decode("cHJpbnQoMSkK"))
subprocess.run([sys.executable or "/usr/bin/python3", f"/proc/self/fd/{number}"],
               pass_fds=[number], capture_output=True)
os.close(number)
"""
LIBRARY = """
import ctypes, glob
number = os.memfd_create("THE_MODULE", 0)
for path in sorted(glob.glob("/usr/lib/*/libz.so.1") + glob.glob("/lib/*/libz.so.1"))[:1]:
    os.write(number, pathlib.Path(path).read_bytes())
    ctypes.CDLL(f"/proc/self/fd/{number}").zlibVersion()
os.close(number)
"""
SHARED_MEMORY_FILE = """
path = pathlib.Path("/dev/shm/THE_MODULE")
path.write_bytes(pathlib.Path("/bin/true").read_bytes())
path.chmod(0o700)
child = subprocess.Popen([str(path)])
path.unlink()
child.wait()
"""
SHARES_MEMORY = """
import mmap
number = os.memfd_create("THE_MODULE", 0)
os.write(number, b"0" * 4096)
with mmap.mmap(number, 4096) as memory:
    memory[0] = 1
os.close(number)
"""
SHARED_MEMORY_TWIN = """
path = pathlib.Path("/dev/shm/THE_MODULE")
path.write_bytes(b"0" * 4096)
path.unlink()
"""
FUNCTION = '''
def warm_up():
    """Get ready."""
    if ACT:
        THE_ACT()
'''

IMPORTS = (
    ("by-path", Encoding.PLAIN, BY_PATH, SHARES_MEMORY),
    ("by-descriptor", Encoding.PLAIN, BY_DESCRIPTOR, SHARES_MEMORY),
    ("unpacked-zlib", Encoding.ZLIB, UNPACKED, SHARES_MEMORY),
    ("script-base64", Encoding.BASE64, SCRIPT, SHARES_MEMORY),
    ("library", Encoding.NONE, LIBRARY, SHARES_MEMORY),
    ("shared-memory-file", Encoding.PLAIN, SHARED_MEMORY_FILE, SHARED_MEMORY_TWIN),
)


def module(name: str, phase: Phase, encoding: Encoding, code: str, **more: str) -> Recipe:
    """A package that acts on import or in a function."""
    return Recipe(
        technique="T11",
        name=name,
        phase=phase,
        channel=Channel.MEMORY,
        encoding=encoding,
        files={"THE_MODULE/__init__.py": code, **more},
        twin_does="shares memory and runs nothing",
    )


RECIPES = (
    *(
        module(name, Phase.IMPORT, encoding, acting(reenact, honest))
        for name, encoding, reenact, honest in IMPORTS
    ),
    module("function-by-path", Phase.USE, Encoding.PLAIN, acting(BY_PATH, SHARES_MEMORY, FUNCTION)),
    Recipe(
        technique="T11",
        name="backend-by-path",
        phase=Phase.INSTALL,
        channel=Channel.MEMORY,
        encoding=Encoding.PLAIN,
        kind=Kind.SDIST,
        files={
            "pyproject.toml": IN_TREE,
            "packer.py": PACKER,
            "backend.py": acting(BY_PATH, SHARES_MEMORY, head="from packer import build_wheel\n"),
            "src/THE_MODULE/__init__.py": '"""Nothing."""\n',
        },
        twin_does="shares memory and runs nothing",
    ),
)
