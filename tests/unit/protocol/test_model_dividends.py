"""Fees and dividends on the model: worked numbers, and an oracle that pays every second in fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.protocol.world import START, World

from tallystick.protocol.accounting.dividends import Stream
from tallystick.protocol.accounting.fees import Credits
from tallystick.protocol.constants import ACCUMULATOR_SCALE, EXIT_DELAY, MICRO, TALLY, TALLY_CAP, WEEK
from tallystick.protocol.errors import Refused


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


WEEK_0 = (START // WEEK + 1) * WEEK
"""A week begins here."""


def earn(world: World, fees: int) -> None:
    """Settles work that brings `fees` µ (5 % of the gross), without waiting for the window."""
    gross, ledger = fees * 20, world.model.ledger
    world.model.currency.mint("customer", gross)
    world.model.escrow.deposit(world.customer, gross, caller="customer")
    agreement = world.open(unit_price=1_000_000, budget=gross, max_budget=gross)
    batch, data = world.post([(agreement, gross)], value=gross)
    ledger._settle(batch, ledger.batches[batch], data, range(len(data) // 18))


def stake(world: World, **amounts: int) -> None:
    for wallet, amount in amounts.items():
        world.model.token.drip(wallet, amount * TALLY)
        world.model.dividend_vault.stake(amount * TALLY, caller=wallet, now=world.now)


def test_dividends__worked_numbers_of_the_protocol__to_the_micro(world: World) -> None:
    """PROTOCOL section 9: 5 000 000 of fees; 300e18 and 100e18 get 2 625 000 and 875 000 after the week."""
    vault = world.model.dividend_vault
    world.now = WEEK_0 + 12_345
    stake(world, a=300, b=100)
    earn(world, 5 * MICRO)
    assert world.model.fee_splitter.sweep() == 5 * MICRO
    assert vault.pull_fees(now=world.now) == 3_500_000
    assert world.model.insurance_pool.pull_fees() == 1_000_000
    assert world.model.fee_splitter.pull_treasury() == 500_000
    assert vault.stream(now=world.now) == (0, 3_500_000)
    assert vault.claimable("a", now=WEEK_0 + WEEK) == 0
    assert vault.claimable("a", now=WEEK_0 + WEEK + WEEK // 2) == 2_625_000 // 2
    end = WEEK_0 + 2 * WEEK
    assert vault.claim("bank of a", caller="a", now=end) == 2_625_000
    assert vault.claim("bank of b", caller="b", now=end) == 875_000
    assert vault.totals() == (3_500_000, 3_500_000)
    with refused("DividendVault_NothingToClaim"):
        vault.claim("bank of a", caller="a", now=end + 10 * WEEK)


def test_dividends__sweeping_one_micro__restarts_nothing(world: World) -> None:
    vault = world.model.dividend_vault
    world.now = WEEK_0
    stake(world, a=1)
    earn(world, 10 * MICRO)
    vault.pull_fees(now=WEEK_0)
    half = WEEK_0 + WEEK + WEEK // 2
    earn(world, 20)
    vault.pull_fees(now=half)
    assert vault.claimable("a", now=half) == 3_500_000
    assert vault.claimable("a", now=WEEK_0 + 2 * WEEK) == 7_000_000
    assert vault.stream(now=WEEK_0 + 2 * WEEK) == (14, 0)


def test_dividends__staked_for_a_second__earns_a_second(world: World) -> None:
    """B08."""
    vault = world.model.dividend_vault
    world.now = WEEK_0
    stake(world, a=1)
    earn(world, 864 * MICRO)  # 604.8 in dividends: 1 000 µ a second
    vault.pull_fees(now=WEEK_0)
    world.now = WEEK_0 + WEEK + 100
    stake(world, b=9)
    vault.unstake(9 * TALLY, caller="b", now=world.now + 1)
    assert vault.claimable("b", now=world.now + WEEK) == 900
    assert vault.claimable("a", now=world.now + 1) == 100_000 + 100


def test_dividends__nobody_staked__carried_into_the_following_week(world: World) -> None:
    """B10."""
    vault = world.model.dividend_vault
    world.now = WEEK_0
    earn(world, 864 * MICRO)
    vault.pull_fees(now=WEEK_0)
    whole = 604_800_000
    world.now = WEEK_0 + WEEK + WEEK // 4
    stake(world, a=1)
    assert vault.stream(now=world.now) == (whole, whole // 4)
    assert vault.claimable("a", now=WEEK_0 + 2 * WEEK) == whole - whole // 4
    assert vault.claimable("a", now=WEEK_0 + 3 * WEEK) == whole


def test_dividends__nobody_for_years__all_of_it_waits_for_the_first_staker(world: World) -> None:
    vault = world.model.dividend_vault
    world.now = WEEK_0
    earn(world, 10 * MICRO)
    vault.pull_fees(now=WEEK_0)
    world.now = WEEK_0 + 200 * WEEK
    stake(world, a=3)
    assert vault.stream(now=world.now) == (7 * MICRO, 0)
    # A third of a TALLY's accumulator is floored: the last µ stays in the remainder until more fees come.
    assert vault.claimable("a", now=world.now + WEEK) == 7 * MICRO - 1
    world.model.check_invariants()


def test_exit__delay__restarts_with_every_further_call(world: World) -> None:
    vault = world.model.dividend_vault
    stake(world, a=5)
    vault.unstake(2 * TALLY, caller="a", now=START)
    vault.unstake(1 * TALLY, caller="a", now=START + 100)
    with refused("DividendVault_StillLocked"):
        vault.withdraw("bank", caller="a", now=START + 99 + EXIT_DELAY)
    assert vault.withdraw("bank", caller="a", now=START + 100 + EXIT_DELAY) == 3 * TALLY
    assert world.model.token.balance_of("bank") == 3 * TALLY
    with refused("DividendVault_NothingToWithdraw"):
        vault.withdraw("bank", caller="a", now=START + 100 + EXIT_DELAY)


def test_stake__wrong_calls__refused_by_name(world: World) -> None:
    vault, token, zero = world.model.dividend_vault, world.model.token, "0x" + "0" * 40
    stake(world, a=2)
    calls = {
        "DividendVault_ZeroAmount": [
            lambda: vault.stake(0, caller="a", now=START),
            lambda: vault.unstake(0, caller="a", now=START),
        ],
        "DividendVault_BelowMinimum": [
            lambda: vault.stake(TALLY - 1, caller="b", now=START),
            lambda: vault.unstake(TALLY + 1, caller="a", now=START),
        ],
        "DividendVault_NotEnoughStaked": [lambda: vault.unstake(2 * TALLY + 1, caller="a", now=START)],
        "DividendVault_ZeroAddress": [
            lambda: vault.claim(zero, caller="a", now=START),
            lambda: vault.withdraw(zero, caller="a", now=START),
        ],
        "DividendVault_NothingToClaim": [lambda: vault.claim("a", caller="a", now=START)],
        "ERC20InsufficientBalance": [lambda: vault.stake(TALLY, caller="b", now=START)],
        "TallyToken_NotMinter": [lambda: token.mint("a", 1, caller="a")],
        "TallyToken_CapExceeded": [lambda: token.drip("a", TALLY_CAP - 2 * TALLY + 1)],
    }
    for code, attempts in calls.items():
        for attempt in attempts:
            with refused(code):
                attempt()
    world.model.check_invariants()


# The oracle: who is staked in a second shares what streams in that second, in exact fractions.

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3 * WEEK // 2),
        st.sampled_from(["fees", "stake a", "stake b", "leave a", "leave b"]),
        st.integers(1, 10**9),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(0, 3 * WEEK))
def test_stream__random_history__never_above_and_at_most_a_micro_below_fractions(
    events: list[tuple[int, str, int]], tail: int
) -> None:
    world = World()
    vault, now = world.model.dividend_vault, WEEK_0
    share = {"a": Fraction(0), "b": Fraction(0)}
    weeks: dict[int, int] = {}  # week -> µ that stream in it
    received = 0

    def run(until: int) -> None:
        """Pays out by stretches of equal stakes, one week at a time."""
        nonlocal now
        total = sum(vault.staked_of(name) for name in share)
        while now < until:
            week = now // WEEK
            stop = min(until, (week + 1) * WEEK)
            amount = weeks.get(week, 0)
            streamed = amount * (stop - week * WEEK) // WEEK - amount * (now - week * WEEK) // WEEK
            for name in share:
                share[name] += Fraction(streamed * vault.staked_of(name), total) if total else 0
            if not total:
                weeks[week + 1] = weeks.get(week + 1, 0) + streamed
            now = stop

    for wait, what, amount in events:
        run(now + wait)
        if what == "fees":
            world.model.currency.mint("Escrow", amount)
            world.model.escrow.fees_accrued += amount
            before = vault.totals()[0]
            vault.pull_fees(now=now)
            weeks[now // WEEK + 1] = weeks.get(now // WEEK + 1, 0) + vault.totals()[0] - before
            received = vault.totals()[0]
        elif what.startswith("stake"):
            world.model.token.drip(what[-1], TALLY + amount)
            vault.stake(TALLY + amount, caller=what[-1], now=now)
        elif vault.staked_of(what[-1]):
            vault.unstake(vault.staked_of(what[-1]), caller=what[-1], now=now)
    run(now + tail)
    for name, exact in share.items():
        assert exact - 1 <= vault.claimable(name, now=now) <= exact + Fraction(1, 10**9)
    assert sum(share.values()) <= received


@given(
    st.lists(st.integers(0, 2 * WEEK), max_size=8),
    st.integers(0, 10**15),
    st.integers(0, 10**15),
    st.sampled_from([0, TALLY, 3 * TALLY + 7, TALLY_CAP]),
)
def test_stream__advanced_in_one_step_or_in_many__is_the_same(
    steps: list[int], this_week: int, next_week: int, staked: int
) -> None:
    at_once, in_steps = (Stream(WEEK_0 + 5, this_week, next_week) for _ in range(2))
    for end in (WEEK_0 + 5 + sum(steps[:i]) for i in range(len(steps) + 1)):
        in_steps.advance(staked, end)
    at_once.advance(staked, WEEK_0 + 5 + sum(steps))
    assert at_once == in_steps
    assert at_once.remainder < max(staked, 1) < ACCUMULATOR_SCALE


# The splitter


@settings(max_examples=80)
@given(
    st.lists(st.integers(0, 500), max_size=60), st.sampled_from([(2_000, 1_000), (500, 500), (3_333, 1_667)])
)
def test_credits__many_small_sweeps__same_as_one_and_never_negative(
    amounts: list[int], bps: tuple[int, int]
) -> None:
    books = Credits()
    for amount in amounts:
        step = books.plus(amount, *bps)
        assert step.dividends >= books.dividends
        assert step.insurance >= books.insurance
        assert step.treasury >= books.treasury
        books = step
    total = sum(amounts)
    assert books.dividends + books.insurance + books.treasury == books.credited == total
    assert books.insurance == total * bps[0] // 10_000
    assert 0 <= total * bps[1] // 10_000 - books.treasury <= 1


def test_set_shares__fees_so_far__split_by_the_old_shares(world: World) -> None:
    splitter = world.model.fee_splitter
    earn(world, 1_000)
    splitter.set_shares(5_000, 4_000, 1_000, caller="admin")
    assert [splitter.credit_of(x) for x in ("DividendVault", "InsurancePool", "treasury")] == [700, 200, 100]
    earn(world, 1_000)
    assert splitter.sweep() == 1_000
    assert [splitter.credit_of(x) for x in ("DividendVault", "InsurancePool", "treasury")] == [
        1_200,
        600,
        200,
    ]
    splitter.set_treasury("new treasury", caller="admin")
    assert splitter.credit_of("treasury") == 0
    assert splitter.pull(caller="new treasury") == 200
    assert world.model.currency.balance_of("new treasury") == 200
    world.model.check_invariants()


@pytest.mark.parametrize(
    "shares",
    [
        (7_000, 2_000, 999),
        (4_999, 4_000, 1_001),
        (9_001, 500, 499),
        (9_000, 499, 501),
        (5_999, 4_001, 0),
        (7_000, 999, 2_001),
    ],
)
def test_set_shares__outside_the_bounds__refused_and_nothing_swept(
    world: World, shares: tuple[int, int, int]
) -> None:
    earn(world, 1_000)
    with refused("FeeSplitter_BadShares"):
        world.model.fee_splitter.set_shares(*shares, caller="admin")
    assert world.model.fee_splitter.total_credited() == 0
    assert world.model.escrow.fee_totals() == (1_000, 0)


def test_fee_splitter__wrong_callers__refused_by_name(world: World) -> None:
    splitter = world.model.fee_splitter
    with refused("FeeSplitter_NotRecipient"):
        splitter.pull(caller="anyone")
    with refused("AccessManagedUnauthorized"):
        splitter.set_shares(7_000, 2_000, 1_000, caller="anyone")
    with refused("AccessManagedUnauthorized"):
        splitter.set_treasury("anyone", caller="anyone")
    with refused("FeeSplitter_UnfitTreasury"):
        splitter.set_treasury("DividendVault", caller="admin")
    with refused("FeeSplitter_ZeroAddress"):
        splitter.set_treasury("0x" + "0" * 40, caller="admin")


def test_pull__escrow_cannot_send__what_was_credited_before_is_paid(world: World) -> None:
    splitter, currency = world.model.fee_splitter, world.model.currency
    earn(world, 1_000)
    splitter.sweep()
    earn(world, 1_000)
    currency.blacklist("Escrow")
    assert splitter.pull_treasury() == 100
    assert world.model.escrow.fee_totals() == (2_000, 1_000)
    with refused("TestDollar_Blacklisted"):
        splitter.sweep()
    currency.blacklist("Escrow", False)
    assert splitter.pull_treasury() == 100
    world.model.check_invariants()


def test_pull__recipient_blacklisted__nothing_changes(world: World) -> None:
    splitter, currency = world.model.fee_splitter, world.model.currency
    earn(world, 1_000)
    currency.blacklist("treasury")
    with refused("TestDollar_Blacklisted"):
        splitter.pull_treasury()
    assert world.model.escrow.fee_totals() == (1_000, 0)
    assert world.model.dividend_vault.pull_fees(now=world.now) == 700
    world.model.check_invariants()


def test_set_fees__new_openings_only__running_ones_keep_theirs(world: World) -> None:
    escrow = world.model.escrow
    old = world.open()
    escrow.set_fees(1_500, 500, caller="admin")
    new = world.open(max_fee_provider=2_000, max_fee_customer=2_000)
    steps = world.settle((old, 1_000_000), (new, 1_000_000)).steps
    assert [step[3:] for step in steps] == [(600_000, 30_000, 0), (600_000, 90_000, 30_000)]
    with refused("Escrow_FeesTooHigh"):
        escrow.set_fees(1_500, 501, caller="admin")
    with refused("AccessManagedUnauthorized"):
        escrow.set_fees(0, 0, caller="customer")
    world.model.check_invariants()
