"""Hosts in texts, and what kind of host each is: out-of-band collectors, chat hooks, bare addresses.

Standard library only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

HOSTS_MAX = 20
"""Hosts of one text."""
_URL = re.compile(
    r"(?:https?|ftp|wss?|tcp|ldap|hxxps?)://(?:[^\s/@'\"<>]{1,80}@)?(?P<host>\[[0-9a-f:.]+\]|[\w.*{}%-]{1,253})(?::\d{1,5})?(?P<path>/[^\s'\"<>]{0,200})?",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"\A(?:[a-z0-9*_-]+\.){1,8}[a-z]{2,18}\Z|\A\d{1,3}(?:\.\d{1,3}){3}(?::\d{2,5})?\Z",
    re.IGNORECASE,
)
_OOB = """
    oastify.com burpcollaborator.net interact.sh interactsh.com oast.pro oast.live oast.site
    oast.online oast.fun oast.me pipedream.net requestbin.com requestbin.net webhook.site
    requestcatcher.com beeceptor.com dnslog.cn ceye.io canarytokens.com requestrepo.com hookbin.com
    hookb.in bxss.me eyes.sh dnslog.link mockbin.org putsreq.com dnsbin.zhack.ca rbndr.us xss.ht
    m.pipedream.net webhook-test.com typedwebhook.tools webhookinbox.com postb.in ptsv2.com
    ptsv3.com cyberx.pw bbtest.net security-research.org h4ck.ctfer.com exploit-server.net
    dnshook.site oast.today deflect.host request.dreamhack.games
"""
_TUNNEL = """
    ngrok.io ngrok.app ngrok-free.app ngrok.dev trycloudflare.com loca.lt serveo.net localhost.run
    lhr.life portmap.io portmap.host playit.gg duckdns.org ddns.net no-ip.org hopto.org zapto.org
    sytes.net repl.co glitch.me workers.dev 000webhostapp.com pythonanywhere.com onion onion.ly
    serveblog.net freemyip.com dynv6.net
"""
_DROP = """
    transfer.sh file.io gofile.io anonfiles.com 0x0.st catbox.moe bashupload.com temp.sh
    store1.gofile.io api.gofile.io tmpfiles.org uguu.se pixeldrain.com oshi.at sendspace.com
    keep.sh anonymfile.com filebin.net cdn.discordapp.com media.discordapp.net dropmefiles.com
    kekma.net filetransfer.io qu.ax files.catbox.moe litterbox.catbox.moe mediafire.com
"""
_PASTE = """
    pastebin.com paste.ee hastebin.com rentry.co rentry.org ghostbin.co dpaste.com dpaste.org
    controlc.com pastie.org paste.bingner.com justpaste.it textbin.net paste.rs termbin.com
    pastery.net ix.io sprunge.us p.ip.fi paste.website paste.fo pst.klgrth.io toptal.com
    zerobin.net privatebin.net bpa.st nekobin.com clbin.com gist.githubusercontent.com
"""
_LOOKUP = """
    ipinfo.io ipify.org api.ipify.org icanhazip.com ifconfig.me ip-api.com checkip.amazonaws.com
    ipapi.co ident.me wtfismyip.com myip.dnsomatic.com geolocation-db.com ipwho.is ip.42.pl
    myexternalip.com api.myip.com ipecho.net freegeoip.app ipgeolocation.io jsonip.com ip.me
    db-ip.com ifconfig.co ipwhois.app freeipapi.com httpbin.org
"""
_KINDS = (
    ("out-of-band", _OOB),
    ("tunnel", _TUNNEL),
    ("file-drop", _DROP),
    ("paste", _PASTE),
    ("address-lookup", _LOOKUP),
)
_BY_HOST = {host: kind for kind, hosts in _KINDS for host in hosts.split()}
_CHAT = re.compile(
    r"(?:discord(?:app)?\.com/api/(?:v\d+/)?webhooks?/|api\.telegram\.org/bot|hooks\.slack\.com/(?:services|workflows)/"
    r"|/api/webhooks/\d{15,})",
    re.IGNORECASE,
)
CHAT_TOKEN = re.compile(
    r"/webhooks?/\d{15,22}/[\w-]{50,}|api\.telegram\.org/bot\d{8,11}:[\w-]{30,}|hooks\.slack\.com/services/T\w+/B\w+/\w{20,}"
    r"|\A\d{8,11}:AA[\w-]{32,}\Z"
)
"""A chat hook with its secret in the code: whoever wrote it wants to be told."""
EXFILTRATION = frozenset({"out-of-band", "chat-hook", "chat-token"})
"""Kinds that serve to receive, and hardly anything else."""
_NUMERIC = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z")
_LDH = re.compile(
    r"(?:[a-z0-9_*](?:[a-z0-9_*-]{0,61}[a-z0-9_*])?\.)+[a-z][a-z0-9-]{1,24}\Z", re.IGNORECASE
)
_FILE_LIKE = re.compile(
    r"\.(?:py|txt|json|so|cfg|toml|md|html?|xml|ya?ml|js|css|exe|dll|zip|gz|csv|ini|rst|h|c|cpp|sh|bat|log|dat|db|png|jpg"
    r"|svg|pth|whl|conf|in|pyx|pyd|lock|pem|key|tmp|out|bin|pdf|ico|vbs|ps1|path|name|get|format|core|utils|system)\Z",
    re.IGNORECASE,
)


def hosts_in(text: str) -> Iterator[str]:
    """Host names and public addresses in a text: those of URLs, or the text itself as a whole."""
    if "." not in text:
        return
    seen: set[str] = set()
    if "://" in text:
        for found in _URL.finditer(text):
            host = found["host"].strip("[]").lower().rstrip(".")
            if host not in seen and len(seen) < HOSTS_MAX and _is_host(host):
                seen.add(host)
                yield host
    elif 4 <= len(text) <= 100 and _BARE.match(text):
        host = text.partition(":")[0].lower()
        numeric = _NUMERIC.match(host) is not None
        named = not numeric and not _FILE_LIKE.search(host) and bool(kind_of(host))
        if named or (numeric and _public(host)):
            yield host


def _is_host(host: str) -> bool:
    if _NUMERIC.match(host) or ":" in host:
        return _public(host)
    return _LDH.match(host) is not None


def _public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global or host.startswith(
            ("192.0.2.", "198.51.100.", "203.0.113.")
        )
    except ValueError:
        return False


def kind_of(host: str, text: str = "") -> str:
    """What kind of host it is; empty for one like any other. `text`: where it stands."""
    if text and _CHAT.search(text):
        return "chat-token" if CHAT_TOKEN.search(text) else "chat-hook"
    if _NUMERIC.match(host) or ":" in host:
        return "address"
    parts = host.split(".")
    for start in range(len(parts)):
        kind = _BY_HOST.get(".".join(parts[start:]))
        if kind:
            return kind
    return ""
