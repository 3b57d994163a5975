"""The first look: which sources are worth being parsed, by words in their bytes alone.

Parsing costs a hundred times more than looking. A word is no finding: it only decides what is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS: dict[str, tuple[bytes, ...]] = {
    "network": (
        *(b"urlopen", b"urlretrieve", b"requests", b"socket", b"httpx", b"aiohttp", b"http.client", b"httplib"),
        *(b"urllib", b"ftplib", b"smtplib", b"websocket", b"dns.resolver", b"paramiko", b"telebot", b"pycurl"),
        *(b"gethostbyname", b"getaddrinfo"),
    ),
    "process": (
        *(b"subprocess", b"os.system", b"popen", b"Popen", b"startfile", b"os.exec", b"spawn", b"system("),
        *(b"ShellExecute", b"CreateProcess", b"WinExec"),
    ),
    "dynamic": (
        *(b"exec(", b"eval(", b"exec (", b"__import__", b"marshal", b"pickle.load", b"FunctionType", b"CodeType"),
        *(b"execfile", b"__builtins__", b"builtins", b"runpy", b"globals()["),
    ),
    "encoded": (
        *(b"b64decode", b"base64", b"fromhex", b"decompress", b"rot13", b"rot_13", b"Fernet", b"unhexlify"),
        *(b"b85decode", b"b32decode", b"a85decode", b"AES.new", b"[::-1]"),
    ),
    "place": (
        *(b".ssh", b"id_rsa", b".aws", b"Login Data", b"Local State", b"LOCALAPPDATA", b"leveldb", b".pypirc"),
        *(b"wallet.dat", b"tdata", b".git-credentials", b".kube", b"_history", b"CryptUnprotectData", b"/etc/shadow"),
        *(b"/etc/passwd", b".docker/config", b"discordcanary", b"Exodus", b"keyring", b".claude", b".npmrc", b".netrc"),
    ),
    "start": (
        *(b"CurrentVersion", b"crontab", b"LaunchAgents", b"autostart", b"schtasks", b"Startup", b".bashrc"),
        *(b"systemd", b".zshrc", b"authorized_keys", b".pth", b"sitecustomize", b"usercustomize", b"winreg"),
    ),
    "native": (b"VirtualAlloc", b"RtlMoveMemory", b"CreateThread", b"CDLL", b"windll", b"WinDLL", b"dlopen", b"NtRaise"),
    "site": (b"site-packages", b"getsitepackages", b"dist-packages", b"get_python_lib", b"getusersitepackages"),
    "facts": (
        *(b"gethostname", b"getuser", b"getnode", b"platform.node", b"os.environ", b"os.uname", b"getlogin"),
        *(b"whoami", b"hostname", b"getfqdn", b"COMPUTERNAME", b"systeminfo"),
    ),
    "screen": (b"ImageGrab", b"pyperclip", b"pynput", b"screenshot", b"GetClipboardData", b"keyboard.", b"VideoCapture"),
    "hidden": (b"_0x", b"pyarmor", b"pytransform", b"lambda __", b"chr(", b"\\x65\\x78", b"getattr(__", b"__getattribute__"),
}
_COLLECTOR = re.compile(
    rb"webhook|api\.telegram|oast|burpcollab|interact\.sh|pipedream|requestbin|webhook\.site|ngrok|trycloudflare"
    rb"|pastebin|transfer\.sh|file\.io|gofile|anonfiles|0x0\.st|dnslog|ipinfo\.io|ipify|icanhazip|ifconfig\.me|ip-api"
    rb"|cdn\.discord|rentry\.co|hastebin|paste\.|://\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|requestcatcher|canarytokens"
    rb"|/dev/tcp/|powershell|curl\s|wget\s|-enc\s|certutil|mshta|bitsadmin|Invoke-|IEX"
)
_PAIRS = (
    *({"network", "process"}, {"network", "dynamic"}, {"encoded", "dynamic"}, {"place", "network"}),
    *({"facts", "network"}, {"encoded", "process"}, {"start", "process"}, {"screen", "network"}, {"native", "encoded"}),
    *({"native", "network"}, {"hidden", "dynamic"}, {"site", "dynamic"}, {"collector", "network"}),
    *({"collector", "process"}, {"place", "encoded"}, {"collector", "dynamic"}, {"process", "dynamic"}),
)
_NARROW = frozenset({"native", "place", "screen", "collector"})
"""Families that are rare enough to be worth parsing alone."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the first look saw."""

    families: frozenset[str]
    weight: int
    """0: nothing to read; 1: one family; 2: families that mean something together."""


NOTHING_SEEN = Look(frozenset(), 0)


def look(data: bytes) -> Look:
    """Look at the bytes of one source."""
    families = {name for name, words in _WORDS.items() if any(word in data for word in words)}
    if _COLLECTOR.search(data):
        families.add("collector")
    if not families:
        return NOTHING_SEEN
    paired = any(pair <= families for pair in _PAIRS)
    weight = 2 if paired else 1
    return Look(frozenset(families), weight)
