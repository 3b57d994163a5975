"""The embedded worker's process: configuration on standard input, no network but the proxy's socket."""

from __future__ import annotations

import asyncio
import sys

from proxy.cli.commands.worker import run_worker
from proxy.log import configure_log
from proxy.supervisor import decode_config


def main() -> None:
    """Work for the proxy that the same supervisor started."""
    config = decode_config(sys.stdin.buffer.read())
    settings = config.settings
    configure_log(format_=settings.log_format, file=settings.log_file, process="worker")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    asyncio.run(
        run_worker(
            server=f"unix:{config.worker_api_socket}",
            token=config.worker_secret,
            socket=config.sandbox_socket,
            boxes=settings.boxes,
        )
    )


if __name__ == "__main__":
    main()
