"""A wash trader on a copy of a market: what it pays in, what it takes out, and what that does to honest suppliers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from tallystick.protocol.constants import DAY, EMISSION_DAILY_FEES, EMISSION_VESTING, TALLY, WEEK
from tallystick.protocol.model import Address
from tallystick.simulate.market import GROSS_PER_FEE, Market, Supplier
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.stage import POOL, even_week, stake

__all__ = ["DAYS", "PARTS", "WATCHED", "WORK_WEEKS", "Run", "play"]

TRADER: Address = "wash trader"
OTHERS: Address = "other stakers"
BANK: Address = "bank of the wash trader"
PARTS: Final = 10
"""The trader's share of the stake is so many parts of these."""
DAYS: Final = 7
"""Days of washing, D a day."""
WATCHED: Final = 28
"""Days for which it is written down what counts and what waits."""
WORK_WEEKS: Final = 2
"""Weeks of honest work from the first day of washing on."""


@dataclass(slots=True)
class Run:
    """One market, with the trader or without. Lists are by day from the first day of washing on."""

    market: Market
    trader: Supplier
    paid_in: int = 0
    """µ that the trader put in as a customer."""
    brought: list[int] = field(default_factory=list)
    """TALLY-wei that each day of washing brought."""
    counted: list[int] = field(default_factory=list)
    """µ of honest suppliers' fees that count, ever."""
    waiting: list[int] = field(default_factory=list)
    """µ of honest suppliers' fees that do not."""
    vested: list[int] = field(default_factory=list)
    """TALLY-wei of the trader that have vested."""
    left: int = 0
    """µ in the trader's bank at the end: its net earnings and its dividends."""
    reward: int = 0
    """TALLY-wei minted to the trader at the end."""
    honest_stable: int = 0
    honest_reward: int = 0
    """TALLY-wei that honest suppliers' fees brought."""


def play(options: SimulateOptions, market: Market, part: int, *, washes: bool) -> Run:
    """Honest work goes on for two weeks and ends; with a week of washing from its first day on, or with none."""
    market = deepcopy(market)
    run = Run(market, market.join(TRADER))
    whole = market.model.token.balance_of(POOL) // (PARTS * TALLY) * TALLY
    stake(market, TRADER, whole * part)
    stake(market, OTHERS, whole * (PARTS - part))
    begins = market.now
    honest = even_week(options)
    for day in range(WATCHED):
        midnight = begins + day * DAY
        if day % 7 == 0 and day < WORK_WEEKS * 7:
            market.now = midnight
            market.open_week(honest)
        if washes and day == 0:
            run.paid_in = DAYS * EMISSION_DAILY_FEES * GROSS_PER_FEE
            market.open(run.trader, run.paid_in, WEEK)
        if washes and day < DAYS:
            market.now = midnight + 1  # before anybody else: the day's room is the trader's
            market.deliver(run.trader, EMISSION_DAILY_FEES * GROSS_PER_FEE)
            run.brought.append(market.checkpoint([run.trader.account])[1])
        market.now = midnight + DAY // 2
        if day < WORK_WEEKS * 7:
            market.work_day(honest[day % 7])
        else:
            market.checkpoint(market.accounts)
        market.now = midnight + DAY - 1
        if day % 7 == 6:
            market.pull()
        _note(run)
    market.now = begins + WATCHED * DAY + EMISSION_VESTING + DAY
    _take_all(run)
    return run


def _note(run: Run) -> None:
    rewards, now = run.market.model.rewards, run.market.now
    lives = [rewards.lifetime_of(account, now=now) for account in run.market.accounts]
    run.counted.append(sum(life[0] for life in lives))
    run.waiting.append(sum(life[1] for life in lives))
    run.vested.append(rewards.lifetime_of(run.trader.account, now=now)[3])


def _take_all(run: Run) -> None:
    """The trader takes what it earned and its dividends to its bank, and mints its reward."""
    market, trader = run.market, run.trader
    model = market.model
    if market.stable_of(trader):
        model.escrow.claim(trader.account, BANK, caller=trader.wallet)
    if market.dividends_of(TRADER):
        model.dividend_vault.claim(BANK, caller=TRADER, now=market.now)
    run.left = model.currency.balance_of(BANK)
    run.reward = market.claim_rewards(trader)
    run.honest_stable = sum(market.stable_of(supplier) for supplier in market.suppliers)
    run.honest_reward = sum(
        model.rewards.lifetime_of(account, now=market.now)[2] for account in market.accounts
    )
