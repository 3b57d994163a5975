"""The first look: which sources are worth being parsed, by words in their bytes alone.

Parsing costs a hundred times more than looking. A word is no finding: it only decides what is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_GATE: dict[str, tuple[bytes, ...]] = {
    "network": (
        *(
            b"urlopen",
            b"urlretrieve",
            b"requests",
            b"socket",
            b"httpx",
            b"http.client",
            b"httplib",
            b"aiohttp",
        ),
        *(
            b"urllib",
            b"ftplib",
            b"smtplib",
            b"dns.resolver",
            b"paramiko",
            b"telebot",
            b"getaddrinfo",
            b"webhook",
            b"dropbox",
        ),
    ),
    "process": (
        b"subprocess",
        b"system",
        b"popen",
        b"Popen",
        b"startfile",
        b"os.exec",
        b"spawn",
        b"WinExec",
        b"pip.main",
    ),
    "dynamic": (
        *(
            b"exec(",
            b"eval(",
            b"exec (",
            b"__import__",
            b"marshal",
            b"pickle.load",
            b"FunctionType",
            b"CodeType",
        ),
        *(b"builtins", b"runpy", b"__pyarmor", b"= exec", b"=exec", b"CryptUnprotect"),
    ),
    "native": (b"windll", b"CDLL", b"VirtualAlloc", b"dlopen", b"WinDLL"),
    "start": (
        b"Startup",
        b"CurrentVersion",
        b"crontab",
        b"LaunchAgents",
        b"autostart",
        b".bashrc",
        b".pth",
    ),
}
"""Without one of these words nothing acts: sources that hold none are not looked at any further."""
_MORE: dict[str, tuple[bytes, ...]] = {
    "encoded": (
        *(
            b"b64decode",
            b"base64",
            b"fromhex",
            b"decompress",
            b"rot13",
            b"rot_13",
            b"Fernet",
            b"unhexlify",
        ),
        *(b"b85decode", b"b32decode", b"a85decode", b"AES.new", b"[::-1]"),
    ),
    "place": (
        *(
            b".ssh",
            b"id_rsa",
            b".aws",
            b"Login Data",
            b"Local State",
            b"LOCALAPPDATA",
            b"leveldb",
            b".pypirc",
        ),
        *(
            b"wallet.dat",
            b"tdata",
            b".git-credentials",
            b".kube",
            b"_history",
            b"CryptUnprotectData",
            b"/etc/shadow",
        ),
        *(
            b"/etc/passwd",
            b".docker/config",
            b"discordcanary",
            b"Exodus",
            b"keyring",
            b".claude",
            b".npmrc",
            b".netrc",
        ),
        *(b"browser_cookie", b"browsercookie"),
    ),
    "start": (
        b"schtasks",
        b"systemd",
        b".zshrc",
        b"authorized_keys",
        b"sitecustomize",
        b"usercustomize",
        b"winreg",
    ),
    "site": (
        b"site-packages",
        b"getsitepackages",
        b"dist-packages",
        b"get_python_lib",
        b"getusersitepackages",
    ),
    "facts": (
        *(
            b"gethostname",
            b"getuser",
            b"getnode",
            b"platform.node",
            b"os.environ",
            b"os.uname",
            b"getlogin",
        ),
        *(b"whoami", b"hostname", b"getfqdn", b"COMPUTERNAME", b"systeminfo"),
    ),
    "screen": (
        b"ImageGrab",
        b"pyperclip",
        b"pynput",
        b"screenshot",
        b"GetClipboardData",
        b"VideoCapture",
    ),
    "hidden": (
        b"_0x",
        b"pyarmor",
        b"pytransform",
        b"lambda __",
        b"chr(",
        b"\\x65\\x78",
        b"getattr(__",
    ),
    "collector": (
        *(
            b"/webhooks",
            b"api.telegram",
            b"oast",
            b"burpcollab",
            b"interact.sh",
            b"pipedream",
            b"requestbin",
        ),
        *(
            b"webhook.site",
            b"ngrok",
            b"trycloudflare",
            b"pastebin",
            b"transfer.sh",
            b"file.io",
            b"anonfiles",
        ),
        *(
            b"0x0.st",
            b"dnslog",
            b"ipinfo.io",
            b"ipify",
            b"icanhazip",
            b"ifconfig.me",
            b"ip-api",
            b"cdn.discord",
        ),
        *(
            b"rentry.co",
            b"hastebin",
            b"requestcatcher",
            b"canarytokens",
            b"/dev/tcp/",
            b"powershell",
            b"curl ",
        ),
        *(b"wget ", b"certutil", b"mshta", b"bitsadmin"),
    ),
}
_ADDRESS = re.compile(rb"://\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_PAIRS = (
    *({"network", "process"}, {"network", "dynamic"}, {"encoded", "dynamic"}, {"place", "network"}),
    *(
        {"facts", "network"},
        {"encoded", "process"},
        {"start", "process"},
        {"screen", "network"},
        {"native", "encoded"},
    ),
    *({"native", "network"}, {"hidden", "dynamic"}, {"site", "dynamic"}, {"collector", "network"}),
    *(
        {"collector", "process"},
        {"place", "encoded"},
        {"collector", "dynamic"},
        {"process", "dynamic"},
        {"place", "process"},
        {"start", "network"},
    ),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the first look saw."""

    families: frozenset[str]
    weight: int
    """0: nothing to read; 1: one family; 2: families that mean something together."""


NOTHING_SEEN = Look(frozenset(), 0)


def look(data: bytes) -> Look:
    """Look at the bytes of one source."""
    families = {name for name, words in _GATE.items() if any(word in data for word in words)}
    if not families:
        return NOTHING_SEEN
    families |= {name for name, words in _MORE.items() if any(word in data for word in words)}
    if _ADDRESS.search(data):
        families.add("collector")
    paired = any(pair <= families for pair in _PAIRS)
    return Look(frozenset(families), 2 if paired else 1)
