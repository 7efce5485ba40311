"""What a slash is told, and what it did. All in µ."""

from __future__ import annotations

from typing import NamedTuple

from ..amounts import ceil_bps
from .tokens import ZERO_ADDRESS, Address


class SlashOrder(NamedTuple):
    """One slash, as `SlashOrder` in `DataTypes.sol`."""

    operator: int
    amount: int
    victim: Address = ZERO_ADDRESS
    loss: int = 0
    challenger: Address = ZERO_ADDRESS
    reward_bps: int = 0
    reason: int = 0

    def shares(self, taken: int) -> tuple[int, int, int]:
        """(victim, challenger, insurance): the victim first, then the reward rounded up, then the rest."""
        to_victim = min(taken, self.loss)
        to_challenger = min(taken - to_victim, ceil_bps(taken, self.reward_bps))
        return to_victim, to_challenger, taken - to_victim - to_challenger


class Slashed(NamedTuple):
    """What one slash did, in µ."""

    operator: int
    from_free: int
    from_thawing: int
    to_victim: int
    to_challenger: int
    to_insurance: int
    loss: int
    from_pledge: int = 0
    pledge: int = 0

    @property
    def taken(self) -> int:
        """µ taken in all."""
        return self.from_pledge + self.from_free + self.from_thawing
