"""The scenarios that are a market's course: growth, decline, and a crash of the token's price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from tallystick.protocol.constants import (
    EMISSION_DAILY_FEES,
    EMISSION_HALVING,
    EMISSION_RATE,
    EXIT_DELAY,
    MICRO,
    TALLY,
    TALLY_CAP,
    WEEK,
)
from tallystick.simulate import oracle
from tallystick.simulate.course import HOLDERS, PROBE, Course, Flight, Played, Week, play
from tallystick.simulate.market import GROSS_PER_FEE
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.result import Check, Drawing, Result, Series, Table, at_most, equal, invariants_hold
from tallystick.simulate.say import dollars, exactly, millis, percent, tally
from tallystick.simulate.stage import FLAT

__all__ = ["crash", "decline", "growth"]

GROWTH: Final = Fraction(104, 100)
MOST: Final = 60
"""The growing market stops at so many times its first week's fees."""
DECLINE: Final = Fraction(96, 100)
DECLINE_FROM: Final = 15
"""The declining market's first week, as a multiple of the growing market's."""
FALLS_TO: Final = Fraction(1, 100)
ABSENT: Final = 4
"""Weeks for which nobody is staked after the crash."""
ROWS: Final = 9
SETTLED: Final = 8
"""The week from which on a chart of one TALLY's dividends can be read."""


def growth(options: SimulateOptions) -> Result:
    """Fees grow by 4 % a week until they are sixty times the first week's."""

    def fees(week: int) -> int:
        return min(_times(options.fees, GROWTH, week), MOST * options.fees)

    played = play(_course(options, fees))
    weeks = played.weeks
    result = Result(
        "growth",
        "Growth: fees rise by 4 % a week",
        _figures(played),
        story=[
            f"Fees grow from {dollars(weeks[0].fees)} to {dollars(weeks[-1].fees)} dollars a week."
            f" {_tranches(weeks)}",
            f"On a day at most {dollars(EMISSION_DAILY_FEES)} dollars of fees count:"
            f" {dollars(weeks[-1].waiting)} wait at the end, and count later.",
            "Suppliers' income in stable is turnover less fees in every week, whatever TALLY they get on top.",
        ],
    )
    return _finish(result, played, _course(options, fees))


def decline(options: SimulateOptions) -> Result:
    """Fees fall by 4 % a week from fifteen times the growing market's first week."""

    def fees(week: int) -> int:
        return _times(options.fees * DECLINE_FROM, DECLINE, week)

    played = play(_course(options, fees))
    weeks = played.weeks
    best = max(weeks, key=lambda week: week.per_tally)
    result = Result(
        "decline",
        "Decline: fees fall by 4 % a week",
        _figures(played),
        story=[
            f"Fees fall from {dollars(weeks[0].fees)} to {dollars(weeks[-1].fees)} dollars a week."
            f" {_tranches(weeks)}",
            f"A staked TALLY earned most in week {best.week} ({best.per_tally:,} µ) and"
            f" {weeks[-1].per_tally:,} µ in the last one: fewer fees, shared by more TALLY.",
            "Nothing that was earned is taken back: what a falling market ends is new dividends and new rewards.",
        ],
    )
    return _finish(result, played, _course(options, fees))


def crash(options: SimulateOptions) -> Result:
    """The price falls by 99 % at half time, and every staker leaves for four weeks."""
    leaves = options.weeks // 2
    returns = min(leaves + ABSENT, options.weeks - 1)

    def fees(_week: int) -> int:
        return options.fees * FLAT

    def fallen(week: int) -> int:
        return options.price if week < leaves else max(1, int(options.price * FALLS_TO))

    calm_course = _course(options, fees)
    stormy_course = replace(calm_course, price=fallen, flight=Flight(leaves, returns))
    calm, stormy = play(calm_course), play(stormy_course)
    before, after = stormy.weeks[leaves - 1], stormy.weeks[leaves]
    waited = stormy.weeks[returns - 1].carried  # what streamed in vain before streamed again, and is in it
    result = Result(
        "crash",
        "Crash: TALLY loses 99 % of its price, and all stakers leave",
        _figures(stormy) | {"twin": _figures(calm)["weeks"]},
        story=[
            f"In week {leaves} the price falls from {exactly(before.price)} to {exactly(after.price)} dollars,"
            " and all that is staked leaves the vault. A twin of this market never sees a crash.",
            f"Suppliers earn {exactly(sum(before.stable))} dollars in stable in the week before and"
            f" {exactly(sum(after.stable))} in the week of the crash: to the µ what they earn in the twin, in every"
            " week.",
            f"What TALLY adds to that in a week is worth {dollars(before.tally_value)} dollars before and"
            f" {dollars(after.tally_value)} after: that is lost, and no contract can help it.",
            f"{exactly(waited)} dollars of dividends fall due while nobody is staked. They are carried, and paid once,"
            f" to those who are staked again from week {returns} on.",
        ],
    )
    result.checks += _crash_checks(calm, stormy)
    return _finish(result, stormy, stormy_course)


