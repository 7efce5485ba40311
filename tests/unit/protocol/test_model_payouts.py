"""Dividends for others on the model: staking for somebody, paying out for many, and a staker's life in figures."""

from __future__ import annotations

import pytest
from tests.unit.protocol.test_model_dividends import WEEK_0, earn, refused, stake
from tests.unit.protocol.world import World

from tallystick.protocol.constants import MICRO, TALLY, WEEK
from tallystick.protocol.model import ZERO_ADDRESS

END = WEEK_0 + 2 * WEEK
"""All that `paying` brought has streamed."""


@pytest.fixture
def paying(world: World) -> World:
    """3 500 000 µ stream over the second week: to a (3 of 4) 2 625 000, to b 875 000."""
    world.now = WEEK_0
    stake(world, a=3, b=1)
    earn(world, 5 * MICRO)
    world.model.dividend_vault.pull_fees(now=WEEK_0)
    return world


def test_stake_for__somebody__earns_and_leaves_for_the_staker_alone(world: World) -> None:
    vault, token = world.model.dividend_vault, world.model.token
    token.drip("giver", 7 * TALLY)
    vault.stake_for("heir", 5 * TALLY, caller="giver", now=WEEK_0)
    vault.stake_with_permit(2 * TALLY, caller="giver", now=WEEK_0)
    assert [vault.staked_of(who) for who in ("heir", "giver")] == [5 * TALLY, 2 * TALLY]
    with refused("DividendVault_NotEnoughStaked"):
        vault.unstake(5 * TALLY, caller="giver", now=WEEK_0)
    vault.unstake(5 * TALLY, caller="heir", now=WEEK_0)
    assert vault.withdraw("heir", caller="heir", now=WEEK_0 + WEEK) == 5 * TALLY
    world.model.check_invariants()


def test_stake_for__a_gift_of_less_than_a_stake__refused() -> None:
    world = World()
    vault = world.model.dividend_vault
    stake(world, a=2)
    world.model.token.drip("giver", 7 * TALLY)
    calls = {
        "DividendVault_BelowMinimum": ("a", TALLY - 1),
        "DividendVault_ZeroAmount": ("a", 0),
        "DividendVault_ZeroAddress": (ZERO_ADDRESS, TALLY),
        "ERC20InsufficientBalance": ("a", 8 * TALLY),
    }
    for code, (staker, amount) in calls.items():
        with refused(code):
            vault.stake_for(staker, amount, caller="giver", now=world.now)
    world.model.token.transfer("a", TALLY, caller="giver")
    vault.stake_for("a", 1, caller="a", now=world.now)  # its own: any amount
    assert vault.staked_of("a") == 2 * TALLY + 1


def test_claim_for__many__pays_each_where_it_said_and_nobody_else(paying: World) -> None:
    vault, currency = paying.model.dividend_vault, paying.model.currency
    vault.set_payout("bank of a", caller="a")
    assert (vault.payout_of("a"), vault.payout_of("b")) == ("bank of a", ZERO_ADDRESS)
    assert vault.claim_for(["a", "b", "a", "nobody"], now=END) == 2_625_000
    assert currency.balance_of("bank of a") == 2_625_000
    assert vault.claimable("b", now=END) == 875_000
    vault.set_payout("bank of b", caller="b")
    vault.set_payout(ZERO_ADDRESS, caller="a")
    assert vault.claim_for(["a", "b"], now=END + WEEK) == 875_000
    paying.model.check_invariants()


def test_claim_for__one_is_blacklisted__only_it_waits(paying: World) -> None:
    """B13."""
    vault, currency = paying.model.dividend_vault, paying.model.currency
    for who in ("a", "b"):
        vault.set_payout(f"bank of {who}", caller=who)
    currency.blacklist("bank of a")
    assert vault.claim_for(["a", "b"], now=END) == 875_000
    assert vault.claimable("a", now=END) == 2_625_000
    currency.blacklist("bank of a", False)
    assert vault.claim_for(["a", "b"], now=END) == 2_625_000
    paying.model.check_invariants()


def test_claim_for__more_than_two_hundred__refused(paying: World) -> None:
    with refused("DividendVault_TooManyItems"):
        paying.model.dividend_vault.claim_for(["a"] * 201, now=END)
    assert paying.model.dividend_vault.claim_for(["a"] * 200, now=END) == 0


def test_lifetime__earned_and_claimed__goes_on_after_leaving(paying: World) -> None:
    vault = paying.model.dividend_vault
    half = WEEK_0 + WEEK + WEEK // 2
    assert vault.lifetime_of("a", now=half) == (1_312_500, 0)
    vault.claim("a", caller="a", now=half)
    vault.unstake(3 * TALLY, caller="a", now=half)
    assert vault.lifetime_of("a", now=END) == (1_312_500, 1_312_500)
    assert vault.lifetime_of("b", now=END) == (437_500 + 1_750_000, 0)
    assert vault.lifetime_of("nobody", now=END) == (0, 0)


def test_total_carried__several_idle_weeks__counts_what_wanders_again(world: World) -> None:
    """700 000 µ stream over week 1 to nobody, again over week 2, and half of them again in week 3."""
    vault = world.model.dividend_vault
    earn(world, 1 * MICRO)
    vault.pull_fees(now=WEEK_0)
    assert vault.total_carried(now=WEEK_0 + WEEK) == 0
    assert vault.total_carried(now=WEEK_0 + 3 * WEEK + WEEK // 2) == 1_750_000
    world.now = WEEK_0 + 3 * WEEK + WEEK // 2
    stake(world, a=1)
    assert vault.total_carried(now=world.now + 9 * WEEK) == 1_750_000
    assert vault.claimable("a", now=world.now + 9 * WEEK) == 700_000
