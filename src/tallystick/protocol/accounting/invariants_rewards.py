"""PROTOCOL sections 2 and 9 on the token: what is emitted, minted, and paid in dividends; see `invariants.py`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ..amounts import split_by_weights
from ..constants import ACCUMULATOR_SCALE
from .checks import at_most as _at_most
from .checks import equal as _equal

if TYPE_CHECKING:
    from ..model import Model


def emission_is_the_schedule(model: Model) -> None:
    """B07: F and the rates that held say what was credited, whoever counted when; less than 2 x R0 x L <= cap."""
    name = "emission_is_the_schedule"
    rewards = model.rewards
    ends = [since for since, _ in rewards.rates[1:]] + [rewards.counted]
    due = 0
    for (since, rate), until in zip(rewards.rates, ends, strict=True):
        _at_most(name, since, until, f"first and last fee at {rate} TALLY-wei a µ")
        due += rewards.emission(rate, since, until - since)
    _equal(name, rewards.credited, due, "credited, and what the schedule brings for F")
    rates = [rate for _, rate in rewards.rates]
    _equal(name, rates, sorted(set(rates), reverse=True), "rates, and falling ones")
    _equal(name, rates[-1], rewards.rate, "the last rate and R0")
    most = 2 * rates[0] * rewards.halving
    _at_most(name, rewards.credited + 1, most, "TALLY-wei ever credited and one, and 2 x R0 x L")
    _at_most(name, most, model.token.cap, "2 x R0 x L and the cap")


def rewards_count_each_fee_once(model: Model) -> None:
    """B14: an account's counted fees are of final work that was not ruled bad; all together at most F, a day's D."""
    name = "rewards_count_each_fee_once"
    rewards = model.rewards
    on_days: Counter[int] = Counter()
    for number, supplier in rewards.suppliers.items():
        base = model.escrow.earnings_of(number)[2]
        _at_most(name, supplier.fees, supplier.found, f"counted and found fees of account {number}")
        _at_most(name, supplier.found, base, f"found fees and reward base of account {number}")
        days = [grant.day for grant in supplier.grants]
        _equal(name, days, sorted(set(days)), f"days of account {number}")
        for grant in supplier.grants:
            _at_most(name, 1, grant.fees, f"fees of account {number} on day {grant.day}")
            on_days[grant.day] += grant.fees
    for day, fees in on_days.items():
        _at_most(name, fees, rewards.counted_on[day], f"fees of all accounts on day {day}")
    for day, fees in rewards.counted_on.items():
        _at_most(name, fees, rewards.daily_fees, f"fees that counted on day {day}")
    _equal(name, rewards.counted_on.total(), rewards.counted, "fees of all days and F")


def rewards_are_credited_whole(model: Model) -> None:
    """Section 9: an account's grants and what it forfeited are what it was credited; both sums likewise."""
    name = "rewards_are_credited_whole"
    rewards = model.rewards
    for number, supplier in rewards.suppliers.items():
        parts = supplier.amount + supplier.forfeited
        _equal(name, parts, supplier.credited, f"grants and forfeited, and credited of account {number}")
    suppliers = rewards.suppliers.values()
    _equal(name, sum(s.credited for s in suppliers), rewards.credited, "credited of accounts, and in all")
    _equal(name, sum(s.forfeited for s in suppliers), rewards.forfeited, "forfeited of accounts, and in all")


def tally_is_minted_for_claims_alone(model: Model) -> None:
    """B07: supply = dripped + claimed; what was claimed and what can ever be of today's grants <= credited."""
    name = "tally_is_minted_for_claims_alone"
    rewards = model.rewards
    _equal(name, model.token.supply, model.token.dripped + rewards.minted, "supply, and dripped and minted")
    claimed = sum(supplier.claimed for supplier in rewards.suppliers.values())
    _equal(name, claimed, rewards.minted, "claimed of all accounts, and minted")
    for number, supplier in rewards.suppliers.items():
        owed = max(0, supplier.amount - supplier.claimed)
        if number in model.escrow.splits:
            weights = model.escrow.splits[number][1]
            pulled = [rewards.share_claimed(number, index) for index in range(len(weights))]
            parts = split_by_weights(supplier.amount, weights)
            owed = sum(max(0, part - paid) for part, paid in zip(parts, pulled, strict=True))
            _equal(name, sum(pulled), supplier.claimed, f"claimed by members, and of account {number}")
        whole = supplier.claimed + owed
        _at_most(name, whole, supplier.credited, f"claimed and to be claimed, and credited of {number}")
    held = model.token.balance_of(rewards.address) - model.token.unbooked.get(rewards.address, 0)
    _equal(name, held, 0, "TALLY-wei of SupplierRewards, which keeps none")


def dividends_come_from_fees(model: Model) -> None:
    """B06: in whole µ, claimed + claimable + carried or still to stream <= received <= fees collected."""
    name = "dividends_come_from_fees"
    vault = model.dividend_vault
    stream = vault.stream_state
    owed = sum(s.owed_at(stream.accumulator) // ACCUMULATOR_SCALE for s in vault.stakers.values())
    _at_most(name, vault.claimed + owed + stream.to_come(), vault.received, "dividends, and fees received")
    _at_most(name, vault.received, model.escrow.fees_collected, "fees received, and collected")
    claimed = sum(staker.claimed for staker in vault.stakers.values())
    _equal(name, claimed, vault.claimed, "claimed by stakers, and in all")


ALL: Final = (
    emission_is_the_schedule,
    rewards_count_each_fee_once,
    rewards_are_credited_whole,
    tally_is_minted_for_claims_alone,
    dividends_come_from_fees,
)
