"""DividendVault: the weekly stream, exact shares, nothing lost, nobody in the way of an exit."""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor

import pytest

from tallystick.chain.contracts import load
from tests.support.dividends import EXIT, big_vault, claimable, next_week, pull
from tests.support.evm import Evm, account, reverts
from tests.support.system import TALLY, WEEK, System, deploy_system

ALICE, BOB, CAROL, EVE = (account(name) for name in ("alice", "bob", "carol", "eve"))
ZERO = "0x" + "00" * 20


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


# The stream


def test_worked_numbers__300_and_100_of_3_500_000__after_the_week(system: System) -> None:
    system.stake_tally(ALICE, 300 * TALLY)
    system.stake_tally(BOB, 100 * TALLY)
    system.accrue_fees(5_000_000)
    receipt = system.vault.transact("pullFees", sender=EVE)
    assert receipt.event("FeesReceived").args == {"week": system.evm.now // WEEK, "amount": 3_500_000}
    assert system.vault.call("stream") == (0, 3_500_000)
    next_week(system)
    assert system.vault.call("stream") == (3_500_000, 0)
    assert claimable(system, ALICE, BOB) == [0, 0]
    system.evm.warp(WEEK // 2)
    assert claimable(system, ALICE, BOB) == [1_312_500, 437_500]
    next_week(system)
    assert claimable(system, ALICE, BOB) == [2_625_000, 875_000]
    receipt = system.vault.transact("claim", ALICE.address, sender=ALICE)
    assert receipt.result == 2_625_000
    assert receipt.event("Claimed").args == {
        "staker": ALICE.address,
        "to": ALICE.address,
        "amount": 2_625_000,
    }
    assert system.vault.transact("claim", BOB.address, sender=BOB).result == 875_000
    assert [system.balance(who) for who in (ALICE, BOB, system.vault)] == [2_625_000, 875_000, 0]
    assert system.vault.call("totals") == (3_500_000, 3_500_000)
    assert system.vault.call("stream") == (0, 0)


def test_stream__by_seconds__is_the_cumulative_floor(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    pull(system, 1_000)
    start = next_week(system)
    for second in (1, 604, 605, 1_209, 1_210, 302_400, 604_799):
        system.evm.warp_to(start + second)
        assert claimable(system, ALICE) == [1_000 * second // WEEK]
    next_week(system)
    assert claimable(system, ALICE) == [1_000]
    next_week(system)
    assert claimable(system, ALICE) == [1_000]


def test_stream__fees_of_two_weeks__follow_each_other(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    pull(system, 700)
    next_week(system, 1_000)
    pull(system, 7_000)
    assert system.vault.call("stream") == (700, 7_000)
    next_week(system)
    assert claimable(system, ALICE) == [700]
    system.evm.warp(WEEK // 7)
    assert claimable(system, ALICE) == [1_700]
    next_week(system)
    next_week(system)
    assert claimable(system, ALICE) == [7_700]


def test_stream__sweeping_one_unit__restarts_nothing(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    pull(system, 604_800)
    start = next_week(system)
    for hour in range(1, 25):
        system.evm.warp_to(start + 3_600 * hour)
        pull(system, 1)
        assert claimable(system, ALICE) == [3_600 * hour]
    assert system.vault.call("stream") == (604_800, 24)


# Nobody staked


def test_first_staker__after_a_gap__the_gap_streams_again_next_week(system: System) -> None:
    pull(system, 604_800)
    week = next_week(system, 100_000) // WEEK
    system.token.transact("drip", ALICE.address, TALLY, sender=ALICE)
    system.token.transact("approve", system.vault.address, TALLY, sender=ALICE)
    receipt = system.vault.transact("stake", TALLY, sender=ALICE)
    assert receipt.event("Carried").args == {"week": week, "amount": 100_000}
    assert system.vault.call("stream") == (604_800, 100_000)
    next_week(system)
    assert claimable(system, ALICE) == [504_800]
    system.evm.warp(WEEK // 2)
    assert claimable(system, ALICE) == [554_800]
    next_week(system)
    assert claimable(system, ALICE) == [604_800]


def test_first_staker__after_idle_weeks__finds_everything(system: System) -> None:
    pull(system, 604_800)
    first = system.evm.now // WEEK
    next_week(system, 200_000)
    pull(system, 1_000)
    next_week(system)
    for _ in range(5):
        next_week(system)
    now = next_week(system, 302_400) // WEEK
    assert system.vault.call("stream") == (605_800, 302_900)
    system.token.transact("drip", ALICE.address, TALLY, sender=ALICE)
    system.token.transact("approve", system.vault.address, TALLY, sender=ALICE)
    carried = system.vault.transact("stake", TALLY, sender=ALICE).events("Carried")
    # Week first + 1 carried its last 404 800 on, then all of it wandered week by week, now half of it again.
    assert [(log.args["week"], log.args["amount"]) for log in carried] == [
        (first + 1, 404_800),
        (now - 1, 605_800),
        (now, 302_900),
    ]
    next_week(system)
    assert claimable(system, ALICE) == [302_900]
    next_week(system)
    assert claimable(system, ALICE) == [605_800]


def test_last_staker__leaves_mid_week__the_rest_waits_for_the_next(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    pull(system, 604_800)
    start = next_week(system)
    system.evm.warp(200_000)
    system.vault.transact("unstake", TALLY, sender=ALICE)
    system.evm.warp_to(start + 500_000)
    system.stake_tally(BOB, 5 * TALLY)
    assert claimable(system, ALICE, BOB) == [200_000, 0]
    next_week(system)
    assert claimable(system, ALICE, BOB) == [200_000, 104_800]
    next_week(system)
    assert claimable(system, ALICE, BOB) == [200_000, 404_800]


# Shares by time


def test_just_in_time__staker_around_the_fees__earns_only_its_time(system: System) -> None:
    system.stake_tally(ALICE, 100 * TALLY)
    system.stake_tally(EVE, 900 * TALLY)
    pull(system, 604_800)
    system.vault.transact("unstake", 900 * TALLY, sender=EVE)
    next_week(system)
    assert claimable(system, EVE) == [0]
    system.evm.warp(1_000)
    system.stake_tally(EVE, 300 * TALLY)  # back for an hour, with three quarters of the stake
    system.evm.warp(3_600)
    system.vault.transact("unstake", 300 * TALLY, sender=EVE)
    next_week(system)
    assert claimable(system, EVE, ALICE) == [2_700, 604_800 - 2_700]


def test_stake__more__earns_from_that_second_on(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    system.stake_tally(BOB, TALLY)
    pull(system, 604_800)
    next_week(system, 100_000)
    system.stake_tally(BOB, 2 * TALLY)
    system.evm.warp(100_000)
    assert claimable(system, ALICE, BOB) == [50_000 + 25_000, 50_000 + 75_000]
    system.vault.transact("unstake", TALLY, sender=BOB)
    system.evm.warp(30_000)
    assert claimable(system, ALICE, BOB) == [75_000 + 10_000, 125_000 + 20_000]


# Dust


def test_updates_every_second__starve_nobody(system: System) -> None:
    # 10 000 µ a week are one µ in 60.48 s: an update a second that floored for itself would pay nothing at all.
    for staker in (ALICE, BOB, CAROL):
        system.stake_tally(staker, 10**25)
    pull(system, 10_000)
    start = next_week(system)
    for second in range(1, 1_801):
        system.evm.warp_to(start + second)
        pull(system, 1)
    streamed = 10_000 * 1_800 // WEEK
    assert streamed == 29
    assert claimable(system, ALICE, BOB, CAROL) == [9, 9, 9]
    next_week(system)
    assert claimable(system, ALICE, BOB, CAROL) == [3_333, 3_333, 3_333]
    next_week(system)
    assert claimable(system, ALICE, BOB, CAROL) == [3_933, 3_933, 3_933]


def test_claims_every_hour__cost_nothing_against_one_claim(system: System) -> None:
    system.stake_tally(ALICE, 7 * TALLY)
    system.stake_tally(BOB, 7 * TALLY)
    system.stake_tally(CAROL, 3 * TALLY)
    pull(system, 1_000_003)
    start = next_week(system)
    often = 0
    for hour in range(1, 169):
        system.evm.warp_to(start + 3_600 * hour)
        often += system.vault.transact("claim", ALICE.address, sender=ALICE).result
    assert often == system.vault.transact("claim", BOB.address, sender=BOB).result == 1_000_003 * 7 // 17


def test_dust__of_a_split_in_three__comes_with_the_next_fees(system: System) -> None:
    for staker in (ALICE, BOB, CAROL):
        system.stake_tally(staker, TALLY)
    pull(system, 100)
    next_week(system)
    pull(system, 200)
    next_week(system)
    assert claimable(system, ALICE, BOB, CAROL) == [33, 33, 33]
    assert system.vault.transact("claim", ALICE.address, sender=ALICE).result == 33
    next_week(system)
    assert claimable(system, ALICE, BOB, CAROL) == [67, 100, 100]


def test_one_unit__over_1e27_staked__is_not_lost(system: System) -> None:
    vault, token = big_vault(system)
    for staker, amount in ((ALICE, 10**27 // 4), (BOB, 10**27 - 10**27 // 4)):
        token.transact("mint", staker.address, amount, sender=EVE)
        token.transact("approve", vault.address, amount, sender=staker)
        vault.transact("stake", amount, sender=staker)
    for _ in range(4):
        system.accrue_fees(1)
        assert vault.transact("pullFees", sender=EVE).result == 1
        next_week(system)
    next_week(system)
    assert [vault.call("claimable", staker.address) for staker in (ALICE, BOB)] == [1, 3]


def test_stake__beyond_96_bits__is_refused(system: System) -> None:
    vault, token = big_vault(system)
    token.transact("mint", ALICE.address, 2**200, sender=EVE)
    token.transact("approve", vault.address, 2**200, sender=ALICE)
    vault.transact("stake", 2**96 - 1, sender=ALICE)
    with reverts("SafeCastOverflowedUintDowncast"):
        vault.transact("stake", 1, sender=ALICE)
    with reverts("SafeCastOverflowedUintDowncast"):
        vault.transact("stake", 2**199, sender=ALICE)
    vault.transact("unstake", 2**96 - 1, sender=ALICE)


def test_greatest_figures__overflow_nothing(system: System) -> None:
    vault, token = big_vault(system)
    token.transact("mint", ALICE.address, 2**96, sender=EVE)
    token.transact("approve", vault.address, 2**96, sender=ALICE)
    vault.transact("stake", TALLY, sender=ALICE)  # the smallest stake, the steepest accumulator
    fees = 10 * (2**64 - 1) // 9
    while fees - 2 * (fees * 500 // 10_000) > 2**64 - 1:
        fees -= 1
    system.accrue_fees(fees)
    most = vault.transact("pullFees", sender=EVE).result
    assert 2**64 - 3 <= most <= 2**64 - 1
    next_week(system, WEEK // 2)
    vault.transact("stake", 2**96 - 1 - TALLY, sender=ALICE)  # and then the greatest stake
    next_week(system)
    vault.transact("unstake", 2**96 - 1, sender=ALICE)
    # What the remainder holds is less than a µ, and waits for the next fees.
    assert most - 1 <= vault.transact("claim", BOB.address, sender=ALICE).result <= most
    system.accrue_fees(100)
    with reverts("SafeCastOverflowedUintDowncast"):
        vault.transact("pullFees", sender=EVE)


# Leaving


def test_unstake__stops_earning_at_once_and_waits_for_the_delay(system: System) -> None:
    system.stake_tally(ALICE, 5 * TALLY)
    unlocks = system.evm.now + EXIT
    receipt = system.vault.transact("unstake", 2 * TALLY, sender=ALICE)
    assert receipt.event("ExitStarted").args == {
        "staker": ALICE.address,
        "amount": 2 * TALLY,
        "unlocksAt": unlocks,
    }
    assert system.vault.call("exitingOf", ALICE.address) == (2 * TALLY, unlocks)
    assert system.vault.call("stakedOf", ALICE.address) == system.vault.call("totalStaked") == 3 * TALLY
    system.evm.warp(EXIT - 1)
    with reverts("DividendVault_StillLocked", staker=ALICE.address, unlocksAt=unlocks):
        system.vault.transact("withdraw", ALICE.address, sender=ALICE)
    system.vault.transact("unstake", TALLY, sender=ALICE)  # restarts the delay of all that leaves
    system.evm.warp(EXIT - 1)
    with reverts("DividendVault_StillLocked"):
        system.vault.transact("withdraw", ALICE.address, sender=ALICE)
    system.evm.warp(1)
    receipt = system.vault.transact("withdraw", BOB.address, sender=ALICE)
    assert receipt.event("Withdrawn").args == {
        "staker": ALICE.address,
        "to": BOB.address,
        "amount": 3 * TALLY,
    }
    assert system.token.call("balanceOf", BOB.address) == 3 * TALLY
    assert system.vault.call("exitingOf", ALICE.address) == (0, 0)
    with reverts("DividendVault_NothingToWithdraw", staker=ALICE.address):
        system.vault.transact("withdraw", BOB.address, sender=ALICE)


def test_stake_and_unstake__bounds__are_kept(system: System) -> None:
    with reverts("DividendVault_BelowMinimum", staked=TALLY - 1):
        system.vault.transact("stake", TALLY - 1, sender=ALICE)
    for function in ("stake", "unstake"):
        with reverts("DividendVault_ZeroAmount"):
            system.vault.transact(function, 0, sender=ALICE)
    with reverts("ERC20InsufficientAllowance"):
        system.vault.transact("stake", TALLY, sender=ALICE)
    system.stake_tally(ALICE, 2 * TALLY)
    with reverts("DividendVault_BelowMinimum", staked=TALLY - 1):
        system.vault.transact("unstake", TALLY + 1, sender=ALICE)
    with reverts("DividendVault_NotEnoughStaked", staked=2 * TALLY, wanted=2 * TALLY + 1):
        system.vault.transact("unstake", 2 * TALLY + 1, sender=ALICE)
    system.stake_tally(ALICE, 1)  # a small addition is fine
    for function in ("withdraw", "claim"):
        with reverts("DividendVault_ZeroAddress"):
            system.vault.transact(function, ZERO, sender=ALICE)


def test_earnings__outlive_the_stake(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    system.vault.transact("unstake", TALLY, sender=ALICE)
    system.evm.warp(EXIT)
    system.vault.transact("withdraw", ALICE.address, sender=ALICE)
    assert claimable(system, ALICE) == [1_000]
    system.stake_tally(ALICE, 9 * TALLY)
    assert system.vault.transact("claim", ALICE.address, sender=ALICE).result == 1_000


def test_claim__twice_or_by_a_stranger__is_refused(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    system.vault.transact("claim", ALICE.address, sender=ALICE)
    for caller in (ALICE, EVE):
        with reverts("DividendVault_NothingToClaim", staker=caller.address):
            system.vault.transact("claim", caller.address, sender=caller)
    assert system.balance(ALICE) == 1_000


def test_claim__by_a_blacklisted_staker__delays_only_that_address(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    system.stake_tally(BOB, TALLY)
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    system.currency.transact("blacklist", ALICE.address, True, sender=system.admin)
    with reverts("TestDollar_Blacklisted", holder=ALICE.address):
        system.vault.transact("claim", ALICE.address, sender=ALICE)
    assert system.vault.transact("claim", BOB.address, sender=BOB).result == 500
    assert system.vault.transact("claim", CAROL.address, sender=ALICE).result == 500


def test_broken_staked_token__stops_neither_claims_nor_unstaking(system: System) -> None:
    vault, token = big_vault(system)
    token.transact("mint", ALICE.address, TALLY, sender=EVE)
    token.transact("approve", vault.address, TALLY, sender=ALICE)
    vault.transact("stake", TALLY, sender=ALICE)
    system.accrue_fees(1_000)
    vault.transact("pullFees", sender=EVE)
    next_week(system, WEEK // 2)
    token.transact("setPaused", True, sender=EVE)
    assert vault.transact("claim", ALICE.address, sender=ALICE).result == 450
    vault.transact("unstake", TALLY, sender=ALICE)
    system.evm.warp(EXIT)
    with reverts("TestDollar_Paused"):
        vault.transact("withdraw", ALICE.address, sender=ALICE)
    token.transact("setPaused", False, sender=EVE)
    assert vault.transact("withdraw", ALICE.address, sender=ALICE).result == TALLY


def test_abi__has_no_role_and_no_parameter(system: System) -> None:
    functions = load("DividendVault").functions.values()
    writes = {f.name for f in functions if f.mutability not in ("view", "pure")}
    assert writes == {
        *("stake", "stakeWithPermit", "stakeFor", "unstake", "withdraw"),
        *("claim", "claimFor", "setPayout", "pullFees"),
    }


# Hostile money


def test_donations__distort_nothing(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    system.mint(system.vault.address, 12_345)
    system.token.transact("drip", system.vault.address, TALLY, sender=EVE)
    assert system.vault.transact("pullFees", sender=EVE).result == 0
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    assert system.vault.transact("claim", ALICE.address, sender=ALICE).result == 1_000
    assert system.balance(system.vault) == 12_345
    assert system.vault.call("totals") == (1_000, 1_000)
    assert system.vault.call("totalStaked") == TALLY


def test_tokens_that_take_a_fee__are_refused() -> None:
    system = deploy_system(currency="FeeOnTransferDollar", escrow="MockEscrow")
    system.currency.transact("setFee", 0, sender=EVE)
    system.accrue_fees(10_000)
    system.splitter.transact("sweep", sender=EVE)
    system.currency.transact("setFee", 100, sender=EVE)
    with reverts("DividendVault_WrongAmountReceived", expected=7_000, received=6_930):
        system.vault.transact("pullFees", sender=EVE)
    fee = system.evm.deploy("FeeOnTransferDollar")
    vault = system.evm.deploy("DividendVault", system.currency.address, fee.address, EVE.address, 1)
    fee.transact("mint", ALICE.address, TALLY, sender=ALICE)
    fee.transact("approve", vault.address, TALLY, sender=ALICE)
    with reverts("DividendVault_WrongAmountReceived", expected=TALLY, received=TALLY * 99 // 100):
        vault.transact("stake", TALLY, sender=ALICE)


@pytest.mark.parametrize("during", ["claim", "pullFees"])
@pytest.mark.parametrize("early", [True, False])
def test_reentrant_currency__enters_no_sibling(during: str, early: bool) -> None:
    system = deploy_system(currency="ReentrantDollar", escrow="MockEscrow")
    token, vault = system.currency, system.vault
    # The currency is a staker itself, with something to claim, to unstake and to withdraw.
    system.token.transact("drip", token.address, 10 * TALLY, sender=EVE)
    for target, data in (
        (system.token, system.token.encode("approve", vault.address, 2**255)),
        (vault, vault.encode("stake", 5 * TALLY)),
        (vault, vault.encode("unstake", TALLY)),
    ):
        token.transact("execute", target.address, data, sender=EVE)
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    system.accrue_fees(1_000)
    outer = vault.encode("claim", EVE.address) if during == "claim" else vault.encode("pullFees")
    start = system.evm.snapshot()
    for data in (
        vault.encode("claim", EVE.address),
        vault.encode("pullFees"),
        vault.encode("stake", TALLY),
        vault.encode("unstake", TALLY),
        vault.encode("withdraw", EVE.address),
    ):
        token.transact("arm", vault.address, data, early, sender=EVE)
        token.transact("execute", vault.address, outer, sender=EVE)
        assert (token.call("calls"), token.call("succeeded")) == (1, False)
        assert token.call("returned").hex() == "3ee5aeb5"  # ReentrancyGuardReentrantCall()
        system.evm.revert(start)


@pytest.mark.parametrize("during", ["stake", "withdraw"])
def test_reentrant_staked_token__enters_no_sibling(during: str) -> None:
    evm = Evm()
    dollar, token = evm.deploy("TestDollar", EVE.address), evm.deploy("ReentrantDollar")
    vault = evm.deploy("DividendVault", dollar.address, token.address, EVE.address, 0)
    token.transact("mint", token.address, 10 * TALLY, sender=EVE)
    token.transact("execute", token.address, token.encode("approve", vault.address, 2**255), sender=EVE)
    token.transact("execute", vault.address, vault.encode("stake", 5 * TALLY), sender=EVE)
    token.transact("execute", vault.address, vault.encode("unstake", TALLY), sender=EVE)
    outer = {"stake": vault.encode("stake", TALLY), "withdraw": vault.encode("withdraw", EVE.address)}
    start = evm.snapshot()
    for data in (*outer.values(), vault.encode("unstake", TALLY), vault.encode("claim", EVE.address)):
        token.transact("arm", vault.address, data, True, sender=EVE)
        token.transact("execute", vault.address, outer[during], sender=EVE)
        assert (token.call("calls"), token.call("succeeded")) == (1, False)
        assert token.call("returned").hex() == "3ee5aeb5"  # ReentrancyGuardReentrantCall()
        evm.revert(start)


# Construction


def test_constructor__nobody_or_an_unfit_currency__is_refused(system: System) -> None:
    dollar, tally = system.currency.address, system.token.address
    with reverts("DividendVault_ZeroAddress"):
        system.evm.deploy("DividendVault", dollar, ZERO, EVE.address, 1)
    with reverts("DividendVault_ZeroAddress"):
        system.evm.deploy("DividendVault", dollar, tally, ZERO, 1)
    for currency, token in ((dollar, dollar), (tally, dollar), (EVE.address, tally)):
        with reverts("DividendVault_UnfitCurrency", currency=currency):
            system.evm.deploy("DividendVault", currency, token, EVE.address, 1)


# Many steps against fractions


@pytest.mark.parametrize("seed", range(4))
def test_random_walk__agrees_with_exact_fractions(system: System, seed: int) -> None:
    dice = random.Random(seed)
    stakers = (ALICE, BOB, CAROL)
    staked = dict.fromkeys(stakers, 0)
    earned = dict.fromkeys(stakers, Fraction())
    claimed = dict.fromkeys(stakers, 0)
    # The oracle advances second by second's worth of change points: week ends and the steps below.
    weeks: dict[int, int] = {}  # week -> µ that stream over it
    received = 0
    clock = system.evm.now

    def advance(until: int) -> None:
        nonlocal clock
        while clock < until:
            week = clock // WEEK
            stop = min(until, (week + 1) * WEEK)
            whole = weeks.get(week, 0)
            part = whole * (stop - week * WEEK) // WEEK - whole * (clock - week * WEEK) // WEEK
            total = sum(staked.values())
            if total == 0:
                weeks[week + 1] = weeks.get(week + 1, 0) + part
            else:
                for staker in stakers:
                    earned[staker] += Fraction(part * staked[staker], total)
            clock = stop

    for _ in range(120):
        advance(system.evm.warp(dice.choice((1, 59, 3_600, 86_400, 400_000, WEEK, 3 * WEEK))))
        staker, step = dice.choice(stakers), dice.randrange(5)
        if step == 0:
            amount = dice.choice((TALLY, 3 * TALLY + 1, 10**23 + 7))
            system.stake_tally(staker, amount)
            staked[staker] += amount
        elif step == 1 and staked[staker]:
            amount = staked[staker] if dice.random() < 0.6 else max(0, staked[staker] - 2 * TALLY)
            if amount:
                system.vault.transact("unstake", amount, sender=staker)
                staked[staker] -= amount
        elif step == 2:
            amount = dice.choice((1, 7, 999, 10**6 + 3, 10**12 + 1))
            pull(system, amount)
            received += amount
            weeks[clock // WEEK + 1] = weeks.get(clock // WEEK + 1, 0) + amount
        elif step == 3 and claimable(system, staker)[0]:
            claimed[staker] += system.vault.transact("claim", staker.address, sender=staker).result
        for staker in stakers:
            got = claimed[staker] + claimable(system, staker)[0]
            # The accumulator's division may withhold a billionth of a µ, so the floor may fall one lower, never higher.
            assert floor(earned[staker] - Fraction(1, 10**9)) <= got <= floor(earned[staker])
        this_week = weeks.get(clock // WEEK, 0)
        assert system.vault.call("stream")[0] == this_week
        assert system.vault.call("totals") == (received, sum(claimed.values()))
        assert system.balance(system.vault) == received - sum(claimed.values())


# Gas


def test_gas__of_a_steady_claim__is_within_its_goal(system: System) -> None:
    system.stake_tally(ALICE, 300 * TALLY)
    system.stake_tally(BOB, 100 * TALLY)
    pull(system, 1_000_000)
    next_week(system, 3_600)
    system.vault.transact("claim", ALICE.address, sender=ALICE)
    for pause in (3_600, 86_400, WEEK):
        system.evm.warp(pause)
        gas = system.vault.transact("claim", ALICE.address, sender=ALICE, measure=True).gas
        assert gas <= 60_000
