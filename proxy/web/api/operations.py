"""The table of operations: each thin over the use case that pages and commands call too."""

from __future__ import annotations

from proxy.web.api import (
    credentials,
    decisions,
    exceptions,
    policies,
    records,
    supply,
    telling,
)
from proxy.web.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *decisions.OPERATIONS,
    *exceptions.OPERATIONS,
    *policies.OPERATIONS,
    *records.OPERATIONS,
    *supply.OPERATIONS,
    *credentials.OPERATIONS,
    *telling.OPERATIONS,
)
"""Every operation, in the order of its documentation."""
