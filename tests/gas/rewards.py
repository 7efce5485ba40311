"""What the gas table measures of the token side, in the market of `scenario.py` after its own end.

Rewards of its twenty providers, and dividends that others have sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.support.evm import account
from tests.support.system import TALLY, WEEK

if TYPE_CHECKING:
    from tests.gas.scenario import Scenario

DAY: Final = 86_400
STAKERS: Final = 20


def reward_gas(market: Scenario) -> None:
    """Adds the rows of SupplierRewards and of dividends for many to the market's own."""
    s, rewards = market.system, market.system.rewards
    first = len(market.customers) + 1
    payees = [first + i for i in range(len(market.providers))]
    owner, other = market.providers[0], market.providers[1]
    anyone = market.outsider
    name = "checkpoint the rewards of one account, the first time"
    market.measure(name, rewards, "checkpoint", payees[:1], sender=anyone)
    name = "checkpoint rewards, batch of 19, the first time, each"
    market.measure(name, rewards, "checkpoint", payees[1:], sender=anyone, per=len(payees) - 1)
    for units in (6_203_441, 7_203_441):
        market.pay(256, units)
        if units == 6_203_441:
            name = "checkpoint rewards, batch of 20, the first of a day, each"
            market.measure(name, rewards, "checkpoint", payees, sender=anyone, per=len(payees))
        else:
            name = "checkpoint the rewards of one account"
            market.measure(name, rewards, "checkpoint", payees[:1], sender=anyone)
    s.evm.warp(46 * DAY)
    name = "claim rewards, the first time"
    market.measure(name, rewards, "claim", payees[:1], owner.address, sender=owner)
    s.evm.warp(DAY)
    market.measure("claim rewards", rewards, "claim", payees[:1], owner.address, sender=owner)
    name = "claim rewards and stake them, the first time"
    market.measure(name, rewards, "claimAndStake", payees[1:2], other.address, sender=other)

    stakers = [account(f"gas dividend {i}") for i in range(STAKERS)]
    for staker in stakers:
        s.stake_tally(staker, 100 * TALLY)
        s.vault.transact("setPayout", staker.address, sender=staker)
    s.vault.transact("pullFees", sender=anyone)
    addresses = [staker.address for staker in stakers]
    s.evm.warp_to((s.evm.now // WEEK + 1) * WEEK + DAY)
    s.vault.transact("claimFor", addresses, sender=anyone)
    s.evm.warp(DAY)
    name = "claim dividends for others, batch of 20, each"
    paid = market.measure(name, s.vault, "claimFor", addresses, sender=anyone, per=STAKERS)
    assert len(paid.events("Claimed")) == STAKERS
