"""Accounts whose final fees come from nowhere, to try the rewards on."""

from __future__ import annotations

from dataclasses import dataclass, field

from tallystick.protocol.accounting import invariants_rewards
from tallystick.protocol.constants import DAY
from tallystick.protocol.model import Model, ModelParameters

START = 1_000 * DAY + 40_000
"""A day's afternoon."""
MEMBERS, WEIGHTS = ("m", "n"), (700, 300)


@dataclass
class Bench:
    """Two owned accounts and a split, whose final fees come from nowhere; R0, L, D and the vesting as one likes."""

    parameters: ModelParameters = field(default_factory=ModelParameters)
    now: int = START

    def __post_init__(self) -> None:
        self.model = Model(self.parameters)
        escrow = self.model.escrow
        self.rewards, self.token = self.model.rewards, self.model.token
        self.a, self.b = escrow.create_account("a"), escrow.create_account("b")
        self.split = escrow.create_split(MEMBERS, WEIGHTS)

    def earn(self, account: int, fees: int) -> None:
        self.model.escrow.accounts[account - 1].reward_base += fees

    def overturn(self, account: int, fees: int) -> None:
        self.model.escrow.accounts[account - 1].overturned += fees

    def count(self, *accounts: int) -> tuple[int, int]:
        """Check-points them; the invariants of the token hold."""
        done = self.rewards.checkpoint(accounts, now=self.now)
        self.check()
        return done

    def credit(self, account: int, fees: int) -> int:
        """Earns and counts; returns TALLY-wei."""
        self.earn(account, fees)
        return self.count(account)[1]

    def claim(self, account: int) -> int:
        owner = self.model.escrow.owner_of(account)
        amount = self.rewards.claim([account], f"{owner}'s bank", caller=owner, now=self.now)
        self.check()
        return amount

    def claim_share(self, index: int) -> int:
        member = MEMBERS[index]
        amount = self.rewards.claim_share(
            self.split, index, MEMBERS, WEIGHTS, f"{member}'s bank", caller=member, now=self.now
        )
        self.check()
        return amount

    def claimable(self, account: int) -> int:
        return self.rewards.claimable(account, now=self.now)

    def share(self, index: int) -> int:
        return self.rewards.claimable_share(self.split, index, WEIGHTS, now=self.now)

    def lifetime(self, account: int) -> tuple[int, ...]:
        return self.rewards.lifetime_of(account, now=self.now)

    def midnight(self, days: int = 1) -> None:
        """Goes to the so-manyth midnight from here."""
        self.now = (self.now // DAY + days) * DAY

    def check(self) -> None:
        for invariant in invariants_rewards.ALL:
            invariant(self.model)


def small(rate: int = 1_024, halving: int = 1_000, daily: int = 1_000, vesting: int = 10 * DAY) -> Bench:
    return Bench(
        ModelParameters(
            emission_rate=rate, emission_halving=halving, emission_daily_fees=daily, emission_vesting=vesting
        )
    )
