"""Services that anybody may use and that attackers use to carry data out: suffix of a host → word."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OUT_OF_BAND = "out-of-band"
"""Hosts whose only use is to see that somebody came by, and with what."""
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    OUT_OF_BAND: (
        *(
            "oast.pro",
            "oast.live",
            "oast.site",
            "oast.online",
            "oast.fun",
            "oast.me",
            "oastify.com",
        ),
        *("interact.sh", "interactsh.com", "burpcollaborator.net", "dnslog.cn", "ceye.io"),
        *(
            "requestbin.net",
            "requestbin.com",
            "requestcatcher.com",
            "webhook.site",
            "pipedream.net",
        ),
        *("canarytokens.com", "canarytokens.org", "beeceptor.com", "hookbin.com", "bxss.me"),
        *("dnsbin.zhack.ca", "ptsv2.com", "ptsv3.com", "xss.ht", "eyes.sh", "postb.in"),
        *("mockbin.org", "request-inspector.glitch.me", "webhookinbox.com", "webhook-test.com"),
    ),
    "telegram": ("api.telegram.org", "t.me"),
    "discord": ("discord.com", "discordapp.com"),
    "slack": ("hooks.slack.com",),
    "zulip": ("zulipchat.com",),
    "github": ("api.github.com", "gist.github.com"),
    "paste": (
        *("pastebin.com", "paste.ee", "hastebin.com", "rentry.co", "dpaste.com", "dpaste.org"),
        *("ghostbin.com", "controlc.com", "paste.rs", "justpaste.it", "termbin.com", "ix.io"),
    ),
    "file-drop": (
        *("transfer.sh", "file.io", "gofile.io", "anonfiles.com", "bashupload.com", "0x0.st"),
        *("catbox.moe", "tmpfiles.org", "filebin.net", "uguu.se", "mega.nz", "temp.sh", "oshi.at"),
    ),
    "tunnel": (
        *("ngrok.io", "ngrok-free.app", "ngrok.app", "ngrok.dev", "serveo.net", "localhost.run"),
        *("loca.lt", "trycloudflare.com", "pinggy.link", "bore.pub", "portmap.io", "zrok.io"),
        *("devtunnels.ms", "lhr.life", "playit.gg"),
    ),
    "edge-worker": (
        "workers.dev",
        "pages.dev",
        "vercel.app",
        "netlify.app",
        "deno.dev",
        "glitch.me",
    ),
    "chain": (
        *("infura.io", "alchemy.com", "ankr.com", "quiknode.pro", "llamarpc.com", "publicnode.com"),
        *(
            "mainnet-beta.solana.com",
            "devnet.solana.com",
            "bsc-dataseed.binance.org",
            "cloudflare-eth.com",
        ),
    ),
    "ipfs": ("ipfs.io", "dweb.link", "cf-ipfs.com", "nftstorage.link", "w3s.link", "pinata.cloud"),
    "form": ("docs.google.com", "formspree.io", "script.google.com", "getform.io"),
    "address-echo": (
        *("ipinfo.io", "api.ipify.org", "ifconfig.me", "icanhazip.com", "ip-api.com", "ident.me"),
        *("checkip.amazonaws.com", "ipapi.co", "myip.dnsomatic.com", "ifconfig.co", "ipecho.net"),
    ),
}
CHANNELS: Mapping[str, str] = MappingProxyType(
    {suffix: word for word, suffixes in _SUFFIXES.items() for suffix in suffixes}
)
ASKED_ONLY = frozenset({"github", "discord", "form", "chain"})
"""Services that are mostly read from: what goes there counts where something was handed over."""


def channel_of(host: str) -> str:
    """The channel that a host name belongs to; empty for none."""
    labels = host.rstrip(".").lower().split(".")
    suffixes = (".".join(labels[start:]) for start in range(len(labels)))
    return next((CHANNELS[suffix] for suffix in suffixes if suffix in CHANNELS), "")
