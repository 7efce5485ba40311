"""What slashes and rulings are told, and what they did. All in µ."""

from __future__ import annotations

from typing import NamedTuple

from ..amounts import ceil_bps
from .tokens import ZERO_ADDRESS, Address


class SlashOrder(NamedTuple):
    """One slash, as `SlashOrder` in `StakingTypes.sol`."""

    operator: int
    recover: int = 0
    amount: int = 0
    victim: Address = ZERO_ADDRESS
    loss: int = 0
    challenger: Address = ZERO_ADDRESS
    reward_bps: int = 0
    fee: int = 0
    fee_to: Address = ZERO_ADDRESS
    reason: int = 0

    def shares(self, taken: int, recovered: int = 0) -> tuple[int, int, int]:
        """(victim, challenger, insurance): what is left of the loss, then the reward rounded up, then the rest."""
        to_victim = min(taken, max(0, self.loss - recovered))
        to_challenger = min(taken - to_victim, ceil_bps(taken, self.reward_bps))
        return to_victim, to_challenger, taken - to_victim - to_challenger


class SlashOutcome(NamedTuple):
    """What a slash took, as in `StakingTypes.sol`: slashed = to_victim + to_challenger + to_insurance."""

    recovered: int = 0
    slashed: int = 0
    to_victim: int = 0
    to_challenger: int = 0
    to_insurance: int = 0
    fee: int = 0


class Slashed(NamedTuple):
    """One slash as the books keep it, for the invariants alone."""

    operator: int
    order: SlashOrder
    outcome: SlashOutcome
    from_pledge: int
    """µ of slash, recovery and fee together that the agreement's own pledge gave."""
    pledge: int
    left_before: int
    """µ of the operator's stake before it, and after."""
    left_after: int

    @property
    def taken(self) -> int:
        """µ that left the stake."""
        return self.outcome.recovered + self.outcome.slashed + self.outcome.fee


class RulingOrder(NamedTuple):
    """What a ruling does to a frozen agreement, as in `EscrowTypes.sol`."""

    agreement: int
    amount: int
    closes: bool = False
    sets_downtime: bool = False
    downtime: int = 0
    made_good: int = 0
    made_good_fees: int = 0
    lent: int = 0
    slash: int = 0
    fee: int = 0
    fee_to: Address = ZERO_ADDRESS
    challenger: Address = ZERO_ADDRESS
    reward_bps: int = 0
    reason: int = 0


class RulingOutcome(NamedTuple):
    """What a ruling moved, as in `EscrowTypes.sol`."""

    paid: int = 0
    overpaid: int = 0
    refunded: int = 0
    slash: SlashOutcome = SlashOutcome()
