"""The wash trader: pays fees to itself for the TALLY that they bring, with a share s of all stake.

Each share is played on a copy of one market, beside a twin without washing. What the trader loses is what its wallets
hold less, dividends included; what it gains is TALLY. The price at which both are equal is held against the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
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
)
from tallystick.protocol.model import ModelParameters
from tallystick.simulate import oracle
from tallystick.simulate.market import START, Market
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
from tallystick.simulate.stage import FLAT, ran_for
from tallystick.simulate.washing import DAYS, PARTS, WATCHED, WORK_WEEKS, Run, play

__all__ = ["wash"]

WARM_UP: Final = 8
CROSSED_AFTER: Final = 2
"""Days of washing after which, in the second market, the rate halves."""
FEES: Final = DAYS * EMISSION_DAILY_FEES
"""µ of fees that are washed."""
PRICES: Final = tuple(MICRO * cents // 100 for cents in (1, 3, 5, 7, 10, 15, 20, 50))
"""µ per TALLY at which the table says what washing comes to."""


def wash(options: SimulateOptions) -> Result:
    """A week of washing as much as can count, for every tenth of the stake; and across a halving of the rate."""
    market = ran_for(options, WARM_UP)
    sweep = _sweep(options, market, EMISSION_HALVING, range(PARTS + 1), "wash")
    calm, washed, rows = sweep.calm, sweep.washed, sweep.rows
    crossing = _crossing(options)
    result = Result(
        "wash",
        "Wash trading: fees paid to oneself, for TALLY",
        {
            "first_fee": sweep.first_fee,
            "fees": FEES,
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
            "crossing": {
                "halving": crossing.halving,
                "first_fee": crossing.first_fee,
                "sweep": crossing.rows,
                "honest_reward": crossing.washed.honest_reward,
                "honest_reward_without": crossing.calm.honest_reward,
            },
        },
        story=_story(sweep, crossing),
        tables=[_break_even_table(rows), _profit_table(rows)],
        drawings=_drawings(rows, calm, washed),
        checks=[*sweep.checks, *_checks(sweep), *crossing.checks, *_crossing_checks(options, crossing)],
    )
    result.checks.append(invariants_hold("wash", washed.market.model))
    return result


@dataclass(slots=True)
class _Sweep:
    """One market, washed with several shares of the stake; `calm` and `washed` are the runs with the first of them."""

    halving: int
    first_fee: int
    reward: int
    """TALLY-wei that washing brings by the formula."""
    calm: Run
    washed: Run
    rows: list[dict[str, Any]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


def _sweep(options: SimulateOptions, market: Market, halving: int, parts: Sequence[int], name: str) -> _Sweep:
    first_fee = market.model.rewards.schedule(now=market.now)[2]
    reward = oracle.emission(EMISSION_RATE, halving, first_fee, FEES)
    runs = [
        (play(options, market, part, washes=False), play(options, market, part, washes=True))
        for part in parts
    ]
    sweep = _Sweep(halving, first_fee, reward, calm=runs[0][0], washed=runs[0][1])
    for part, (calm, washed) in zip(parts, runs, strict=True):
        sweep.rows.append(_row(part, reward, calm, washed))
        sweep.checks += _checks_of(name, sweep.rows[-1], calm, washed)
    return sweep


def _crossing(options: SimulateOptions) -> _Sweep:
    """A market of its own in which the rate halves after two days of washing: with no stake, and with all of it."""
    halving = WARM_UP * options.fees * FLAT + CROSSED_AFTER * EMISSION_DAILY_FEES
    parameters = ModelParameters(created_at=START, emission_halving=halving)
    market = ran_for(options, WARM_UP, parameters)
    return _sweep(options, market, halving, (0, PARTS), "wash.crossing")


# Working out


def _row(part: int, reward: int, calm: Run, washed: Run) -> dict[str, Any]:
    """One share: what the trader paid and got, and from which price on that is a gain."""
    lost = washed.paid_in - (washed.left - calm.left)
    return {
        "share_bps": part * 10_000 // PARTS,
        "fees": FEES,
        "lost": lost,
        "lost_by_formula": int(oracle.net_cost(FEES, Fraction(part, PARTS))),
        "reward": washed.reward,
        "break_even": lost * TALLY // washed.reward,
        "break_even_by_formula": oracle.break_even(FEES, Fraction(part, PARTS), reward),
    }


def _profits(row: dict[str, Any]) -> dict[str, int]:
    """µ that washing leaves at some prices (µ per TALLY)."""
    return {str(price): row["reward"] * price // TALLY - row["lost"] for price in PRICES}


def _checks_of(scenario: str, row: dict[str, Any], calm: Run, washed: Run) -> list[Check]:
    name = f"{scenario}.share_{row['share_bps']}"
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


def _checks(sweep: _Sweep) -> list[Check]:
    rows, calm, washed = sweep.rows, sweep.calm, sweep.washed
    first_days = [washed.counted[day] - (washed.counted[day - 1] if day else 0) for day in range(1, DAYS)]
    return [
        equal(
            "wash.reward",
            sweep.reward,
            rows[0]["reward"],
            "TALLY-wei: a week of D, at the rates of those fees",
        ),
        equal("wash.lost_without_stake", FEES, rows[0]["lost"], "µ: who has no stake pays all its fees"),
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


def _crossing_checks(options: SimulateOptions, crossing: _Sweep) -> list[Check]:
    """What honest work of the two weeks brings: it comes after the trader's fees, so at the halved rate."""
    honest = WORK_WEEKS * options.fees * FLAT
    before = oracle.emission(EMISSION_RATE, crossing.halving, 0, crossing.first_fee)
    expected = {
        "without": (crossing.first_fee, crossing.calm),
        "beside": (crossing.first_fee + FEES, crossing.washed),
    }
    return [
        equal(
            f"wash.crossing.honest_reward_{word}",
            before + oracle.emission(EMISSION_RATE, crossing.halving, start, honest),
            run.honest_reward,
            f"TALLY-wei of honest suppliers {word} washing, where the rate halves meanwhile",
        )
        for word, (start, run) in expected.items()
    ]


