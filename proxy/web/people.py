"""Pages for people: templates that escape everything, a stylesheet, and no script anywhere."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import hdrs, web

_HERE = Path(__file__).parent
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class People:
    """Renders templates/*.html."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._css = (_HERE / "static" / "pratique.css").read_bytes()
        # The name changes with the content, so that the file may be cached for ever.
        self.css_name = f"pratique.{hashlib.sha256(self._css).hexdigest()[:12]}.css"
        self._environment.filters["moment"] = moment

    def page(self, template: str, *, root: str, status: int = 200, **values: Any) -> web.Response:
        """One page. `root` is the relative way from the page to our root, such as `../`."""
        html = self._environment.get_template(template).render(
            root=root, css=f"{root}static/{self.css_name}", **values
        )
        return web.Response(
            status=status,
            body=html.encode("utf-8", errors="replace"),
            headers={
                hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
                hdrs.CACHE_CONTROL: "no-store",
                "Content-Security-Policy": _CSP,
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def css(self, _: web.Request) -> web.StreamResponse:
        """GET /static/<css_name>."""
        return web.Response(
            body=self._css,
            headers={
                hdrs.CONTENT_TYPE: "text/css; charset=utf-8",
                hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
            },
        )


def moment(value: datetime | None) -> str:
    """A time as people read it."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"
