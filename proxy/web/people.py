"""Pages for people: templates that escape everything, a stylesheet, and one small script of our own."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import hdrs, web
from markupsafe import Markup

from analyzer.clean import printable

TEXT_CHARS_MAX = 2_000
"""Characters that `plain` leaves of a text that somebody else wrote."""

_HERE = Path(__file__).parent
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


class People:
    """Renders templates/*.html."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=visible,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # Their names change with their content, so that they may be cached for ever.
        self._static: dict[str, tuple[str, bytes]] = {}
        self.css_name = self._add("pratique.css")
        self._script_name = self._add("review.js")
        self._environment.filters["moment"] = moment
        self._environment.filters["age"] = age
        self._environment.filters["ago"] = ago
        self._environment.filters["plain"] = plain

    def page(
        self,
        template: str,
        *,
        root: str,
        status: int = 200,
        script: bool = False,
        **values: Any,
    ) -> web.Response:
        """One page. `root` is the relative way from the page to our root, such as `../`.

        `script`: the page has keys, and may run the one script that is ours; no other page runs any.
        """
        html = self._environment.get_template(template).render(
            root=root,
            css=f"{root}static/{self.css_name}",
            script=f"{root}static/{self._script_name}" if script else "",
            **values,
        )
        return web.Response(
            status=status,
            body=html.encode("utf-8", errors="replace"),
            headers={
                hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
                hdrs.CACHE_CONTROL: "no-store",
                "Content-Security-Policy": f"{_CSP}; script-src 'self'" if script else _CSP,
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def part(self, template: str, **values: Any) -> bytes:
        """A part of a page, for one that grows."""
        html = self._environment.get_template(template).render(**values)
        return html.encode("utf-8", errors="replace")

    async def static(self, request: web.Request) -> web.StreamResponse:
        """GET /static/{name}."""
        kind, data = self._static.get(request.match_info["name"], ("", b""))
        if not kind:
            raise web.HTTPNotFound
        return web.Response(
            body=data,
            headers={
                hdrs.CONTENT_TYPE: kind,
                hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def _add(self, filename: str) -> str:
        path = _HERE / "static" / filename
        data = path.read_bytes()
        name = f"{path.stem}.{hashlib.sha256(data).hexdigest()[:12]}{path.suffix}"
        self._static[name] = (_TYPES[path.suffix], data)
        return name


def moment(value: datetime | None) -> str:
    """A time as people read it."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def age(value: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits: `3 d`, `5 h`, `12 min`; of the future, `in 3 d`."""
    seconds = int((now - value).total_seconds())
    for unit_s, unit in _UNITS:
        if abs(seconds) >= unit_s:
            return (
                f"{seconds // unit_s} {unit}" if seconds > 0 else f"in {-seconds // unit_s} {unit}"
            )
    return "just now"


def ago(value: datetime, now: datetime) -> str:
    """`3 d ago`, `just now`, `in 3 d`."""
    told = age(value, now)
    return f"{told} ago" if told[0].isdigit() else told


def plain(text: str, limit: int = TEXT_CHARS_MAX) -> str:
    """Somebody else's text on one line and cut; what cannot be seen (line ends and such) is written out."""
    return printable(text, limit)


def visible(value: Any) -> Any:
    """Whatever a template puts out, with what cannot be seen written out, but for the ends of lines.

    Escaping keeps a text from being markup; this keeps it from turning the words round it about.
    """
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    lines = value.split("\n")
    return "\n".join(printable(line.replace("\t", "    "), len(line) * 10 + 10) for line in lines)
