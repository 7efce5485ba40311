"""Rewards on the model: section 9's numbers, days and claims worked by hand, and who is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.protocol.rewards_bench import MEMBERS, START, WEIGHTS, Bench, small
from tests.unit.protocol.test_model_dividends import earn, refused
from tests.unit.protocol.world import World

from tallystick.protocol.accounting.tokens import Tally
from tallystick.protocol.constants import DAY, MICRO, TALLY, TALLY_CAP
from tallystick.protocol.model import ZERO_ADDRESS, Model, ModelParameters

# Emission


def test_emission__worked_numbers_of_the_protocol__to_the_wei() -> None:
    """Section 9: 7 000 000 µ from nothing bring 70e18; 3 000 000 µ from 5e12 - 1 000 000 on 10e18 + 10e18."""
    bench = Bench(ModelParameters(emission_daily_fees=5 * 10**12))
    assert bench.credit(bench.a, 7_000_000) == 70 * TALLY
    bench.midnight()
    assert bench.credit(bench.b, 5 * 10**12 - 8_000_000) == (5 * 10**12 - 8_000_000) * 10**13
    assert bench.rewards.schedule(now=bench.now)[:3] == (10**13, 10**13, 5 * 10**12 - 1_000_000)
    bench.midnight()
    assert bench.credit(bench.a, 3_000_000) == 20 * TALLY
    assert bench.rewards.schedule(now=bench.now)[0] == 5 * 10**12
    assert bench.rewards.emission(10**13, 0, 7_000_000) == 70 * TALLY
    assert bench.rewards.emission(10**13, 5 * 10**12 - 1_000_000, 3_000_000) == 20 * TALLY


def test_emission__task_of_the_protocol__fifty_tally(world: World) -> None:
    """A task of 100 000 000 µ at 500 bps brings 5 000 000 µ of fees, so 50e18; nobody but the rewards mints."""
    rewards = world.model.rewards
    earn(world, 5 * MICRO)
    assert rewards.checkpoint([world.customer, world.payee], now=world.now) == (5_000_000, 50 * TALLY)
    assert rewards.lifetime_of(world.payee, now=world.now) == (5_000_000, 0, 50 * TALLY, 0, 0)
    assert world.model.token.supply == 0
    world.now = (world.now // DAY + 91) * DAY
    assert rewards.claim([world.payee], "bank", caller="provider", now=world.now) == 50 * TALLY
    assert (world.model.token.balance_of("bank"), world.model.token.supply) == (50 * TALLY, 50 * TALLY)
    world.model.check_invariants()


def test_emission__every_tranche__a_little_below_twice_the_first() -> None:
    """11 tranches of 10 µ at 1 024, 512, ..., 1: 10 x 2 047, of a bound of 20 x 1 024; later fees count for nothing."""
    bench = small(halving=10, daily=10)
    total = 0
    for tranche in range(12):
        total += bench.credit(bench.a, 10)
        assert total == 10 * (2_048 - 2 ** (10 - tranche) if tranche < 11 else 2_047)
        bench.midnight()
    assert total == bench.rewards.credited == 20_470 < 2 * 1_024 * 10
    assert bench.rewards.schedule(now=bench.now) == (0, 1_024, 120, 10)


@given(st.integers(0, 40), st.integers(1, 7), st.integers(0, 60), st.integers(0, 60))
def test_emission__any_stretch__is_the_sum_of_every_single_fee(
    rate: int, halving: int, start: int, fees: int
) -> None:
    bench = small(halving=halving, daily=1)
    singly = 0
    for number in range(start, start + fees):
        earned = rate
        for _ in range(number // halving):
            earned //= 2
        singly += earned
    assert bench.rewards.emission(rate, start, fees) == singly


def test_lower_rate__fees_counted_from_now_on__never_higher_again() -> None:
    bench = small()
    assert bench.credit(bench.a, 10) == 10_240
    bench.earn(bench.a, 10)  # earned before, counted after
    bench.rewards.lower_rate(100, caller="admin")
    assert bench.count(bench.a) == (10, 1_000)
    for rate in (100, 101):
        with refused("SupplierRewards_RateNotLower"):
            bench.rewards.lower_rate(rate, caller="admin")
    with refused("AccessManagedUnauthorized"):
        bench.rewards.lower_rate(99, caller="a")
    bench.rewards.lower_rate(0, caller="admin")
    assert bench.credit(bench.a, 10) == 0
    assert bench.lifetime(bench.a)[:3] == (30, 0, 11_240)
    with refused("SupplierRewards_RateNotLower"):
        bench.rewards.lower_rate(0, caller="admin")


def test_daily_cap__all_accounts_together__first_come_first_counted_and_the_rest_waits() -> None:
    bench = small(daily=100)
    bench.earn(bench.a, 70)
    bench.earn(bench.b, 180)
    assert bench.count(bench.a, bench.b) == (100, 100 * 1_024)
    assert bench.lifetime(bench.a)[:2] == (70, 0)
    assert bench.lifetime(bench.b)[:2] == (30, 150)
    assert bench.rewards.schedule(now=bench.now)[3] == 0
    assert bench.count(bench.b) == (0, 0)
    bench.midnight()
    assert bench.rewards.schedule(now=bench.now)[3] == 100
    assert bench.count(bench.b, bench.a) == (100, 100 * 1_024)
    bench.midnight()
    assert bench.count(bench.b) == (50, 50 * 1_024)
    assert bench.lifetime(bench.b)[:3] == (180, 0, 180 * 1_024)


def test_checkpoint__nothing_new_or_unknown_account__changes_nothing() -> None:
    bench = small()
    bench.credit(bench.a, 10)
    assert bench.count(bench.a, bench.a, 77, 0) == (0, 0)
    assert bench.lifetime(77) == (0, 0, 0, 0, 0)
    assert bench.claimable(77) == 0


# Vesting


def test_vesting__ninety_days_from_the_next_midnight__second_by_second() -> None:
    """70e18 over 7 776 000 s: 9 002 057 613 168 a second, rounded down."""
    bench = Bench()
    bench.credit(bench.a, 7_000_000)
    bench.midnight()
    times = (0, 1, 3_888_000, 7_775_999, 7_776_000, 10**9)
    seen = [bench.rewards.claimable(bench.a, now=bench.now + seconds) for seconds in times]
    assert seen == [0, 9_002_057_613_168, 35 * TALLY, 69_999_990_997_942_386_831, 70 * TALLY, 70 * TALLY]


def test_vesting__same_day__all_of_it_begins_at_one_midnight() -> None:
    bench = small()
    bench.now = 1_000 * DAY
    bench.credit(bench.a, 5)
    bench.now = 1_001 * DAY - 1
    bench.credit(bench.a, 5)
    bench.midnight()
    assert bench.rewards.claimable(bench.a, now=bench.now + DAY) == 1_024
    assert bench.rewards.claimable(bench.a, now=bench.now + 10 * DAY) == 10_240


def test_vesting__several_days__rounded_down_once_over_all_that_grows() -> None:
    """3 and 3 over 7 days: after two days and one, (6 + 3) / 7 is 1; apart they would be 0 and 0."""
    bench = small(rate=1, vesting=7 * DAY)
    bench.credit(bench.a, 3)
    bench.midnight()
    bench.credit(bench.a, 3)
    bench.midnight()
    assert bench.rewards.claimable(bench.a, now=bench.now + DAY) == 1
    # After 7 days the first is over, whole; the second at six sevenths: 3 + 18 / 7 = 3 + 2.
    assert bench.rewards.claimable(bench.a, now=bench.now + 6 * DAY) == 5
    assert bench.rewards.claimable(bench.a, now=bench.now + 7 * DAY) == 6


def test_claim__every_few_hours__comes_to_the_same_as_once() -> None:
    often, once = small(rate=7), small(rate=7)
    for bench in (often, once):
        for fees in (3, 11, 1):
            bench.credit(bench.a, fees)
            bench.midnight()
    claimed = 0
    for _ in range(80):
        often.now += 12_345
        if often.claimable(often.a):
            claimed += often.claim(often.a)
    once.now = often.now
    assert claimed == once.claim(once.a) == 105  # 15 µ at 7, all of it after 11 days
    with refused("SupplierRewards_NothingToClaim"):
        often.claim(often.a)


def test_claim__several_accounts__minted_in_one_and_again_only_what_vested_since() -> None:
    bench = small()
    other = bench.model.escrow.create_account("a")
    bench.credit(bench.a, 10)
    bench.credit(other, 20)
    bench.midnight()
    bench.now += 5 * DAY
    accounts = [bench.a, other, bench.a]
    assert bench.rewards.claim(accounts, "bank", caller="a", now=bench.now) == 30 * 512
    bench.now += DAY
    assert bench.claim(other) == 2_048
    assert bench.rewards.totals() == (30 * 1_024, 0, 30 * 512 + 2_048)
    assert bench.token.balance_of("bank") == 30 * 512


def test_claim__fees_that_wait__are_counted_first() -> None:
    bench = small()
    bench.credit(bench.a, 10)
    bench.midnight(11)
    bench.earn(bench.a, 5)
    assert bench.claim(bench.a) == 10_240
    assert bench.lifetime(bench.a) == (15, 0, 15_360, 10_240, 10_240)


def test_claim_and_stake__for_somebody__earns_dividends_at_once() -> None:
    bench = Bench()
    bench.credit(bench.a, 7_000_000)
    bench.midnight(91)
    with refused("DividendVault_ZeroAddress"):
        bench.rewards.claim_and_stake([bench.a], ZERO_ADDRESS, caller="a", now=bench.now)
    assert bench.rewards.claim_and_stake([bench.a], "heir", caller="a", now=bench.now) == 70 * TALLY
    assert bench.model.dividend_vault.staked_of("heir") == 70 * TALLY
    assert bench.token.balance_of("DividendVault") == bench.token.supply == 70 * TALLY
    bench.check()


def test_claim_and_stake__less_than_one_tally__refused_and_still_owed() -> None:
    bench = Bench()
    bench.credit(bench.a, 99_999)
    bench.midnight(91)
    with refused("DividendVault_BelowMinimum"):
        bench.rewards.claim_and_stake([bench.a], "a", caller="a", now=bench.now)
    assert bench.claim(bench.a) == 99_999 * 10**13


# Refusals


def test_calls__that_must_not_be__refused_by_name_and_nothing_changed() -> None:
    bench = small()
    r, now = bench.rewards, START + 20 * DAY
    bench.credit(bench.a, 10)
    bench.credit(bench.split, 10)
    bench.earn(bench.a, 5)
    of_split = (bench.split, 0, MEMBERS, WEIGHTS)
    calls: dict[str, list[Callable[[], object]]] = {
        "SupplierRewards_ZeroAddress": [
            lambda: r.claim([bench.a], ZERO_ADDRESS, caller="a", now=now),
            lambda: r.claim_share(*of_split, ZERO_ADDRESS, caller="m", now=now),
        ],
        "SupplierRewards_NotOwner": [
            lambda: r.claim([bench.a], "x", caller="b", now=now),
            lambda: r.claim([bench.a, bench.b], "x", caller="a", now=now),
            lambda: r.claim([bench.split], "x", caller="m", now=now),
            lambda: r.claim([99], "x", caller="a", now=now),
            lambda: r.claim_and_stake([bench.a], "x", caller="b", now=now),
        ],
        "SupplierRewards_NotMember": [
            lambda: r.claim_share(*of_split, "x", caller="n", now=now),
            lambda: r.claim_share(bench.split, 2, MEMBERS, WEIGHTS, "x", caller="m", now=now),
        ],
        "SupplierRewards_WrongSplit": [
            lambda: r.claim_share(bench.split, 0, MEMBERS, (700, 301), "x", caller="m", now=now),
            lambda: r.claim_share(bench.a, 0, MEMBERS, WEIGHTS, "x", caller="m", now=now),
        ],
        "SupplierRewards_NothingToClaim": [
            lambda: r.claim([], "x", caller="a", now=now),
            lambda: r.claim([bench.b], "x", caller="b", now=now),
            lambda: r.claim([bench.a], "x", caller="a", now=START),
            lambda: r.claim_share(*of_split, "x", caller="m", now=START),
        ],
        "SupplierRewards_TooManyItems": [
            lambda: r.checkpoint([bench.a] * 201, now=now),
            lambda: r.claim([bench.a] * 201, "x", caller="a", now=now),
        ],
    }
    before = repr(r)
    for code, attempts in calls.items():
        for attempt in attempts:
            with refused(code):
                attempt()
            assert repr(r) == before
    assert r.checkpoint([bench.a] * 200, now=now) == (5, 5 * 1_024)


def test_claim__test_token_dripped_to_the_cap__refused_whole() -> None:
    """Only on test networks, where anybody may use up the cap."""
    bench = small()
    bench.credit(bench.a, 10)
    bench.credit(bench.split, 10)
    bench.midnight(11)
    bench.token.drip("whale", TALLY_CAP - 10_239)
    before = repr(bench.rewards)
    with refused("TallyToken_CapExceeded"):
        bench.claim(bench.a)
    with refused("TallyToken_CapExceeded"):
        bench.rewards.claim_and_stake([bench.a], "a", caller="a", now=bench.now)
    assert repr(bench.rewards) == before
    assert bench.claim_share(0) == 7_168


@pytest.mark.parametrize(
    "figures",
    [
        {"emission_rate": 0},
        {"emission_halving": 0},
        {"emission_daily_fees": 0},
        {"emission_vesting": 0},
        {"emission_daily_fees": 5 * 10**12 + 1},
        {"emission_vesting": 3_650 * DAY + 1},
        {"emission_rate": 10**13 + 1},
    ],
)
def test_schedule__that_does_not_fit__refused(figures: dict[str, int]) -> None:
    with refused("SupplierRewards_UnfitSchedule"):
        Model(ModelParameters(**figures))  # type: ignore[arg-type]


def test_unfit_token__of_another_minter_or_not_the_vault_s__refused() -> None:
    rewards = small().rewards
    for parts in (
        {"address": "somebody"},
        {"dividend_vault": replace(rewards.dividend_vault, token=Tally(rewards.address))},
    ):
        with refused("SupplierRewards_UnfitToken"):
            replace(rewards, **parts)  # type: ignore[arg-type]
