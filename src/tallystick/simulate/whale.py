"""The whale: stakes just before the fees arrive, leaves at once, and gets what its seconds are worth."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from tallystick.protocol.constants import DAY, MICRO, WEEK
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import Address
from tallystick.simulate import oracle
from tallystick.simulate.market import Market
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.result import Check, Drawing, Result, Series, Table, invariants_hold, near
from tallystick.simulate.say import dollars, exactly, percent
from tallystick.simulate.stage import FLAT, POOL, even_week, ran_for, stake

__all__ = ["whale"]

WHALE: Address = "whale"
LOYAL: Address = "those who stay"
TIMES: Final = 9
"""The whale has so many times the stake of all others together."""
WARM_UP: Final = 4


@dataclass(frozen=True, slots=True)
class _Visit:
    """Staked from one second of the two weeks to another; week 0 is when the fees arrive, week 1 when they stream."""

    name: str
    says: str
    comes: int
    goes: int

    @property
    def seconds(self) -> int:
        return self.goes - self.comes


PULLED_AT: Final = WEEK - 1
"""The second of week 0 in which the fees are pulled."""
VISITS: Final = (
    _Visit("arrival", "around the arrival", PULLED_AT - 1, PULLED_AT + 1),
    _Visit("stream", "around the stream's begin", WEEK - 1, WEEK + 1),
    _Visit("minute", "its first minute", WEEK, WEEK + 60),
    _Visit("day", "its first day", WEEK, WEEK + DAY),
    _Visit("week", "all of it", WEEK, 2 * WEEK),
)


def whale(options: SimulateOptions) -> Result:
    """Nine tenths of the stake, for two seconds, a minute, a day, a week."""
    market = ran_for(options, WARM_UP)
    part = market.model.token.balance_of(POOL) // (TIMES + 1)
    stake(market, LOYAL, part)
    begins = market.now
    market.work_week(even_week(options))  # a whole stream of ordinary weeks lies behind what is measured
    market.now = begins + WEEK
    market.model.dividend_vault.claim(LOYAL, caller=LOYAL, now=market.now)
    rows = [_visit(options, market, visit, part) for visit in VISITS]
    fees = options.fees * FLAT
    instant = rows[0]["pulled"] * TIMES // (TIMES + 1)
    result = Result(
        "whale",
        "Whale: stakes just before the fees arrive, and leaves at once",
        {"visits": rows, "instant_payout_would_give": instant},
        story=[
            f"Week by week {dollars(fees)} dollars of fees arrive. A whale with nine tenths of the stake comes two"
            f" seconds long around their arrival and earns {exactly(rows[0]['earned'])} dollars; had the vault paid"
            f" fees out on arrival, it would have been {exactly(instant)}.",
            "What was staked leaves only after 7 days, so the visit cannot be paid with borrowed TALLY of one block.",
        ],
        tables=[_table(rows)],
        drawings=[_drawing(rows)],
    )
    result.checks += [
        near(
            f"whale.{row['visit']}",
            row["expected"],
            row["earned"],
            f"µ earned in {row['seconds']} s: nine tenths of what streamed in them",
        )
        for row in rows
    ]
    result.checks.append(_locked(market, part))
    result.checks.append(invariants_hold("whale", market.model))
    return result


def _visit(options: SimulateOptions, market: Market, visit: _Visit, part: int) -> dict[str, Any]:
    """One visit on a copy of the market."""
    market = deepcopy(market)
    vault, begins = market.model.dividend_vault, market.now
    pulled_before = vault.totals()[0]
    streams = [vault.stream(now=begins)[0]]
    come, go = begins + visit.comes, begins + visit.goes
    if come < begins + PULLED_AT:
        _work_until_pulled(options, market, begins, come, part)
    else:
        market.work_week(even_week(options))
        market.now = come
        stake(market, WHALE, part * TIMES)
    streams.append(vault.stream(now=begins + WEEK)[0])
    vault.unstake(part * TIMES, caller=WHALE, now=go)
    market.now = begins + 3 * WEEK
    return {
        "visit": visit.name,
        "says": visit.says,
        "seconds": visit.seconds,
        "earned": market.dividends_of(WHALE),
        "expected": _expected(streams, visit) * TIMES // (TIMES + 1),
        "stream": streams[1],
        "pulled": vault.totals()[0] - pulled_before,
        "left_to_others": market.dividends_of(LOYAL),
    }


def _work_until_pulled(options: SimulateOptions, market: Market, begins: int, come: int, part: int) -> None:
    """The week's work; the whale stakes before the vault pulls."""
    daily = even_week(options)
    market.open_week(daily)
    for number, day in enumerate(daily):
        market.now = begins + number * DAY + DAY // 2
        market.work_day(day)
    market.now = come
    stake(market, WHALE, part * TIMES)
    market.now = begins + PULLED_AT
    market.pull()


def _expected(streams: list[int], visit: _Visit) -> int:
    """µ that streamed while the whale was there."""
    total = 0
    for week, stream in enumerate(streams):
        start = min(max(visit.comes - week * WEEK, 0), WEEK)
        end = min(max(visit.goes - week * WEEK, 0), WEEK)
        total += oracle.streamed(stream, start, end)
    return total


def _locked(market: Market, part: int) -> Check:
    """What the whale gets who wants its TALLY back at once."""
    market = deepcopy(market)
    vault = market.model.dividend_vault
    stake(market, WHALE, part * TIMES)
    vault.unstake(part * TIMES, caller=WHALE, now=market.now + 2)
    try:
        vault.withdraw(WHALE, caller=WHALE, now=market.now + WEEK + 1)
        found = "withdrawn"
    except Refused as refused:
        found = refused.code
    expected = "DividendVault_StillLocked"
    return Check(
        "whale.exit_delay", found == expected, expected, found, "a withdrawal a second before 7 days are over"
    )


def _table(rows: list[dict[str, Any]]) -> Table:
    head = (
        "staked",
        "seconds",
        "earned $",
        "of the week's stream",
        "its share of time and stake",
        "others $",
    )
    return Table(
        "What a visit earns with nine tenths of the stake",
        head,
        [
            (
                row["says"],
                f"{row['seconds']:,}",
                exactly(row["earned"]),
                percent(row["earned"], row["stream"], 6),
                percent(row["seconds"] * TIMES, WEEK * (TIMES + 1), 6),
                exactly(row["left_to_others"]),
            )
            for row in rows
        ],
        narrow=(0, 1, 2, 3, 4),
    )


def _drawing(rows: list[dict[str, Any]]) -> Drawing:
    return Drawing(
        "What a visit earns",
        (
            Series("by its share of time and stake", [row["expected"] for row in rows], "net"),
            Series("simulated", [row["earned"] for row in rows], "bad", dots=True),
        ),
        "seconds staked",
        [f"{row['seconds']:,}" for row in rows],
        "dollars",
        MICRO,
    )
