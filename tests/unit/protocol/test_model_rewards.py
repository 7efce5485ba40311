"""Rewards on the model: section 9's numbers, days and splits worked by hand, and what no order of calls can change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.protocol.test_model_dividends import earn, refused
from tests.unit.protocol.world import World

from tallystick.protocol.accounting import invariants_rewards
from tallystick.protocol.constants import DAY, MICRO, TALLY, TALLY_CAP
from tallystick.protocol.errors import Refused
from tallystick.protocol.model import ZERO_ADDRESS, Model, ModelParameters

START = 1_000 * DAY + 40_000
"""A day's afternoon."""
MEMBERS, WEIGHTS = ("m", "n"), (700, 300)


@dataclass
class Bench:
    """Two owned accounts and a split, whose final fees come from nowhere; R0, L, D and the vesting as one likes."""

    parameters: ModelParameters = field(default_factory=ModelParameters)
    now: int = START

    def __post_init__(self) -> None:
        self.model = Model(self.parameters)
        escrow = self.model.escrow
        self.rewards, self.token = self.model.rewards, self.model.token
        self.a, self.b = escrow.create_account("a"), escrow.create_account("b")
        self.split = escrow.create_split(MEMBERS, WEIGHTS)

    def earn(self, account: int, fees: int) -> None:
        self.model.escrow.accounts[account - 1].reward_base += fees

    def overturn(self, account: int, fees: int) -> None:
        self.model.escrow.accounts[account - 1].overturned += fees

    def count(self, *accounts: int) -> tuple[int, int]:
        """Check-points them; the invariants of the token hold."""
        done = self.rewards.checkpoint(accounts, now=self.now)
        self.check()
        return done

    def credit(self, account: int, fees: int) -> int:
        """Earns and counts; returns TALLY-wei."""
        self.earn(account, fees)
        return self.count(account)[1]

    def claim(self, account: int) -> int:
        owner = self.model.escrow.owner_of(account)
        amount = self.rewards.claim([account], f"{owner}'s bank", caller=owner, now=self.now)
        self.check()
        return amount

    def claim_share(self, index: int) -> int:
        member = MEMBERS[index]
        amount = self.rewards.claim_share(
            self.split, index, MEMBERS, WEIGHTS, f"{member}'s bank", caller=member, now=self.now
        )
        self.check()
        return amount

    def claimable(self, account: int) -> int:
        return self.rewards.claimable(account, now=self.now)

    def share(self, index: int) -> int:
        return self.rewards.claimable_share(self.split, index, WEIGHTS, now=self.now)

    def lifetime(self, account: int) -> tuple[int, ...]:
        return self.rewards.lifetime_of(account, now=self.now)

    def midnight(self, days: int = 1) -> None:
        """Goes to the so-manyth midnight from here."""
        self.now = (self.now // DAY + days) * DAY

    def check(self) -> None:
        for invariant in invariants_rewards.ALL:
            invariant(self.model)


def small(rate: int = 1_024, halving: int = 1_000, daily: int = 1_000, vesting: int = 10 * DAY) -> Bench:
    return Bench(
        ModelParameters(
            emission_rate=rate, emission_halving=halving, emission_daily_fees=daily, emission_vesting=vesting
        )
    )


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


# What no order of calls changes

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a earns", "b earns", "a", "b", "both", "midnight", "overturn a", "lower"]),
        st.integers(1, 60),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from([(1_024, 50, 20), (7, 13, 13), (10**13, 40, 7)]))
