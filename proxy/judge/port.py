"""What the desk asks of a judge, be it the process behind the socket or one in this process."""

from __future__ import annotations

from typing import Protocol

from models.decision import Decision
from models.judgement import JudgeRequest


class Judge(Protocol):
    """Gives the decision about a case."""

    async def judge(self, request: JudgeRequest) -> Decision:
        """The decision. `request.id` is the judge's own to set.

        Raises JudgeUnavailable where nobody answers (ask again later), and JudgeRefused where the
        answer is that this case cannot be judged.
        """
