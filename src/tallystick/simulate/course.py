"""A market's course over the weeks: demand by day, suppliers who claim, stake and sell, holders who buy and flee.

The token's price is an input. It decides what TALLY is worth in the tables, and nothing that the model does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tallystick.protocol.constants import DAY, TALLY, WEEK
from tallystick.protocol.model import Address
from tallystick.simulate.market import Market, cut

__all__ = ["HOLDERS", "PROBE", "Course", "Flight", "Played", "Week", "daily_fees", "play"]

HOLDERS: Address = "holders"
"""Everybody who bought TALLY of a supplier, as one wallet."""
PROBE: Address = "one staked TALLY"
"""Somebody with exactly one TALLY staked: what it earns is what a TALLY earns."""


@dataclass(frozen=True, slots=True)
class Flight:
    """All stakers leave when week `leaves` begins, and come back when week `returns` does."""

    leaves: int
    returns: int


@dataclass(frozen=True, slots=True)
class Course:
    """`fees`: µ of week w; `price`: µ per TALLY in week w."""

    weeks: int
    suppliers: int
    seed: int
    fees: Callable[[int], int]
    price: Callable[[int], int]
    flight: Flight | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """One week as it ended. Money in µ, rewards in TALLY-wei; `counted`, `waiting` and `fees` are µ of fees."""

    week: int
    fees: int
    stable: list[int]
    """µ that each supplier earned, net of fees."""
    counted: int
    most_counted_on_a_day: int
    waiting: int
    rate: int
    """TALLY-wei that the next µ of fees earns."""
    credited: int
    price: int
    tally_value: int
    """µ that the TALLY credited this week is worth at the price."""
    circulating: int
    """TALLY-wei that exist."""
    staked: int
    dividends_received: int
    per_tally: int
    """µ that one staked TALLY earned this week."""
    carried: int
    """µ that streamed while nobody was staked, and stream again next week; what was carried before is in it."""

    def to_json(self) -> dict[str, Any]:
        """As the report has it."""
        return asdict(self)


@dataclass(slots=True)
class Played:
    """The market at its end, and its weeks."""

    market: Market
    weeks: list[Week] = field(default_factory=list)

    def stable(self) -> list[list[int]]:
        """µ that each supplier earned, week by week."""
        return [week.stable for week in self.weeks]


def daily_fees(total: int, suppliers: int, chance: random.Random) -> list[list[int]]:
    """`total` µ of fees cut into seven days and suppliers, to the last one: the first supplier is the largest, and
    days differ by a fifth."""
    weights = [(suppliers - place) * chance.randint(80, 120) for _ in range(7) for place in range(suppliers)]
    parts = cut(total, weights)
    return [parts[day * suppliers : (day + 1) * suppliers] for day in range(7)]


def play(course: Course) -> Played:
    """Plays every week on a model of its own."""
    market = Market(course.suppliers)
    chance = random.Random(course.seed)  # noqa: S311 - demand, not secrets
    played = Played(market)
    crowd = _Crowd(market)
    for week in range(course.weeks):
        before = _Reading.of(market)
        if course.flight and week == course.flight.leaves:
            crowd.flee()
        if course.flight and week == course.flight.returns:
            crowd.come_back()
        crowd.claim()
        market.work_week(daily_fees(course.fees(week), course.suppliers, chance))
        played.weeks.append(_week_of(week, before, _Reading.of(market), course.price(week), market))
    return played


class _Crowd:
    """Suppliers stake half of what they claim and sell the other half; whoever buys stakes half of that."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.present = True

    def claim(self) -> None:
        """What has vested is minted; while all are present it is sold and staked."""
        for supplier in self.market.suppliers:
            amount = self.market.claim_rewards(supplier)
            self._plant_probe(supplier.wallet, amount)
            self.market.model.token.transfer(HOLDERS, amount // 2, caller=supplier.wallet)
            if self.present:
                self._stake(supplier.wallet, amount - amount // 2)
                self._stake(HOLDERS, amount // 4)

    def flee(self) -> None:
        """All that is staked leaves."""
        self.present = False
        vault = self.market.model.dividend_vault
        for staker in self._stakers():
            staked = vault.staked_of(staker)
            if staked:
                vault.unstake(staked, caller=staker, now=self.market.now)

    def come_back(self) -> None:
        """What left is withdrawn and staked again; half of what was claimed meanwhile too."""
        self.present = True
        vault, token = self.market.model.dividend_vault, self.market.model.token
        for staker in self._stakers():
            left, _ = vault.exiting_of(staker)
            if left:
                vault.withdraw(staker, caller=staker, now=self.market.now)
            self._stake(staker, left + (token.balance_of(staker) - left) // 2)

    def _stakers(self) -> list[Address]:
        return [*(supplier.wallet for supplier in self.market.suppliers), HOLDERS, PROBE]

    def _plant_probe(self, wallet: Address, amount: int) -> None:
        vault, token = self.market.model.dividend_vault, self.market.model.token
        if self.present and vault.staked_of(PROBE) == 0 and amount >= 4 * TALLY:
            token.transfer(PROBE, TALLY, caller=wallet)
            vault.stake(TALLY, caller=PROBE, now=self.market.now)

    def _stake(self, staker: Address, amount: int) -> None:
        amount = min(amount, self.market.model.token.balance_of(staker))
        if amount >= TALLY:  # the vault's minimum
            self.market.model.dividend_vault.stake(amount, caller=staker, now=self.market.now)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Sums over all time, whose differences are a week's."""

    stable: Sequence[int]
    fees: int
    counted: int
    credited: int
    received: int
    earned_by_one: int
    carried: int

    @classmethod
    def of(cls, market: Market) -> _Reading:
        model, vault = market.model, market.model.dividend_vault
        _, _, counted, _ = model.rewards.schedule(now=market.now)
        return cls(
            stable=[market.stable_of(supplier) for supplier in market.suppliers],
            fees=model.escrow.fee_totals()[0],
            counted=counted,
            credited=model.rewards.totals()[0],
            received=vault.totals()[0],
            earned_by_one=market.dividends_of(PROBE),
            carried=_carried(market),
        )


def _carried(market: Market) -> int:
    """µ that streamed while nobody was staked, up to now."""
    vault = market.model.dividend_vault
    return vault.total_carried(now=market.now)


def _week_of(number: int, before: _Reading, after: _Reading, price: int, market: Market) -> Week:
    model, now = market.model, market.now
    rate, *_ = model.rewards.schedule(now=now)
    first_day = (now - WEEK) // DAY
    credited = after.credited - before.credited
    return Week(
        week=number,
        fees=after.fees - before.fees,
        stable=[late - early for late, early in zip(after.stable, before.stable, strict=True)],
        counted=after.counted - before.counted,
        most_counted_on_a_day=max(model.rewards.counted_on[first_day + day] for day in range(7)),
        waiting=market.waiting(market.accounts),
        rate=rate,
        credited=credited,
        price=price,
        tally_value=credited * price // TALLY,
        circulating=model.token.supply,
        staked=model.dividend_vault.total_staked(),
        dividends_received=after.received - before.received,
        per_tally=after.earned_by_one - before.earned_by_one,
        carried=after.carried - before.carried,
    )
