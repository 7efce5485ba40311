"""Where the small scenarios begin: a market that ran for some weeks while nobody staked, and its TALLY in one hand."""

from __future__ import annotations

from tallystick.protocol.model import Address, ModelParameters
from tallystick.simulate.market import Market, cut
from tallystick.simulate.options import SimulateOptions

__all__ = ["FLAT", "POOL", "ran_for", "stake"]

FLAT = 5
"""Fees of a week of the flat market, as a multiple of the growing market's first week."""
POOL: Address = "TALLY of all suppliers"


def ran_for(options: SimulateOptions, weeks: int, parameters: ModelParameters | None = None) -> Market:
    """After so many weeks of even work all TALLY that has vested is minted, and lies in the hand of `POOL`."""
    market = Market(options.suppliers, parameters)
    for _ in range(weeks):
        market.work_week(even_week(options))
    for supplier in market.suppliers:
        amount = market.claim_rewards(supplier)
        market.model.token.transfer(POOL, amount, caller=supplier.wallet)
    return market


def even_week(options: SimulateOptions) -> list[list[int]]:
    """µ of fees by day and supplier, the same for all but for what does not divide."""
    parts = cut(options.fees * FLAT, [1] * (7 * options.suppliers))
    return [parts[day * options.suppliers : (day + 1) * options.suppliers] for day in range(7)]


def stake(market: Market, staker: Address, amount: int) -> None:
    """Gives TALLY-wei of the pool to a staker, who stakes it at once; nothing for 0."""
    if amount:
        market.model.token.transfer(staker, amount, caller=POOL)
        market.model.dividend_vault.stake(amount, caller=staker, now=market.now)
