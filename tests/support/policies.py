"""A policy as a deployment plan states it."""

from __future__ import annotations

from typing import Any

__all__ = ["planned_policy"]

_NOBODY = "0x" + "00" * 20


def planned_policy(**changes: Any) -> dict[str, Any]:
    """The smallest policy that fits, by the names of a plan: kind NONE, relayer 1, windows of a minute."""
    dispute = {
        "contestTime": 0, "evidenceTime": 60, "rulingTime": 60, "appealTime": 60, "backingBond": 0, "voidPenalty": 0,
        "penaltyCap": 0, "minBond": 0, "bondBps": 0, "slashBps": 0, "slashCap": 0, "slashDayCap": 0, "rewardBps": 0,
        "accusedBps": 0, "arbiterFee": 0, "appealFee": 0, "arbiter": _NOBODY, "secondArbiter": _NOBODY,
    }  # fmt: skip
    return {
        "kind": 0, "quorum": 0, "relayer": 1, "instantRelease": False, "funderWaived": False, "coverageBps": 0,
        "stakeMultiple": 10, "valueCap": 10, "grossCap": 0, "selfPostBond": 0, "challengeWindow": 60,
        "selfPostWindow": 60, "responseWindow": 60, "notice": 0, "reportTime": 60, "silence": 60,
        "customerCredentials": 0, "operatorCredentials": 0, "issuer": _NOBODY, "measurement": "0x" + "00" * 32,
        "verifierVersion": 0, "minConfidence": 0, "dispute": dispute, "verifiers": [],
    } | changes  # fmt: skip