def _crash_checks(calm: Played, stormy: Played) -> list[Check]:
    pairs = list(zip(calm.stable(), stormy.stable(), strict=True))
    return [
        equal(
            "crash.stable_of_every_week",
            len(pairs),
            sum(ours == theirs for ours, theirs in pairs),
            "weeks in which every supplier's income in stable is that of the market without a crash, to the µ",
        ),
        equal(
            "crash.stable_in_all",
            sum(map(sum, calm.stable())),
            sum(map(sum, stormy.stable())),
            "µ that suppliers earned in all, without a crash and with one",
        ),
        equal(
            "crash.emission_of_every_market",
            sum(week.credited for week in calm.weeks),
            sum(week.credited for week in stormy.weeks),
            "TALLY-wei credited, without a crash and with one: the schedule knows no price",
        ),
    ]


# What all of them show


def _course(options: SimulateOptions, fees: Callable[[int], int]) -> Course:
    return Course(options.weeks, options.suppliers, options.seed, fees, lambda _week: options.price)


def _times(first: int, rate: Fraction, week: int) -> int:
    return int(first * rate**week)


def _figures(played: Played) -> dict[str, Any]:
    """The weeks as the JSON has them."""
    return {"weeks": [week.to_json() for week in played.weeks]}


def _tranches(weeks: Sequence[Week]) -> str:
    first, last = EMISSION_RATE, weeks[-1].rate
    halvings = 0
    while first >> halvings > last:
        halvings += 1
    if not halvings:
        return f"The rate stays at {millis(first)} TALLY a dollar of fees."
    times = "once" if halvings == 1 else f"{halvings} times"
    return f"The rate halves {times}, from {millis(first)} to {millis(last)} TALLY a dollar of fees."


def _finish(result: Result, played: Played, course: Course) -> Result:
    result.tables.append(_table(played.weeks))
    result.drawings += _drawings(played.weeks)
    result.checks += _checks(result.name, played, course)
    result.checks += _end(result.name, played)
    result.figures["totals"] = _totals(played)
    result.checks.append(invariants_hold(result.name, played.market.model))
    return result


def _totals(played: Played) -> dict[str, int]:
    model = played.market.model
    credited, forfeited, minted = model.rewards.totals()
    received, claimed = model.dividend_vault.totals()
    return {
        "fees": model.escrow.fee_totals()[0],
        "credited": credited,
        "forfeited": forfeited,
        "minted": minted,
        "dividends_received": received,
        "dividends_claimed": claimed,
    }


def _checks(name: str, played: Played, course: Course) -> list[Check]:
    """Held when the last week ends."""
    market, weeks = played.market, played.weeks
    model = market.model
    fees = sum(week.fees for week in weeks)
    counted = sum(week.counted for week in weeks)
    credited = sum(week.credited for week in weeks)
    return [
        equal(
            f"{name}.income_in_stable",
            sum(course.fees(week) for week in range(course.weeks)) * (GROSS_PER_FEE - 1),
            sum(sum(week.stable) for week in weeks),
            "µ that suppliers earned: 19 for each µ of fees",
        ),
        equal(
            f"{name}.dividends_share",
            oracle.dividends_of(fees),
            model.dividend_vault.totals()[0],
            "µ of the fees that reached the vault: 70 %, and what floors leave",
        ),
        equal(
            f"{name}.emission",
            oracle.emission(EMISSION_RATE, EMISSION_HALVING, 0, counted),
            credited,
            "TALLY-wei credited: the rate summed over the tranches of all fees that count",
        ),
        equal(
            f"{name}.no_fee_is_lost",
            fees,
            counted + weeks[-1].waiting,
            "µ of fees: those that count and those that wait",
        ),
        at_most(
            f"{name}.daily_cap",
            EMISSION_DAILY_FEES,
            max(week.most_counted_on_a_day for week in weeks),
            "µ of fees that counted on the busiest day",
        ),
        at_most(
            f"{name}.supply",
            min(TALLY_CAP, 2 * EMISSION_RATE * EMISSION_HALVING - 1),
            credited,
            "TALLY-wei ever credited, against the cap and 2 x R0 x L",
        ),
    ]


