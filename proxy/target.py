"""The interpreter that dependency trees are resolved for: this machine's usual one, asked once."""

from __future__ import annotations

import asyncio

from analyzer.interpreter import describe_interpreter
from models.work import Target


class OwnTarget:
    """Asks the interpreter that boxes run, and remembers."""

    def __init__(self) -> None:
        self._target: Target | None = None
        self._asking = asyncio.Lock()

    async def get(self) -> Target:
        """The target. Raises SandboxUnavailable where the interpreter does not say what it is."""
        async with self._asking:
            if self._target is None:
                self._target = (await describe_interpreter()).target
            return self._target
