"""Every function of `SupplierRewards`, once, on both worlds."""

from __future__ import annotations

from collections.abc import Sequence

from tests.stateful.worlds import Worlds
from tests.support.evm import Account


class RewardSteps(Worlds):
    """TALLY for suppliers."""

    def checkpoint(self, caller: Account, accounts: Sequence[int]) -> None:
        s, m = self.system.rewards, self.model.rewards
        numbers = list(accounts)
        self.same(
            "SupplierRewards.checkpoint",
            s,
            (numbers,),
            caller,
            lambda: m.checkpoint(numbers, now=self.now),
        )

    def claim_rewards(
        self, caller: Account, accounts: Sequence[int], to: str, *, stake: bool = False
    ) -> None:
        """To a wallet, or as a stake of `to`."""
        s, m = self.system.rewards, self.model.rewards
        numbers = list(accounts)
        claim = m.claim_and_stake if stake else m.claim
        self.same(
            f"SupplierRewards.{'claimAndStake' if stake else 'claim'}",
            s,
            (numbers, to),
            caller,
            lambda: claim(numbers, to, caller=caller.address, now=self.now),
        )

    def claim_reward_share(
        self,
        caller: Account,
        account: int,
        index: int,
        members: tuple[str, ...],
        weights: tuple[int, ...],
        to: str,
    ) -> None:
        s, m = self.system.rewards, self.model.rewards
        self.same(
            "SupplierRewards.claimShare",
            s,
            (account, index, members, weights, to),
            caller,
            lambda: m.claim_share(account, index, members, weights, to, caller=caller.address, now=self.now),
        )

    def lower_rate(self, caller: Account, rate: int) -> None:
        s, m = self.system.rewards, self.model.rewards
        self.same(
            "SupplierRewards.lowerRate",
            s,
            (rate,),
            caller,
            lambda: m.lower_rate(rate, caller=caller.address),
        )
