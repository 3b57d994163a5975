"""The peer: a bare aiohttp handler that answers recorded bytes from memory, and does nothing else.

    python -m bench.peer PORT RECORDING

RECORDING is JSON: path → [[accept contains, accept-encoding contains, headers, body (base64)], …].
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

from aiohttp import web


def main() -> None:
    """Serve until killed."""
    port, recording = int(sys.argv[1]), Path(sys.argv[2])
    table = {
        path: [
            (accept, encoding, headers, base64.b64decode(body))
            for accept, encoding, headers, body in rows
        ]
        for path, rows in json.loads(recording.read_text()).items()
    }

    async def answer(request: web.Request) -> web.Response:
        wanted = request.headers.get("Accept", "")
        encodings = request.headers.get("Accept-Encoding", "")
        for accept, encoding, headers, body in table.get(request.path, ()):
            if accept in wanted and encoding in encodings:
                if request.headers.get("If-None-Match") == headers.get("Etag", ""):
                    return web.Response(status=304, headers={"Etag": headers["Etag"]})
                return web.Response(body=body, headers=headers)
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
