"""structlog, configured once: one line an event, to standard error or to a file."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.types import EventDict, WrappedLogger

_LOG = structlog.get_logger()

LINE_CHARS_MAX = 4000
"""Characters of one value in a log line; longer ones are cut, so that no package fills a disk."""


def configure_log(*, format_: str, file: Path | None, process: str) -> None:
    """Send all log lines of this process to `file` or standard error, as `json` or `text`."""
    stream = _open(file)
    renderer: Any
    if format_ == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=file is None and sys.stderr.isatty())
        factory: Any = structlog.WriteLoggerFactory(io.TextIOWrapper(stream, write_through=True))
    else:
        renderer = structlog.processors.JSONRenderer(serializer=_to_json)
        factory = structlog.BytesLoggerFactory(stream)
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _Process(process),
            _cut,
            renderer,
        ],
        logger_factory=factory,
    )
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, force=True)
    aiohttp = logging.getLogger("aiohttp")
    aiohttp.handlers = [_AiohttpLines(logging.ERROR)]
    aiohttp.propagate = False


class _StandardError:
    """Whatever standard error is at the moment of writing."""

    def write(self, text: str) -> int:
        """One piece of a line."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """All of it."""
        sys.stderr.flush()


def keep_standard_output() -> None:
    """Send lines of a command that configures no log to standard error: its output is its answer."""
    if not structlog.is_configured():
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=structlog.PrintLoggerFactory(cast("Any", _StandardError())),
        )


class _AiohttpLines(logging.Handler):
    """What aiohttp says through logging, as lines of ours.

    Of a request that is no HTTP it would quote the bytes, tokens among them, in a traceback that
    anybody may ask for as often as he likes; here it is one short line.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """One line of ours for a record of aiohttp's."""
        error = record.exc_info[1] if record.exc_info else None
        # By its name: this module serves processes, too, that never load aiohttp.
        if error is not None and type(error).__module__ == "aiohttp.http_exceptions":
            _LOG.warning(
                "request_refused", error=type(error).__name__, status=getattr(error, "code", None)
            )
        else:
            _LOG.error("http_failed", message=record.msg, exc_info=record.exc_info or None)


class _Process:
    """Names the process in every line."""

    def __init__(self, process: str) -> None:
        self._process = process

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = self._process
        return event


def _cut(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str) and len(value) > LINE_CHARS_MAX:
            event[key] = value[:LINE_CHARS_MAX] + "…"
    return event


def _to_json(event: EventDict, **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def _open(file: Path | None) -> BinaryIO:
    if file is None:
        return cast("BinaryIO", os.fdopen(os.dup(2), "wb", buffering=0))
    file.parent.mkdir(parents=True, exist_ok=True)
    # O_APPEND: several processes write whole lines into one file.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    return cast("BinaryIO", os.fdopen(descriptor, "wb", buffering=0))
