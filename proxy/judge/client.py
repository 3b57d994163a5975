"""The proxy's end of the judge's socket: many questions at once over one connection."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from models.decision import Decision
from models.errors import JudgeRefused, JudgeUnavailable
from models.judgement import JUDGE_LINE_BYTES_MAX, JudgeReply, JudgeRequest
from proxy.judge.core import decision_in

JUDGE_S = 30.0
"""Seconds until a question counts as unanswered; a judgement takes about a millisecond."""
CONNECT_S = 5.0
"""Seconds a connection may take; it is local."""
QUESTIONS_MAX = 64
"""Questions under way at once; each may be as long as JUDGE_LINE_BYTES_MAX."""

_NEXT_STEP = "Unseen artifacts stay held until it answers; the supervisor restarts it."


class JudgeClient:
    """Connects when first asked, and anew when the judge was restarted. Never loses a question."""

    def __init__(self, socket_path: Path, *, timeout_s: float = JUDGE_S) -> None:
        self._path = socket_path
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._room = asyncio.Semaphore(QUESTIONS_MAX)
        self._connecting = asyncio.Lock()
        self._connection: _Connection | None = None

    async def judge(self, request: JudgeRequest) -> Decision:
        """The decision. Raises JudgeUnavailable, or JudgeRefused where the judge says it cannot."""
        number = next(self._ids)
        line = msgspec.json.encode(replace(request, id=number)) + b"\n"
        if len(line) > JUDGE_LINE_BYTES_MAX:
            raise JudgeRefused("The case is longer than the judge reads.")
        async with self._room:
            reply = await self._ask(line, number=number)
        decision = decision_in(reply)
        if decision.ref != request.ref or decision.as_of != request.as_of:
            raise JudgeRefused("The judge answered about another case.")
        return decision

    async def close(self) -> None:
        """End the connection; questions under way raise JudgeUnavailable."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _ask(self, line: bytes, *, number: int) -> JudgeReply:
        connection, reused = await self._connected()
        try:
            return await connection.ask(number, line, self._timeout_s)
        except JudgeUnavailable:
            if not reused or connection.open:
                raise
        # The connection was of a judge that has been restarted since: once more, with the new one.
        connection, _ = await self._connected()
        return await connection.ask(number, line, self._timeout_s)

    async def _connected(self) -> tuple[_Connection, bool]:
        """An open connection, and whether it was there before."""
        async with self._connecting:
            if self._connection is not None and self._connection.open:
                return self._connection, True
            if self._connection is not None:
                await self._connection.close()
            try:
                async with asyncio.timeout(CONNECT_S):
                    reader, writer = await asyncio.open_unix_connection(
                        str(self._path), limit=JUDGE_LINE_BYTES_MAX
                    )
            except (OSError, TimeoutError) as error:
                raise JudgeUnavailable(
                    f"The judge does not answer at {self._path}.", next_step=_NEXT_STEP
                ) from error
            self._connection = _Connection(reader, writer)
            return self._connection, False


class _Connection:
    """One connection: replies find their questions by id; when it ends, all that wait hear of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[JudgeReply]] = {}
        self.open = True
        self._task = asyncio.create_task(self._read(), name="judge-replies")

    async def ask(self, number: int, line: bytes, timeout_s: float) -> JudgeReply:
        """The reply to one question. Raises JudgeUnavailable."""
        if not self.open:
            raise _unavailable("The judge closed the connection.")
        future: asyncio.Future[JudgeReply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(line)
                await self._writer.drain()
                return await future
        except TimeoutError as error:
            # Whatever it is busy with, it is not listening: the next question gets a new connection.
            self._end()
            raise _unavailable(f"The judge did not answer within {timeout_s:.0f} s.") from error
        except OSError as error:
            self._end()
            raise _unavailable("The judge closed the connection.") from error
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """End it."""
        self._end()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                reply = msgspec.json.decode(line, type=JudgeReply)
                future = self._waiting.get(reply.id)
                if future is not None and not future.done():
                    future.set_result(reply)
        except (OSError, ValueError):
            pass  # includes what is no reply, and a line beyond the bound: as good as closed
        finally:
            self._end()

    def _end(self) -> None:
        self.open = False
        self._writer.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_unavailable("The judge closed the connection."))
                future.exception()  # marked as seen: whoever asked may have gone away
        # `_waiting` empties itself: each question takes its own entry out.


def _unavailable(message: str) -> JudgeUnavailable:
    return JudgeUnavailable(message, next_step=_NEXT_STEP)
