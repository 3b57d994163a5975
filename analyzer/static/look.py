"""The first look: which sources are worth being parsed, by words in their bytes alone.

Parsing costs a hundred times more than looking. A word is no finding: it only decides what is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_GATE: dict[str, tuple[bytes, ...]] = {
    "network": (
        *(
            b"urlopen urlretrieve requests socket httpx http.client httplib aiohttp urllib ftplib "
            b"smtplib dns.resolver paramiko telebot getaddrinfo webhook dropbox"
        ).split(),
    ),
    "process": (
        *(b"subprocess system popen Popen startfile os.exec spawn WinExec pip.main").split(),
    ),
    "dynamic": (
        *(
            b"exec( eval( __import__ marshal pickle.load FunctionType CodeType builtins runpy "
            b"__pyarmor =exec CryptUnprotect"
        ).split(),
        b"exec (",
        b"= exec",
    ),
    "native": (*(b"windll CDLL VirtualAlloc dlopen WinDLL").split(),),
    "start": (*(b"Startup CurrentVersion crontab LaunchAgents autostart .bashrc .pth").split(),),
}
"""Without one of these words nothing acts: sources that hold none are not looked at any further."""
_MORE: dict[str, tuple[bytes, ...]] = {
    "encoded": (
        *(
            b"b64decode base64 fromhex decompress rot13 rot_13 Fernet unhexlify b85decode b32decode "
            b"a85decode AES.new [::-1]"
        ).split(),
    ),
    "place": (
        *(
            b".ssh id_rsa .aws LOCALAPPDATA leveldb .pypirc wallet.dat tdata .git-credentials .kube "
            b"_history CryptUnprotectData /etc/shadow /etc/passwd .docker/config discordcanary "
            b"Exodus keyring .claude .npmrc .netrc browser_cookie browsercookie"
        ).split(),
        b"Login Data",
        b"Local State",
    ),
    "start": (
        *(b"schtasks systemd .zshrc authorized_keys sitecustomize usercustomize winreg").split(),
    ),
    "site": (
        *(
            b"site-packages getsitepackages dist-packages get_python_lib getusersitepackages"
        ).split(),
    ),
    "facts": (
        *(
            b"gethostname getuser getnode platform.node os.environ os.uname getlogin whoami "
            b"hostname getfqdn COMPUTERNAME systeminfo"
        ).split(),
    ),
    "screen": (*(b"ImageGrab pyperclip pynput screenshot GetClipboardData VideoCapture").split(),),
    "hidden": (
        *(b"_0x pyarmor pytransform chr( getattr(__").split(),
        b"lambda __",
        b"\\x65\\x78",
    ),
    "collector": (
        *(
            b"/webhooks api.telegram oast burpcollab interact.sh pipedream requestbin webhook.site "
            b"ngrok trycloudflare pastebin transfer.sh file.io anonfiles 0x0.st dnslog ipinfo.io "
            b"ipify icanhazip ifconfig.me ip-api cdn.discord rentry.co hastebin requestcatcher "
            b"canarytokens /dev/tcp/ powershell certutil mshta bitsadmin"
        ).split(),
        b"curl ",
        b"wget ",
    ),
}
_ADDRESS = re.compile(rb"://\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_PAIR_WORDS = """
    collector+dynamic collector+network collector+process dynamic+encoded dynamic+hidden
    dynamic+network dynamic+process dynamic+site encoded+native encoded+place encoded+process
    facts+network native+network network+place network+process network+screen network+start
    place+process process+start
"""
_PAIRS = tuple(frozenset(pair.split("+")) for pair in _PAIR_WORDS.split())
"""Families that mean something together."""


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