# Telling


def _story(sweep: _Sweep, crossing: _Sweep) -> list[str]:
    rows, washed, first_fee = sweep.rows, sweep.washed, sweep.first_fee
    late = sum(1 for waits in washed.waiting if waits)
    most = max(washed.waiting)
    whole = washed.market.model.rewards.totals()[0]
    return [
        f"For {DAYS} days a trader pays {dollars(EMISSION_DAILY_FEES)} dollars of fees a day to itself, as much as can"
        f" count, before anybody else. {dollars(first_fee)} dollars of fees had counted before.",
        f"Without stake that costs {exactly(rows[0]['lost'])} dollars and brings {tally(rows[0]['reward'])} TALLY:"
        f" it pays above {exactly(rows[0]['break_even'])} dollars a TALLY. With all of the stake it costs"
        f" {exactly(rows[-1]['lost'])} dollars and pays above {exactly(rows[-1]['break_even'])}.",
        f"Meanwhile no honest fee counts: up to {dollars(most)} dollars wait, and some still wait at the end of {late}"
        " days. All of them count later; what honest suppliers earn in stable is the same to the µ.",
        f"The trader holds {percent(rows[0]['reward'], whole)} of all TALLY ever credited. Nothing of it can be sold on"
        f" the first day, and the last part {EMISSION_VESTING // DAY} days after the last day of washing.",
        f"In a second market the rate first halves after {CROSSED_AFTER} days of washing: there it pays above"
        f" {exactly(crossing.rows[0]['break_even'])} dollars without stake, and honest suppliers get"
        f" {tally(crossing.washed.honest_reward)} TALLY in all instead of {tally(crossing.calm.honest_reward)}.",
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


def _drawings(rows: Sequence[dict[str, Any]], calm: Run, washed: Run) -> list[Drawing]:
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
