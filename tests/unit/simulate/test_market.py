"""The market only calls the model: what it moves is worked out by hand."""

import random

import pytest

from tallystick.protocol.constants import DAY, MICRO, TALLY, WEEK
from tallystick.protocol.errors import Refused
from tallystick.simulate.course import PROBE, Course, Flight, daily_fees, play
from tallystick.simulate.market import START, Market, cut
from tallystick.simulate.options import SimulateOptions
from tallystick.simulate.stage import POOL, even_week, ran_for


def test_cut__what_does_not_divide__is_not_lost():
    assert cut(10, [1, 1, 1]) == [3, 3, 4]
    assert cut(7, [3, 1]) == [5, 2]


def test_daily_fees__whatever_is_drawn__add_up_and_favour_the_first():
    week = daily_fees(1_000_003, 3, random.Random(7))
    assert sum(map(sum, week)) == 1_000_003
    first, _, last = (sum(day[place] for day in week) for place in range(3))
    assert first > 2 * last


def test_week__of_seven_dollars_of_fees__pays_19_times_that_and_70_tally_that_vest_from_midnight():
    """A dollar of fees each noon: 10 TALLY each, vesting from the next midnight over 90 days."""
    market = Market(1)
    (supplier,) = market.suppliers
    market.work_week([[MICRO]] * 7)
    assert market.now == START + WEEK
    assert market.stable_of(supplier) == 7 * 19 * MICRO
    assert market.model.rewards.totals() == (70 * TALLY, 0, 0)
    # After the seventh midnight the first day's is 6 days old, the seventh's not a second: 10 x (6 + … + 0) / 90.
    vested = 10 * TALLY * 21 * DAY // (90 * DAY)
    assert market.claim_rewards(supplier) == vested
    assert market.claim_rewards(supplier) == 0
    assert market.model.token.balance_of("supplier 1") == vested
    assert market.model.dividend_vault.stream(now=market.now) == (4_900_000, 0)
    assert market.waiting(market.accounts) == 0


def test_deliver__beyond_the_budget__is_refused():
    market = Market(1)
    market.open(market.suppliers[0], 100, WEEK)
    market.now += 1
    market.deliver(market.suppliers[0], 60)
    with pytest.raises(Refused):
        market.deliver(market.suppliers[0], 41)


def test_ran_for__some_weeks__has_all_tally_in_one_hand_and_nobody_staked():
    market = ran_for(SimulateOptions(fees=1_000 * MICRO, suppliers=2), 2)
    held = market.model.token.balance_of(POOL)
    assert held == market.model.token.supply > 0
    assert market.model.dividend_vault.total_staked() == 0
    assert sum(map(sum, even_week(SimulateOptions(fees=1_000 * MICRO)))) == 5_000 * MICRO


def test_play__flight_of_all_stakers__carries_what_streams_meanwhile():
    """70 dollars of dividends stream in week 4 and nobody is there; they and 70 more in week 5, in vain again; 210 in
    week 6, when all are back. One staked TALLY earns nothing in between, and its part of the 210 then."""
    course = Course(8, 1, 0, lambda _: 100 * MICRO, lambda _: 1, Flight(4, 6))
    weeks = play(course).weeks
    assert [week.carried for week in weeks[4:7]] == [70 * MICRO, 140 * MICRO, 0]
    assert [week.staked == 0 for week in weeks] == [True, False, False, False, True, True, False, False]
    assert weeks[4].per_tally == weeks[5].per_tally == 0
    assert abs(weeks[6].per_tally - 210 * MICRO * TALLY // weeks[6].staked) <= 1


def test_play__one_staked_tally__earns_its_part_of_a_week():
    """While only the probe and others hold stakes, a TALLY earns the week's stream over all that is staked."""
    played = play(Course(8, 1, 0, lambda _: 100 * MICRO, lambda _: 1))
    last = played.weeks[-1]
    vault = played.market.model.dividend_vault
    assert vault.staked_of(PROBE) == TALLY
    assert abs(last.per_tally - 70 * MICRO * TALLY // last.staked) <= 1