def test_checkpoints__any_order__emit_what_f_says_below_the_cap(
    steps: list[tuple[str, int]], figures: tuple[int, int, int]
) -> None:
    """Only F and the rates that held count: fee after fee, by hand; and each day at most D."""
    rate, halving, daily = figures
    bench = small(rate, halving, daily)
    by_hand = 0
    for step, number in steps:
        counted = bench.rewards.counted
        match step.split():
            case [who, "earns"]:
                bench.earn(bench.a if who == "a" else bench.b, number)
            case ["overturn", _]:
                bench.overturn(bench.a, number)
            case ["midnight"]:
                bench.midnight(1 + number // 30)
            case ["lower"]:
                bench.rewards.lower_rate(bench.rewards.rate - 1, caller="admin")
                rate -= 1
            case ["both"]:
                bench.count(bench.b, bench.a)
            case _:
                bench.count(bench.a if step == "a" else bench.b)
        by_hand += sum(rate >> number // halving for number in range(counted, bench.rewards.counted))
        bench.check()
    assert bench.rewards.credited == by_hand < 2 * figures[0] * halving <= TALLY_CAP
    assert all(fees <= daily for fees in bench.rewards.counted_on.values())


LIVES = st.lists(
    st.tuples(
        st.sampled_from(["a earns", "b earns", "b counts", "midnight", "lower"]),
        st.integers(1, 60),
        st.booleans(),  # a is check-pointed behind it
    ),
    min_size=1,
    max_size=25,
)


def live(events: list[tuple[str, int, bool]], late: set[int], daily: int = 10**6) -> Bench:
    """Both accounts' lives; a's checkpoints behind the events `late` are left out. All is counted at the end."""
    bench = small(rate=64, halving=50, daily=min(daily, 50))
    if daily > 50:
        bench.rewards.daily_fees = daily
    for place, (what, number, counts) in enumerate(events):
        match what:
            case "a earns":
                bench.earn(bench.a, number)
            case "b earns":
                bench.earn(bench.b, number)
            case "b counts":
                bench.count(bench.b)
            case "midnight":
                bench.midnight()
            case "lower":
                bench.rewards.lower_rate(bench.rewards.rate - 1, caller="admin")
        if counts and place not in late:
            bench.count(bench.a)
    bench.midnight()
    bench.count(bench.a)
    return bench


@settings(max_examples=200, deadline=None)
@given(LIVES, st.sets(st.integers(0, 24)))
def test_late_checkpoints__days_that_do_not_fill__never_gain(
    events: list[tuple[str, int, bool]], late: set[int]
) -> None:
    """Whatever b does and governance lowers, a's reward and what has vested of it at any time are at most the same."""
    in_time, delayed = live(events, set()), live(events, late)
    assert delayed.rewards.counted == in_time.rewards.counted
    assert delayed.lifetime(delayed.a)[0] == in_time.lifetime(in_time.a)[0]
    assert delayed.lifetime(delayed.a)[2] <= in_time.lifetime(in_time.a)[2]
    for days in range(12):
        now = in_time.now + days * DAY + 4_321
        assert delayed.rewards.claimable(delayed.a, now=now) <= in_time.rewards.claimable(in_time.a, now=now)


@settings(max_examples=100, deadline=None)
@given(LIVES, st.integers(1, 60), st.integers(1, 50))
def test_late_checkpoints__on_full_days__fees_that_wait_never_bring_more_later(
    events: list[tuple[str, int, bool]], waiting: int, daily: int
) -> None:
    """What waiting fees would bring now, in one, bounds what they ever bring, whatever happens meanwhile."""
    bench = small(rate=64, halving=50, daily=daily)
    bench.earn(bench.a, waiting)
    now_or_never = bench.rewards.emission(64, 0, waiting)
    for what, number, counts in events:
        match what:
            case "b earns":
                bench.earn(bench.b, number)
            case "midnight":
                bench.midnight()
            case "lower":
                bench.rewards.lower_rate(bench.rewards.rate - 1, caller="admin")
            case _:
                bench.count(bench.b)
        if counts:
            bench.count(bench.a)
    for _ in range(waiting):  # at least 1 µ a day
        bench.midnight()
        bench.count(bench.a)
    assert bench.lifetime(bench.a)[0] == waiting
    assert bench.lifetime(bench.a)[2] <= now_or_never


def test_late_checkpoint__that_fills_another_day__gains_a_day_which_anybody_prevents() -> None:
    """The limit of "late never gains": whoever counts late on a day that fills up pushes others behind itself.

    L = 20, D = 10. In time, a's 10 of the first day and 10 of the third are numbers 0 to 9 and 20 to 29, at 8
    and at 4. If nobody counts a's until the second day, b finds that day full, and a's next are numbers 10 to
    19, at 8. Nothing more is emitted for that, and a checkpoint by anybody on the first day prevents it.
    """

    def run(*, on_first_day: bool) -> tuple[int, int]:
        bench = small(rate=8, halving=20, daily=10)
        bench.earn(bench.a, 10)
        if on_first_day:
            bench.count(bench.a)
        bench.midnight()
        bench.count(bench.a)
        bench.credit(bench.b, 10)
        bench.midnight()
        bench.credit(bench.a, 10)
        bench.midnight()
        bench.count(bench.b)
        return bench.lifetime(bench.a)[2], bench.lifetime(bench.b)[2]

    assert run(on_first_day=True) == (80 + 40, 80)
    assert run(on_first_day=False) == (80 + 80, 40)


def test_unfit_token__of_another_minter__refused() -> None:
    bench = small()
    bench.token.minter = "somebody"
    with pytest.raises(Refused) as caught:
        bench.rewards.__post_init__()
    assert caught.value.code == "SupplierRewards_UnfitToken"
