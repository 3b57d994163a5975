"""Points in time as an operator writes them: `12h`, `30d`, `2026-12-31`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

_SPAN = re.compile(r"(\d{1,5})([hdw])\Z")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_expiry(text: str, *, now: datetime) -> datetime:
    """`text` as a moment after `now`: a span (`12h`, `30d`, `2w`) or an ISO date or time (UTC)."""
    if match := _SPAN.match(text):
        moment = now + int(match[1]) * _UNITS[match[2]]
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise click.BadParameter(
                "write a span such as 12h, 30d or 2w, or a date such as 2027-01-31"
            ) from error
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= now:
        raise click.BadParameter("that moment has passed")
    return moment.astimezone(UTC)
