"""The wash trader: pays fees to itself for the TALLY that they bring, with a share s of all stake.

Each share is played on a copy of one market, beside a twin without washing. What the trader loses is what its wallets
hold less, dividends included; what it gains is TALLY. The price at which both are equal is held against the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from tallystick.protocol.constants import (
    DAY,
    EMISSION_DAILY_FEES,
    EMISSION_HALVING,
    EMISSION_RATE,
    EMISSION_VESTING,
    MICRO,
    TALLY,
    WEEK,
)
from tallystick.protocol.model import Address
from tallystick.simulate import oracle
from tallystick.simulate.market import GROSS_PER_FEE, Market, Supplier
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.result import (
    Check,
    Drawing,
    Result,
    Series,
    Table,
    at_most,
    equal,
    invariants_hold,
    near,
)
from tallystick.simulate.say import dollars, exactly, percent, tally
from tallystick.simulate.stage import POOL, even_week, ran_for, stake

__all__ = ["wash"]

TRADER: Address = "wash trader"
OTHERS: Address = "other stakers"
BANK: Address = "bank of the wash trader"
WARM_UP: Final = 8
PARTS: Final = 10
"""The shares that are played: none, a tenth, … all of the stake."""
DAYS: Final = 7
WATCHED: Final = 28
"""Days for which it is written down what counts and what waits."""
PRICES: Final = tuple(MICRO * cents // 100 for cents in (1, 3, 5, 7, 10, 15, 20, 50))
"""µ per TALLY at which the table says what washing comes to."""


@dataclass(slots=True)
class _Run:
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


def wash(options: SimulateOptions) -> Result:
    """A week of washing as much as can count, for every tenth of the stake."""
    market = ran_for(options, WARM_UP)
    first_fee = market.model.rewards.schedule(now=market.now)[2]
    fees = DAYS * EMISSION_DAILY_FEES
    reward = oracle.emission(EMISSION_RATE, EMISSION_HALVING, first_fee, fees)
    rows: list[dict[str, Any]] = []
    checks: list[Check] = []
    shown: tuple[_Run, _Run] | None = None
    for part in range(PARTS + 1):
        calm, washed = _play(options, market, part, washes=False), _play(options, market, part, washes=True)
        shown = shown or (calm, washed)
        rows.append(_row(part, fees, reward, calm, washed))
        checks += _checks_of(rows[-1], calm, washed)
    assert shown is not None
    calm, washed = shown
    result = Result(
        "wash",
        "Wash trading: fees paid to oneself, for TALLY",
        {
            "first_fee": first_fee,
            "fees": fees,
            "days": DAYS,
            "sweep": rows,
            "profit": [_profits(row) for row in rows],
            "honest": {
                "counted": washed.counted,
                "waiting": washed.waiting,
                "counted_without": calm.counted,
                "waiting_without": calm.waiting,
            },
            "vested_by_day": washed.vested,
        },
        story=_story(rows, washed, first_fee),
        tables=[_break_even_table(rows), _profit_table(rows)],
        drawings=_drawings(rows, calm, washed),
        checks=checks + _checks(rows, calm, washed, reward),
    )
    result.checks.append(invariants_hold("wash", washed.market.model))
    return result


# Playing


def _play(options: SimulateOptions, market: Market, part: int, *, washes: bool) -> _Run:
    """Honest work goes on for two weeks and ends; a week of washing in it, or none."""
    market = deepcopy(market)
    run = _Run(market, market.join(TRADER))
    whole = market.model.token.balance_of(POOL) // (PARTS * TALLY) * TALLY
    stake(market, TRADER, whole * part)
    stake(market, OTHERS, whole * (PARTS - part))
    begins = market.now
    honest = even_week(options)
    for day in range(WATCHED):
        midnight = begins + day * DAY
        if day in (0, 7):
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
        if day < 14:
            market.work_day(honest[day % 7])
        market.checkpoint(market.accounts)
        market.now = midnight + DAY - 1
        if day % 7 == 6:
            market.pull()
        _note(run)
    market.now = begins + WATCHED * DAY + EMISSION_VESTING + DAY
    _take_all(run)
    return run


def _note(run: _Run) -> None:
    rewards, now = run.market.model.rewards, run.market.now
    lives = [rewards.lifetime_of(account, now=now) for account in run.market.accounts]
    run.counted.append(sum(life[0] for life in lives))
    run.waiting.append(sum(life[1] for life in lives))
    run.vested.append(rewards.lifetime_of(run.trader.account, now=now)[3])


def _take_all(run: _Run) -> None:
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


# Working out


def _row(part: int, fees: int, reward: int, calm: _Run, washed: _Run) -> dict[str, Any]:
    """One share: what the trader paid and got, and from which price on that is a gain."""
    lost = washed.paid_in - (washed.left - calm.left)
    return {
        "share_bps": part * 10_000 // PARTS,
        "fees": fees,
        "lost": lost,
        "lost_by_formula": int(oracle.net_cost(fees, Fraction(part, PARTS))),
        "reward": washed.reward,
        "break_even": lost * TALLY // washed.reward,
        "break_even_by_formula": oracle.break_even(fees, Fraction(part, PARTS), reward),
    }


def _profits(row: dict[str, Any]) -> dict[str, int]:
    """µ that washing leaves at some prices (µ per TALLY)."""
    return {str(price): row["reward"] * price // TALLY - row["lost"] for price in PRICES}


def _checks_of(row: dict[str, Any], calm: _Run, washed: _Run) -> list[Check]:
    name = f"wash.share_{row['share_bps']}"
    share = f"with {row['share_bps'] // 100} % of the stake"
    dearer, cheaper = (
        (row["break_even_by_formula"] + step) * row["reward"] // TALLY - row["lost"] for step in (2, -1)
    )
    return [
        near(
            f"{name}.break_even",
            row["break_even_by_formula"],
            row["break_even"],
            f"µ per TALLY above which washing pays {share}",
        ),
        near(
            f"{name}.lost",
            row["lost_by_formula"],
            row["lost"],
            f"µ that washing costs {share}",
            within=3,
        ),
        Check(
            f"{name}.sign",
            cheaper < 0 < dearer,
            "a loss below, a gain above",
            f"{cheaper} and {dearer}",
            f"µ left at 1 µ below and 2 µ above the formula's price {share}",
        ),
        equal(
            f"{name}.honest_stable",
            calm.honest_stable,
            washed.honest_stable,
            f"µ that honest suppliers earned without washing and beside it {share}",
        ),
    ]


def _checks(rows: Sequence[dict[str, Any]], calm: _Run, washed: _Run, reward: int) -> list[Check]:
    fees = EMISSION_DAILY_FEES * DAYS
    first_days = [washed.counted[day] - (washed.counted[day - 1] if day else 0) for day in range(1, DAYS)]
    return [
        equal("wash.reward", reward, rows[0]["reward"], "TALLY-wei: a week of D, at the rates of those fees"),
        equal("wash.lost_without_stake", fees, rows[0]["lost"], "µ: who has no stake pays all its fees"),
        at_most(
            "wash.worst_day",
            EMISSION_DAILY_FEES * EMISSION_RATE,
            max(washed.brought),
            "TALLY-wei that the best day of washing brought, against D x R0",
        ),
        equal("wash.honest_wait", 0, sum(first_days), "µ of honest fees that counted while the day was full"),
        equal(
            "wash.honest_count_later",
            calm.counted[-1],
            washed.counted[-1],
            "µ of honest fees that count in the end, without washing and beside it",
        ),
        at_most(
            "wash.honest_reward",
            calm.honest_reward,
            washed.honest_reward,
            "TALLY-wei of honest suppliers beside washing, against what it is without",
        ),
        equal("wash.nothing_at_once", 0, washed.vested[0], "TALLY-wei vested at the end of the first day"),
    ]


# Telling


def _story(rows: Sequence[dict[str, Any]], washed: _Run, first_fee: int) -> list[str]:
    late = sum(1 for waits in washed.waiting if waits)
    most = max(washed.waiting)
    whole = washed.market.model.rewards.totals()[0]
    return [
        f"For {DAYS} days a trader pays {dollars(EMISSION_DAILY_FEES)} dollars of fees a day to itself, as much as can"
        f" count, before anybody else. {dollars(first_fee)} dollars of fees had counted before.",
        f"Without stake that costs {exactly(rows[0]['lost'])} dollars and brings {tally(rows[0]['reward'])} TALLY:"
        f" it pays above {exactly(rows[0]['break_even'])} dollars a TALLY. With all of the stake it costs"
        f" {exactly(rows[-1]['lost'])} dollars and pays above {exactly(rows[-1]['break_even'])}.",
        f"Meanwhile no honest fee counts: up to {dollars(most)} dollars wait, and {late} days begin with some waiting."
        " All of them count later; what honest suppliers earn in stable is the same to the µ.",
        f"The trader holds {percent(rows[0]['reward'], whole)} of all TALLY ever credited. Nothing of it can be sold on"
        f" the first day, and the last part {EMISSION_VESTING // DAY} days after the last day of washing.",
    ]


def _break_even_table(rows: Sequence[dict[str, Any]]) -> Table:
    head = (
        "share of the stake",
        "fees $",
        "lost $",
        "TALLY gained",
        "pays above $ per TALLY",
        "by the formula",
    )
    return Table(
        "Above which price washing pays",
        head,
        [
            (
                f"{row['share_bps'] // 100} %",
                dollars(row["fees"]),
                exactly(row["lost"]),
                tally(row["reward"]),
                exactly(row["break_even"]),
                exactly(row["break_even_by_formula"]),
            )
            for row in rows
        ],
    )


def _profit_table(rows: Sequence[dict[str, Any]]) -> Table:
    head = ("share of the stake", *(f"at {dollars(price, 2)} $" for price in PRICES))
    return Table(
        "What a week of washing leaves, in dollars, by share of the stake and price of TALLY",
        head,
        [
            (f"{row['share_bps'] // 100} %", *(dollars(amount) for amount in _profits(row).values()))
            for row in rows
        ],
        narrow=(0, 2, 3, 4, 5, 6),
    )


def _drawings(rows: Sequence[dict[str, Any]], calm: _Run, washed: _Run) -> list[Drawing]:
    shares = [f"{row['share_bps'] // 100} %" for row in rows]
    days = [str(day + 1) for day in range(WATCHED)]
    return [
        Drawing(
            "Above which price washing pays",
            (
                Series("by the formula", [row["break_even_by_formula"] for row in rows], "net"),
                Series("simulated", [row["break_even"] for row in rows], "bad", dots=True),
            ),
            "own share of the stake",
            shares,
            "dollars per TALLY",
            MICRO,
            note="Above the line washing pays, below it is a loss. The line doubles with each halving of the rate.",
        ),
        Drawing(
            "Honest suppliers' fees that wait to count",
            (
                Series("beside washing", washed.waiting, "bad"),
                Series("without", calm.waiting, "good"),
            ),
            "day",
            days,
            "dollars",
            MICRO,
        ),
        Drawing(
            "What of the trader's reward has vested",
            (Series("vested", washed.vested, "net"),),
            "day",
            days,
            "TALLY",
            TALLY,
            note=f"All of it {EMISSION_VESTING // DAY} days after the last day of washing.",
        ),
    ]
