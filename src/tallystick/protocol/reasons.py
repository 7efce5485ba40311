"""Why a figure is attacked: the codes that travel with a dispute, for people. No contract decides anything by them."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DisputeReason"]


class DisputeReason(IntEnum):
    """Codes of the published matrix (docs/disputes.md). Each is slashed alike, by the shares of the policy."""

    NONE = 0
    UNITS_OVERSTATED = 1
    WRONG_OUTPUT = 2
    NOT_SERVED = 3
    DOWNTIME_OVERSTATED = 4
    REJECTED_BY_VERIFIERS = 5