def _end(name: str, played: Played) -> list[Check]:
    """Two more weeks without work: all streams have flowed, and everybody takes what is owed."""
    market = played.market
    vault, model = market.model.dividend_vault, market.model
    market.now += 2 * WEEK + EXIT_DELAY
    stakers = [*(supplier.wallet for supplier in market.suppliers), HOLDERS, PROBE]
    for staker in stakers:
        if market.dividends_of(staker):
            vault.claim(staker, caller=staker, now=market.now)
    received, claimed = vault.totals()
    for supplier in market.suppliers:
        if market.stable_of(supplier):
            model.escrow.claim(supplier.account, "banks", caller=supplier.wallet)
    in_vault = received if vault.total_staked() else 0
    return [
        Check(
            f"{name}.dividends_paid_out",
            in_vault - len(stakers) - 1 <= claimed <= in_vault,
            f"{in_vault} less a floor a staker",
            claimed,
            "µ that all stakers together took after the last stream",
        ),
        equal(
            f"{name}.stable_paid_out",
            sum(map(sum, played.stable())),
            model.currency.balance_of("banks"),
            "µ that suppliers took to their banks: all that they earned",
        ),
    ]


def _shown(weeks: Sequence[Week]) -> list[Week]:
    """So many weeks, evenly, the first and the last among them."""
    last = len(weeks) - 1
    places = sorted({last * step // (ROWS - 1) for step in range(ROWS)})
    return [weeks[place] for place in places]


def _table(weeks: Sequence[Week]) -> Table:
    rows = [
        (
            str(week.week),
            dollars(week.fees),
            dollars(sum(week.stable)),
            tally(week.credited),
            millis(week.rate),
            dollars(week.waiting),
            tally(week.circulating),
            percent(week.staked, week.circulating),
            f"{week.per_tally:,}",
            dollars(week.tally_value),
        )
        for week in _shown(weeks)
    ]
    head = (
        "week",
        "fees $",
        "suppliers' stable $",
        "TALLY credited",
        "TALLY per $ of fees",
        "fees that wait $",
        "TALLY in circulation",
        "staked",
        "µ per staked TALLY",
        "credited TALLY at the price $",
    )
    return Table("By week", head, rows, narrow=(0, 1, 2, 3, 5, 7, 8))


def _drawings(weeks: Sequence[Week]) -> list[Drawing]:
    xs = [str(week.week) for week in weeks]
    settled = weeks[SETTLED:] if len(weeks) > 2 * SETTLED else weeks
    return [
        Drawing(
            "Suppliers' income a week",
            (
                Series("in stable", [sum(week.stable) for week in weeks], "net"),
                Series("TALLY credited, at the price", [week.tally_value for week in weeks], "fee"),
            ),
            "week",
            xs,
            "dollars",
            MICRO,
        ),
        Drawing(
            "Dividends a week of one staked TALLY",
            (Series("µ per TALLY", [week.per_tally for week in settled], "good"),),
            "week",
            [str(week.week) for week in settled],
            "µ",
            note="In the first weeks hardly any TALLY exists, and the few that are staked share all dividends.",
        ),
        Drawing(
            "TALLY credited a week",
            (Series("credited", [week.credited for week in weeks], "net"),),
            "week",
            xs,
            "TALLY",
            TALLY,
            note=f"At most {dollars(EMISSION_DAILY_FEES)} dollars of fees count a day; the rate halves every"
            f" {dollars(EMISSION_HALVING)} dollars.",
        ),
        Drawing(
            "TALLY in circulation and staked",
            (
                Series("in circulation", [week.circulating for week in weeks], "net"),
                Series("staked", [week.staked for week in weeks], "good"),
            ),
            "week",
            xs,
            "TALLY",
            TALLY,
        ),
    ]
