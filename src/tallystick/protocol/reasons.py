"""Why somebody is slashed or a figure attacked: the codes that travel with slashes and disputes, for people.

No contract decides anything by them. `Challenges` writes the first two itself; whoever opens a dispute says one of
the others.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DisputeReason"]


class DisputeReason(IntEnum):
    """Codes of the published matrix (docs/operations.md). Work disputes are slashed alike, by the shares of the
    policy."""

    NONE = 0
    VOID_LEAF = 1
    EQUIVOCATION = 2
    UNITS_OVERSTATED = 3
    WRONG_OUTPUT = 4
    NOT_SERVED = 5
    DOWNTIME_OVERSTATED = 6
    REJECTED_BY_VERIFIERS = 7
