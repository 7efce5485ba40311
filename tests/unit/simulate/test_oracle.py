"""The formulas of docs/economics.md by numbers worked out by hand."""

from fractions import Fraction

import pytest

from tallystick.protocol.constants import EMISSION_HALVING, EMISSION_RATE, MICRO, TALLY
from tallystick.simulate import oracle
from tallystick.simulate.say import dollars, exactly, millis, percent, tally


@pytest.mark.parametrize(
    ("start", "fees", "expected"),
    [
        (0, 7_000_000, 70 * TALLY),  # PROTOCOL section 9
        (5 * 10**12 - 1_000_000, 3_000_000, 20 * TALLY),  # 1 x 10 + 2 x 5
        (0, 15 * 10**12, 87_500_000 * TALLY),  # 50 + 25 + 12.5 million
        (10**12, 0, 0),
        (5 * 10**12 * 44, 10**12, 0),  # 10e12 is below 2^44: nothing is left to earn
    ],
)
def test_emission__worked_numbers__of_the_protocol(start, fees, expected):
    assert oracle.emission(EMISSION_RATE, EMISSION_HALVING, start, fees) == expected


def test_dividends__of_five_dollars__are_three_and_a_half():
    assert oracle.dividends_of(5 * MICRO) == 3_500_000
    assert oracle.dividends_of(9) == 9 - 1 - 0  # floor(1.8) to insurance, floor(0.9) to the treasury


@pytest.mark.parametrize(
    ("share", "recovered", "expected"),
    [
        (Fraction(0), Fraction(0), 1_000_000),
        (Fraction(3, 10), Fraction(0), 790_000),
        (Fraction(1), Fraction(0), 300_000),
        (Fraction(1), Fraction(2, 10), 100_000),  # insurance at factor 1
        (Fraction(4, 7), Fraction(6, 10), 0),  # at factor 3: docs/insurance.md, section 5
    ],
)
def test_net_cost__of_a_dollar__is_one_less_seven_tenths_of_the_share(share, recovered, expected):
    assert oracle.net_cost(MICRO, share, recovered) == expected


def test_break_even__at_the_first_rate__is_ten_cents_without_stake_and_three_with_all():
    reward = 10 * TALLY  # of a dollar
    assert oracle.break_even(MICRO, Fraction(0), reward) == 100_000
    assert oracle.break_even(MICRO, Fraction(1), reward) == 30_000
    assert oracle.break_even(MICRO, Fraction(1, 2), reward // 2) == 130_000  # one halving doubles it


def test_streamed__of_a_micro_a_second__is_the_seconds():
    assert oracle.streamed(604_800, 100, 102) == 2
    assert oracle.streamed(3, 0, 302_400) == 1  # floor(1.5)


def test_say__amounts__are_cut_off_and_never_rounded_up():
    assert dollars(1_999_999_999) == "1,999"
    assert dollars(-999_999) == "0"
    assert dollars(-1_500_000, 1) == "-1.5"
    assert exactly(1_500_001) == "1.500001"
    assert exactly(700_000 * MICRO) == "700,000"
    assert tally(2 * TALLY - 1) == "1"
    assert millis(312_500_000_000) == "0.3125"
    assert percent(2, 604_800, 6) == "0.000330 %"
    assert percent(1, 0) == "0.00 %"
