"""What rulings take from rewards on the model, and what members of a split get, worked by hand."""

from __future__ import annotations

from tests.unit.protocol.rewards_bench import small
from tests.unit.protocol.test_model_dividends import refused

from tallystick.protocol.constants import DAY

# Forfeiture


def test_forfeit__newest_fees_first__whole_whether_vested_or_not() -> None:
    """Days of 10, 20 and 30 µ; 40 overturned take the third day and half of the second."""
    bench = small()
    for fees in (10, 20, 30):
        bench.credit(bench.a, fees)
        bench.midnight()
    bench.now += 4 * DAY  # ages: 6, 5 and 4 days of 10
    assert bench.claimable(bench.a) == 10 * 1_024 * 6 // 10 + 20 * 512 + 30 * 1_024 * 4 // 10
    bench.overturn(bench.a, 40)
    left = (20, 0, 20 * 1_024, (10 * 1_024 * 6 + 10 * 1_024 * 5) // 10, 0)
    assert bench.lifetime(bench.a) == left  # before anybody check-points
    assert bench.count(bench.a) == (0, 0)
    assert bench.lifetime(bench.a) == left
    assert bench.rewards.totals() == (60 * 1_024, 40 * 1_024, 0)
    assert bench.rewards.schedule(now=bench.now)[2] == 60  # F keeps them


def test_forfeit__across_a_halving_within_a_day__in_proportion_rounded_down() -> None:
    """9 µ at 7 and 4 at 3 on one day, 75 in all; 6 of 13 µ keep floor(75 x 6 / 13) = 34."""
    bench = small(rate=7, halving=13, daily=13)
    assert bench.credit(bench.b, 4) == 28
    bench.midnight()
    assert bench.credit(bench.a, 13) == 9 * 7 + 4 * 3
    bench.overturn(bench.a, 7)
    assert bench.count(bench.a) == (0, 0)
    assert bench.lifetime(bench.a)[:3] == (6, 0, 34)
    assert bench.rewards.totals() == (103, 41, 0)


def test_forfeit__of_what_was_paid__is_set_off_against_later_rewards() -> None:
    bench = small()
    bench.credit(bench.a, 10)
    bench.midnight(11)
    assert bench.claim(bench.a) == 10_240
    bench.overturn(bench.a, 10)
    bench.count(bench.a)
    assert bench.lifetime(bench.a) == (0, 0, 0, 0, 10_240)
    assert bench.credit(bench.a, 14) == 14_336
    bench.midnight()
    bench.now += 7 * DAY
    assert bench.claimable(bench.a) == 0  # 10 035 of it have vested
    with refused("SupplierRewards_NothingToClaim"):
        bench.claim(bench.a)
    bench.now += 3 * DAY
    assert bench.claim(bench.a) == 4 * 1_024
    assert bench.rewards.totals() == (24 * 1_024, 10_240, 14_336)


def test_forfeit__before_anything_counted__mints_nothing_ever() -> None:
    """B14: work that is overturned inside its window never reached the reward base, or leaves it uncounted."""
    bench = small()
    bench.earn(bench.a, 10)
    bench.overturn(bench.a, 10)
    assert bench.count(bench.a) == (0, 0)
    assert bench.rewards.schedule(now=bench.now)[2] == 0
    bench.earn(bench.a, 3)
    assert bench.count(bench.a) == (3, 3 * 1_024)


def test_forfeit__more_than_the_account_ever_earned__stops_at_nothing() -> None:
    bench = small()
    bench.credit(bench.a, 10)
    bench.overturn(bench.a, 25)
    assert bench.count(bench.a) == (0, 0)
    bench.earn(bench.a, 14)
    assert bench.lifetime(bench.a)[:2] == (0, 0)
    assert bench.credit(bench.a, 2) == 1_024


def test_forfeit__and_new_fees_on_the_same_day__count_from_the_next_number() -> None:
    bench = small(halving=20, daily=20)
    bench.credit(bench.a, 10)
    bench.overturn(bench.a, 4)
    bench.count(bench.a)
    assert bench.credit(bench.a, 10) == 10_240  # numbers 10 to 19
    assert bench.lifetime(bench.a)[:3] == (16, 0, 16 * 1_024)
    bench.midnight()
    assert bench.credit(bench.a, 1) == 512


# Splits


def test_share__by_the_weights__each_member_for_itself() -> None:
    """Rewards of 500 500 in all, 700:300: 350 350 and 150 150."""
    bench = small(rate=1_001)
    assert bench.credit(bench.split, 500) == 500_500
    bench.midnight(11)
    assert (bench.share(0), bench.share(1), bench.share(2)) == (350_350, 150_150, 0)
    assert bench.claimable(bench.split) == 500_500
    assert bench.claim_share(1) == 150_150
    assert bench.claimable(bench.split) == 350_350
    with refused("SupplierRewards_NothingToClaim"):
        bench.claim_share(1)
    assert bench.claim_share(0) == 350_350
    assert [bench.rewards.share_claimed(bench.split, index) for index in (0, 1)] == [350_350, 150_150]
    assert bench.token.balance_of("m's bank") == 350_350


def test_share__after_a_forfeiture__only_who_was_overpaid_is_set_off() -> None:
    """1 000 vested, m took its 700; 500 are forfeited: n still gets 150, and m nothing until 700 are its due."""
    bench = small(rate=10)
    bench.credit(bench.split, 100)
    bench.midnight(11)
    assert bench.claim_share(0) == 700
    bench.overturn(bench.split, 50)
    assert (bench.share(0), bench.share(1)) == (0, 150)
    assert bench.claim_share(1) == 150
    assert bench.claimable(bench.split) == 0
    assert bench.credit(bench.split, 60) == 600
    bench.midnight(11)
    assert (bench.share(0), bench.share(1)) == (70, 180)
    assert bench.claim_share(0) == 70


def test_share__weights_that_are_none__nothing() -> None:
    bench = small()
    bench.credit(bench.split, 10)
    bench.midnight(11)
    for index, weights in ((0, ()), (0, (0, 0)), (2, (1, 1))):
        assert bench.rewards.claimable_share(bench.split, index, weights, now=bench.now) == 0
