"""Every static detector by its id: what it says, how bad it is by what reaches it, and why.

The reader box parses hostile bytes and may fall to them, so its report carries only ids and reaches
out of these tables; the worker looks up what they mean. Standard library only.
"""

from __future__ import annotations

from analyzer.static.hooks import HOOK_KINDS
from analyzer.static.kind import StaticKind
from analyzer.static.members import MEMBER_KINDS

STATIC: dict[str, StaticKind] = {**HOOK_KINDS, **MEMBER_KINDS}
"""By id, such as `static-network-exec`; each family of detectors gives its part."""
