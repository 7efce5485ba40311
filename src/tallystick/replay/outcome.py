"""What a replay found out, and the JSON that says it. Field names are an interface."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tallystick.replay.plan import Rejection
from tallystick.reports.files import write_text

__all__ = ["AgreementLine", "Dividend", "Gas", "LeaseLine", "Outcome", "Reward"]


@dataclass(frozen=True, slots=True)
class AgreementLine:
    """One agreement with at least one accepted receipt; money in µ, `onchain_paid` is what Escrow says was
    paid, gross."""

    customer: int
    provider: int
    units: int
    gross: int
    fee: int
    net: int
    onchain_paid: int

    def to_json(self) -> dict[str, int]:
        """The line of `per_agreement`."""
        return {
            "customer": self.customer,
            "provider": self.provider,
            "units": self.units,
            "gross": self.gross,
            "fee": self.fee,
            "net": self.net,
            "onchain_paid": self.onchain_paid,
        }


@dataclass(frozen=True, slots=True)
class LeaseLine:
    """One lease as the chain has it at the end; money in µ, `rate` in µ per 1e6 seconds, times in trace seconds.

    `line` is that of its job in the trace, `provider` the place of its node in the nodes file (from 0), `stop` when it
    actually ended, and `deletion_time` when its job did.
    """

    line: int
    rate: int
    start: int
    stop: int
    downtime: int
    served: int
    gross: int
    fee: int
    net: int
    refund: int
    close_reason: str
    deletion_time: int
    budget: int
    customer: int
    provider: int
    node: str
    agreement: int

    def to_json(self) -> dict[str, int | str]:
        """The line of `leases`. The agreement's number is text: it is larger than what JavaScript calls safe."""
        return {**asdict(self), "agreement": str(self.agreement)}


@dataclass(frozen=True, slots=True)
class Gas:
    """Totals from the receipts of the transactions themselves.

    `settle` is everything after the opening and the posts; `parts`, where a replay tells them apart, are kinds of
    transactions in it.
    """

    deploy: int = 0
    open: int = 0
    post: int = 0
    settle: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)

    def per_receipt(self, receipts: int) -> float:
        """(post + settle) / receipts, 0 when there are none."""
        return round((self.post + self.settle) / receipts, 3) if receipts else 0


@dataclass(frozen=True, slots=True)
class Dividend:
    """One staker of the demo: `staked` in TALLY-wei, `claimed` in µ."""

    staker: str
    staked: int
    claimed: int


@dataclass(frozen=True, slots=True)
class Reward:
    """One provider's account of the demo: `fees` that counted, in µ; `claimed` in TALLY-wei."""

    account: int
    fees: int
    claimed: int


@dataclass(slots=True)
class Outcome:
    """Everything that the reports show. `differences` are sentences; none means that every figure agreed."""

    receipts: int
    rejected: list[Rejection]
    gas: Gas
    seconds: float
    per_agreement: list[AgreementLine]
    opened: int
    differences: list[str] = field(default_factory=list)
    dividends: list[Dividend] | None = None
    rewards: list[Reward] | None = None
    leases: list[LeaseLine] | None = None
    disputes: list[dict[str, Any]] | None = None

    @property
    def conserved(self) -> bool:
        """Whether the chain, the model and the trace agree to the µ."""
        return not self.differences

    @property
    def units(self) -> int:
        """Units of all agreements."""
        return sum(line.units for line in self.per_agreement)

    @property
    def gross(self) -> int:
        """µ that customers paid."""
        return sum(line.gross for line in self.per_agreement)

    @property
    def fees(self) -> int:
        """µ of provider fees."""
        return sum(line.fee for line in self.per_agreement)

    @property
    def net(self) -> int:
        """µ that providers earned."""
        return sum(line.net for line in self.per_agreement)

    def to_json(self) -> dict[str, Any]:
        """OUT.json."""
        data: dict[str, Any] = {
            "receipts": self.receipts,
            "rejected": [{"line": one.line, "reason": one.reason} for one in self.rejected],
            "agreements": len(self.per_agreement),
            "units": self.units,
            "gross": self.gross,
            "fees": self.fees,
            "net": self.net,
            "gas": {
                "deploy": self.gas.deploy,
                "open": self.gas.open,
                "post": self.gas.post,
                "settle": self.gas.settle,
                "per_receipt": self.gas.per_receipt(self.receipts),
                **self.gas.parts,
            },
            "seconds": round(self.seconds, 3),
            "receipts_per_second": round(self.receipts / self.seconds, 3) if self.seconds else 0,
            "per_agreement": [line.to_json() for line in self.per_agreement],
            "conserved": self.conserved,
        }
        if self.dividends is not None:
            data["dividends"] = [
                {"staker": one.staker, "staked": one.staked, "claimed": one.claimed} for one in self.dividends
            ]
        if self.rewards is not None:
            data["rewards"] = [
                {"account": one.account, "fees": one.fees, "claimed": one.claimed} for one in self.rewards
            ]
        if self.leases is not None:
            data["leases"] = [line.to_json() for line in self.leases]
        if self.disputes is not None:
            data["disputes"] = self.disputes
        return data

    def write_json(self, path: Path) -> None:
        """Writes OUT.json, whole or not at all.

        Raises:
            OSError: when it cannot be written.
        """
        write_text(path, json.dumps(self.to_json(), indent=2) + "\n")
