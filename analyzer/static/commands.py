"""What command lines in texts do: fetch and run, hide code, hand out a shell, install, build.

Standard library only; texts are cut before they are searched.
"""

from __future__ import annotations

import re

_POWERSHELL = r"(?:powershell|pwsh)(?:\.exe)?"
_FORMS: dict[str, str] = {
    "reverse-shell": (
        r"/dev/(?:tcp|udp)/[^\s/]+/\S+|\b(?:nc|ncat|netcat)(?:\.exe)?\b[^|;&\n]{0,300}\s-[a-z]*[ec]\s*\S*(?:sh|cmd)|\bmkfifo\b.{0,300}\b(?:nc|telnet)\b"
        r"|\bsocat\b.{0,300}\bexec:|System\.Net\.Sockets\.TCPClient|\bfsockopen\b.{0,300}\bexec\b"
    ),
    "fetch-and-run": (
        r"\b(?:curl|wget|fetch)\b[^;\n]{0,300}\|\s*(?:sudo\s+)?(?:\S*/)?(?:(?:ba|da|z|k|a)?sh|python[\d.]*|perl|node|cmd)\b"
        r"|\b(?:(?:ba|da|z)?sh|eval|source)\b[^\n]{0,12}(?:\$\(|<\(|`)\s*(?:curl|wget)\b"
        r"|\b(?:curl|wget)\b[^\n]{0,300}?(?:&&|;)[^\n]{0,300}?(?:chmod\s+\+?[0-7ax]*x|\./|\b(?:ba)?sh\b|\bstart\b|\bpython3?\b)"
        rf"|{_POWERSHELL}[^\n]{{0,300}}?(?:\biex\b|Invoke-Expression|DownloadString|DownloadFile"
        r"|Invoke-WebRequest|\biwr\b|\birm\b"
        r"|Start-BitsTransfer|WebClient)|\bmshta(?:\.exe)?\s+\S*(?:https?|javascript|vbscript):"
        r"|\bcertutil(?:\.exe)?\b[^\n]{0,300}-urlcache|\bbitsadmin(?:\.exe)?\b[^\n]{0,300}/transfer|\bregsvr32\b[^\n]{0,300}/i:http"
        r"|\b(?:iwr|irm|Invoke-WebRequest|Invoke-RestMethod)\b[^\n]{0,300}\|\s*iex\b"
    ),
    "hidden-code": (
        rf"{_POWERSHELL}[^\n]{{0,300}}?\s-e(?:nc?|ncodedcommand|c)?\s+[\"']?[A-Za-z0-9+/=]{{20,}}"
        r"|\bbase64\s+(?:-d|-D|--decode)\b[^\n]{0,300}\|\s*(?:\S*/)?(?:(?:ba|da|z)?sh|python)"
        rf"|{_POWERSHELL}[^\n]{{0,300}}?FromBase64String"
        r"|\b(?:exec|eval)\s*\([^\n]{0,300}(?:b64decode|decompress|urlopen|fromhex|requests)"
    ),
    "hidden-window": (
        rf"{_POWERSHELL}[^\n]{{0,300}}?-w(?:indowstyle)?\s+hidden|\bstart\s+/min\b|\bstart\s+/b\b"
        r"|Set-MpPreference|Add-MpPreference"
        r"|-ExclusionPath|DisableRealtimeMonitoring|\battrib\s+\+h"
    ),
    "fetch": (
        r"(?<![\w.-])(?:curl|wget|aria2c)(?:\.exe)?\s+(?:-\S+\s+)*[^|;]{0,300}?(?:https?://|ftp://|\$|\*|\w+\.\w+)"
    ),
    "install": (
        r"\bpip[\d.]*(?:\s+-\S+)*\s+(?:install|download)\b|\b(?:easy_install|npm\s+(?:i|install)|yarn\s+add|gem\s+install)\b|\bapt(?:-get)?\s+(?:-\S+\s+)*install\b"
        r"|\bbrew\s+install\b|\bconda\s+install\b|\byum\s+install\b|\bsudo\s+\S+"
    ),
    "dns-message": (
        r"\b(?:nslookup|dig|host|ping)\b[^\n]{0,300}(?:\$\(|`|whoami|hostname|%USERNAME%|\*)\S*\.\w+"
    ),
    "facts": (
        r"\b(?:whoami|systeminfo|ipconfig|ifconfig|uname\s+-a|netstat|tasklist|hostname|net\s+user|wmic)\b"
    ),
    "python-code": r"(?:\bpython[\d.]*w?(?:\.exe)?|<sys\.executable>)\s+-c\s",
    "file-url": r"\b(?:start|cmd|explorer|open|xdg-open)\b[^\n]{0,300}https?://",
}
_COMPILED = tuple(
    (kind, re.compile(form, re.IGNORECASE | re.DOTALL)) for kind, form in _FORMS.items()
)
COMMAND_CHARS_MAX = 4000
"""Characters of a command that are searched; encoded ones are long."""
ASKS_FACTS = re.compile(
    r"\A\s*(?:\S*/)?(?:whoami|hostname|id|uname|systeminfo|ipconfig|ifconfig|ip a)\b", re.IGNORECASE
)
"""Commands whose output tells the machine or its user."""
DAMNING = frozenset({"reverse-shell", "fetch-and-run", "hidden-code", "dns-message"})


def command_kinds(text: str) -> frozenset[str]:
    """What a command line does, in words of a closed list."""
    cut = text[:COMMAND_CHARS_MAX]
    return frozenset(kind for kind, form in _COMPILED if form.search(cut))
