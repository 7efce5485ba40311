"""The sweeper: has the vault pull 1 µ of fees in every block of a week. Nobody is starved, no stream restarts."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from tallystick.protocol.constants import DAY, MICRO, WEEK
from tallystick.protocol.model import Address
from tallystick.simulate.market import GROSS_PER_FEE, Market
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.result import Check, Drawing, Result, Series, Table, equal, invariants_hold, near
from tallystick.simulate.say import exactly, percent
from tallystick.simulate.stage import POOL, even_week, ran_for, stake

__all__ = ["sweeper"]

STAKERS: Final[tuple[tuple[Address, int], ...]] = (("three quarters", 3), ("one quarter", 1))
SWEEPER: Address = "sweeper"
WARM_UP: Final = 4


@dataclass(frozen=True, slots=True)
class _Twin:
    """What the stakers were owed at the end of each day of the swept week, and of the two weeks after it (µ)."""

    by_day: list[list[int]]
    streams: set[int]
    pulls: int
    in_the_end: list[int]
    received: int


def sweeper(options: SimulateOptions) -> Result:
    """A week's stream under a pull in every block, beside a twin that is left alone."""
    market = ran_for(options, WARM_UP)
    part = market.model.token.balance_of(POOL) // sum(share for _, share in STAKERS)
    for staker, share in STAKERS:
        stake(market, staker, part * share)
    market.work_week(even_week(options))
    for staker, _ in STAKERS:
        market.model.dividend_vault.claim(staker, caller=staker, now=market.now)
    stream = market.model.dividend_vault.stream(now=market.now)[0]
    blocks = (WEEK - 1) // options.block
    week = even_week(options)
    swept = _play(deepcopy(market), week, options.block, blocks)
    calm = _play(market, week, WEEK - 1, 1, fees=blocks)
    restarted = _restarted(stream, options.block)
    result = Result(
        "sweeper",
        "Sweeper: 1 µ of fees is pulled in every block of a week",
        {
            "pulls": swept.pulls,
            "stream": stream,
            "by_day": swept.by_day,
            "by_day_of_the_twin": calm.by_day,
            "in_the_end": swept.in_the_end,
            "in_the_end_of_the_twin": calm.in_the_end,
            "a_restarting_stream_would_have_paid": restarted[-1],
        },
        story=[
            f"In a week that streams {exactly(stream)} dollars somebody pays 1 µ of fees every {options.block}"
            f" seconds and has the vault pull at once: {swept.pulls:,} pulls.",
            "Stakers earn in every day what they earn in a twin where nobody sweeps. What is pulled waits for the next"
            " week; the stream that runs is not touched.",
            "A vault that spread what is left over a fresh week at every pull would have paid"
            f" {exactly(restarted[-1])} dollars by the week's end ({percent(restarted[-1], stream)} of it), and the"
            " rest never to the end.",
        ],
        tables=[_table(swept, calm, restarted)],
        drawings=[_drawing(swept, calm, restarted)],
    )
    result.checks += _checks(swept, calm, stream, blocks)
    result.checks.append(invariants_hold("sweeper", market.model))
    return result


def _play(market: Market, week: list[list[int]], block: int, blocks: int, fees: int = 0) -> _Twin:
    """The week, with its work and `blocks` pulls that each find 1 µ (or one that finds all `fees`); two idle weeks."""
    vault, begins = market.model.dividend_vault, market.now
    payer = market.join(SWEEPER)
    market.open(payer, max(blocks, fees) * GROSS_PER_FEE, WEEK)
    market.open_week(week)
    names = [staker for staker, _ in STAKERS]
    by_day: list[list[int]] = []
    streams = set[int]()
    pulled = 0
    for half_day in range(1, 15):
        ends = begins + half_day * DAY // 2
        while pulled < blocks and begins + (pulled + 1) * block <= ends:
            pulled += 1
            market.now = begins + pulled * block
            market.deliver(payer, (fees or 1) * GROSS_PER_FEE)
            vault.pull_fees(now=market.now)
            streams.add(vault.stream(now=market.now)[0])
        if half_day == 14:  # what was earned after the last block that pulled
            market.now = ends - 1
            vault.pull_fees(now=market.now)
        market.now = ends
        day, is_noon = divmod(half_day, 2)
        if is_noon:
            market.work_day(week[day])
        else:
            by_day.append([market.dividends_of(name) for name in names])
    market.now = begins + 3 * WEEK
    in_the_end = [market.dividends_of(name) for name in names]
    return _Twin(by_day, streams, pulled, in_the_end, vault.totals()[0])


def _restarted(stream: int, block: int) -> list[int]:
    """µ paid by the end of each day by a vault that spreads what is left over a whole week at every pull."""
    left, at, paid = stream, 0, []
    for day in range(1, 8):
        while at + block <= day * DAY:
            left -= left * block // WEEK
            at += block
        paid.append(stream - left)
    return paid


def _checks(swept: _Twin, calm: _Twin, stream: int, blocks: int) -> list[Check]:
    same = sum(ours == theirs for ours, theirs in zip(swept.by_day, calm.by_day, strict=True))
    whole = sum(share for _, share in STAKERS)
    checks = [
        equal("sweeper.pulls", blocks, swept.pulls, "pulls in the week"),
        equal(
            "sweeper.every_day",
            7,
            same,
            "days after which every staker is owed what it is in the twin, to the µ",
        ),
        Check(
            "sweeper.stream",
            swept.streams == {stream},
            stream,
            ", ".join(map(str, sorted(swept.streams))),
            "µ that stream over the week, as seen after each pull",
        ),
        equal("sweeper.received", calm.received, swept.received, "µ of fees that the vault received in both"),
    ]
    for place, (staker, share) in enumerate(STAKERS):
        checks.append(
            near(
                f"sweeper.week_of_{staker.replace(' ', '_')}",
                stream * share // whole,
                swept.by_day[-1][place],
                f"µ that {staker} of the stake earned in the week",
            )
        )
        checks.append(
            near(
                f"sweeper.end_of_{staker.replace(' ', '_')}",
                calm.in_the_end[place],
                swept.in_the_end[place],
                f"µ that {staker} of the stake earned when all had streamed, in the twin and here",
            )
        )
    return checks


def _table(swept: _Twin, calm: _Twin, restarted: list[int]) -> Table:
    rows = [
        (str(day), *(exactly(sum(owed)) for owed in (ours, theirs)), exactly(again))
        for day, (ours, theirs, again) in enumerate(
            zip(swept.by_day, calm.by_day, restarted, strict=True), start=1
        )
    ]
    return Table(
        "Paid to all stakers by the end of the day",
        ("day", "swept every block $", "left alone $", "a stream that restarts would have paid $"),
        rows,
    )


def _drawing(swept: _Twin, calm: _Twin, restarted: list[int]) -> Drawing:
    def sums(twin: _Twin) -> list[int]:
        return [0, *(sum(owed) for owed in twin.by_day)]

    series: list[Any] = [
        Series("left alone", sums(calm), "net"),
        Series("swept in every block", sums(swept), "good", dots=True),
        Series("if pulls restarted the stream", [0, *restarted], "bad"),
    ]
    return Drawing(
        "Paid to stakers in the week", series, "day", [str(day) for day in range(8)], "dollars", MICRO
    )
