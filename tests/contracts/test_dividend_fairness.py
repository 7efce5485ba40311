"""DividendVault: who is paid how much, to the µ; nothing lost, nobody starved, nobody paid for time not served."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from math import floor
from typing import Final

import eth_abi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.protocol.accounting.dividends import Stream
from tallystick.protocol.hashing import keccak256
from tests.support.dividends import EXIT, big_vault, claimable, next_week, pull
from tests.support.evm import Account, Snapshot, account, reverts
from tests.support.system import TALLY, WEEK, System, deploy_system

ALICE, BOB, CAROL, EVE = (account(name) for name in ("alice", "bob", "carol", "eve"))
SCALE: Final = 10**36


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def uncapped(system: System) -> System:
    """The same with a second vault, whose token knows no cap."""
    vault, token = big_vault(system)
    splitter = system.evm.at("FeeSplitter", vault.call("FEE_SPLITTER"))
    return replace(system, vault=vault, token=token, splitter=splitter)


def stake_uncapped(system: System, staker: Account, amount: int) -> None:
    system.token.transact("mint", staker.address, amount, sender=EVE)
    system.token.transact("approve", system.vault.address, amount, sender=staker)
    system.vault.transact("stake", amount, sender=staker)


# Dust over great stakes


def test_one_unit_a_week__over_every_tally_there_can_be__arrives(system: System) -> None:
    # 1e26 is the cap of TALLY: more of it can never be staked.
    everything = system.token.call("CAP")
    assert everything == 10**26
    system.stake_tally(ALICE, everything // 4)
    system.stake_tally(BOB, everything - everything // 4)
    for week in range(8):
        pull(system, 1)
        assert claimable(system, ALICE, BOB) == [week // 4, 3 * week // 4]
        next_week(system)
        next_week(system)
    assert claimable(system, ALICE, BOB) == [2, 6]


@pytest.mark.parametrize("quarter", [25 * 10**26, 25 * 10**26 + 3, 19 * 10**27 + 1])
def test_one_unit_at_a_time__over_a_supply_a_hundredfold__is_not_lost(system: System, quarter: int) -> None:
    # 1e28, the same and a little, so that no division comes out even, and nearly all that 96 bits hold.
    system = uncapped(system)
    stake_uncapped(system, ALICE, quarter)
    stake_uncapped(system, BOB, 3 * quarter)
    for _ in range(40):
        pull(system, 1)
        next_week(system)
    next_week(system)
    paid = claimable(system, ALICE, BOB)
    assert paid in ([10, 30], [9, 29])  # all but a remainder of less than a µ, in which both have a share
    pull(system, 1)
    next_week(system)
    next_week(system)
    assert claimable(system, ALICE, BOB) == [10, 30]


# Updates as often as can be


def test_updates_every_second__of_a_whole_week__pay_to_the_unit_what_one_update_pays(system: System) -> None:
    # 10 000 µ a week are one µ in 60.48 s: who floors every second for itself pays nothing at all. The model is
    # updated in each of the 604 800 seconds, the contract in the first 1 000 and then once.
    staked = 3 * 10**25 + TALLY
    for staker in (ALICE, BOB, CAROL):
        system.stake_tally(staker, 10**25)
    system.stake_tally(EVE, TALLY)
    pull(system, 10_000)
    start = next_week(system)
    model = Stream(updated_at=start, this_week=10_000)
    swept = 0
    for second in range(1, 1_001):
        system.evm.warp_to(start + second)
        system.accrue_fees(1)
        swept += system.vault.transact("pullFees", sender=EVE).result
    for second in range(1, WEEK + 1):
        model.advance(staked, start + second)
    assert model.accumulator * staked + model.remainder == 10_000 * SCALE
    next_week(system)
    assert system.vault.call("stream") == (swept, 0)
    earned = 10**25 * model.accumulator // SCALE
    assert claimable(system, ALICE, BOB, CAROL, EVE) == [earned, earned, earned, 0]
    assert earned == 3_333
    assert abs(swept - 900) <= 2  # nine tenths, by cumulative floors


def test_stakes_of_a_wei_every_second__starve_nobody(system: System) -> None:
    for staker in (ALICE, BOB, CAROL):
        system.stake_tally(staker, 10**25)
    system.stake_tally(EVE, TALLY)
    system.faucet.transact("drip", EVE.address, 10_000, sender=EVE)
    pull(system, 10_000)
    start = next_week(system)
    for second in range(1, 1_901):
        system.evm.warp_to(start + second)
        system.vault.transact("stake", 1, sender=EVE)
    assert 10_000 * 1_900 // WEEK == 31
    assert claimable(system, ALICE, BOB, CAROL, EVE) == [10, 10, 10, 0]
    next_week(system)
    assert claimable(system, ALICE, BOB, CAROL, EVE) == [3_333, 3_333, 3_333, 0]


def test_sweeping_one_unit__each_two_hours_for_eight_weeks__delays_nothing(system: System) -> None:
    system.stake_tally(ALICE, 3 * TALLY)
    system.stake_tally(BOB, TALLY)
    pull(system, 604_800)
    next_week(system)
    weeks = {system.evm.now // WEEK: 604_800}
    finished = 0
    for _ in range(8):
        week = system.evm.now // WEEK
        for step in range(84):
            system.evm.warp_to(week * WEEK + 7_200 * step)
            pull(system, 1)
            streamed = finished + weeks[week] * 7_200 * step // WEEK
            assert claimable(system, ALICE, BOB) == [3 * streamed // 4, streamed // 4]
        finished += weeks[week]
        weeks[week + 1] = 84
        next_week(system)
    assert finished == 604_800 + 7 * 84
    next_week(system)
    assert claimable(system, ALICE, BOB) == [(604_800 + 8 * 84) * 3 // 4, (604_800 + 8 * 84) // 4]


# Arriving with the fees


def test_sandwich__of_every_pull__earns_ten_seconds_a_week_and_is_locked_for_it(system: System) -> None:
    system.stake_tally(ALICE, 100 * TALLY)
    # Fees of 604 800 µ a week stream 1 µ a second; Eve comes with nine tenths of the stake for ten seconds around each.
    for week in range(6):
        next_week(system, 302_400)
        if week:
            with reverts("DividendVault_StillLocked"):
                system.vault.transact("withdraw", EVE.address, sender=EVE)
            system.evm.warp(5)
        system.stake_tally(EVE, 900 * TALLY)
        system.evm.warp(5)
        pull(system, 604_800)
        system.evm.warp(5)
        system.vault.transact("unstake", 900 * TALLY, sender=EVE)
        assert claimable(system, EVE) == [9 * week]
    next_week(system)
    next_week(system)
    assert claimable(system, EVE, ALICE) == [45, 6 * 604_800 - 45]


def test_stake_and_unstake__in_one_second__earns_nothing(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    pull(system, 604_800)
    next_week(system, 1_000)
    system.stake_tally(EVE, 10**25)
    pull(system, 604_800)
    system.vault.transact("unstake", 10**25, sender=EVE)
    assert claimable(system, EVE, ALICE) == [0, 1_000]
    next_week(system)
    next_week(system)
    assert claimable(system, EVE, ALICE) == [0, 2 * 604_800]


# Nobody staked


def test_fees_of_idle_weeks__are_paid_once_to_the_first_who_comes(system: System) -> None:
    for fees in (1_000, 7, 1):
        pull(system, fees)
        next_week(system, 123_456)
    next_week(system, 400_000)
    system.stake_tally(ALICE, TALLY)
    next_week(system)
    next_week(system)
    assert claimable(system, ALICE) == [1_008]
    assert system.vault.transact("claim", ALICE.address, sender=ALICE).result == 1_008
    system.stake_tally(BOB, TALLY)
    for _ in range(5):
        next_week(system)
    assert claimable(system, ALICE, BOB) == [0, 0]
    assert (system.vault.call("stream"), system.balance(system.vault)) == ((0, 0), 0)


# Any order of steps against exact fractions


@dataclass
class Oracle:
    """What everybody is due, in exact fractions of a µ, from one change to the next."""

    clock: int
    staked: dict[str, int] = field(default_factory=dict)
    earned: dict[str, Fraction] = field(default_factory=dict)
    weeks: dict[int, int] = field(default_factory=dict)  # µ that stream over a week
    received: int = 0
    carried: int = 0

    def advance(self, until: int) -> None:
        while self.clock < until:
            week = self.clock // WEEK
            stop = min(until, (week + 1) * WEEK)
            whole = self.weeks.get(week, 0)
            part = whole * (stop - week * WEEK) // WEEK - whole * (self.clock - week * WEEK) // WEEK
            total = sum(self.staked.values())
            if total == 0:
                self.weeks[week + 1] = self.weeks.get(week + 1, 0) + part
                self.carried += part
            for staker, amount in self.staked.items():
                if amount:
                    self.earned[staker] = self.earned.get(staker, Fraction()) + Fraction(part * amount, total)
            self.clock = stop

    def stake(self, staker: str, amount: int) -> None:
        self.staked[staker] = self.staked.get(staker, 0) + amount

    def receive(self, amount: int) -> None:
        week = self.clock // WEEK + 1
        self.weeks[week] = self.weeks.get(week, 0) + amount
        self.received += amount

    def to_stream(self) -> int:
        """µ that have not streamed by now."""
        week = self.clock // WEEK
        whole = self.weeks.get(week, 0)
        return whole - whole * (self.clock % WEEK) // WEEK + self.weeks.get(week + 1, 0)


STAKERS: Final = (ALICE, BOB, CAROL)
AMOUNTS: Final = (TALLY, 3 * TALLY + 1, 10**23 + 7)
FEES: Final = (1, 7, 999, 10**6 + 3, 10**12 + 1)
WAITS: Final = (0, 1, 59, 3_600, 86_400, 400_000, WEEK, 3 * WEEK)
STEPS: Final = ("stake", "gift", "leave all", "leave some", "pull", "claim", "claim for all")


@cache
def beginning() -> tuple[System, Snapshot]:
    system = deploy_system(escrow="MockEscrow")
    for staker in STAKERS[:2]:  # the third has set no payout address
        system.vault.transact("setPayout", staker.address, sender=staker)
    system.faucet.transact("drip", EVE.address, 10**25, sender=EVE)
    system.token.transact("approve", system.vault.address, 10**25, sender=EVE)
    return system, system.evm.snapshot()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STEPS),
            st.sampled_from(STAKERS),
            st.sampled_from(AMOUNTS),
            st.sampled_from(FEES),
            st.sampled_from(WAITS),
        ),
        min_size=10,
        max_size=40,
    )
)
@settings(max_examples=40, deadline=None)
def test_any_steps__every_unit__is_claimed_or_claimable_or_to_come(
    steps: list[tuple[str, Account, int, int, int]],
) -> None:
    system, start = beginning()
    system.evm.revert(start)
    oracle = Oracle(system.evm.now)
    for step, staker, amount, fees, wait in steps:
        oracle.advance(system.evm.warp(wait))
        staked = oracle.staked.get(staker.address, 0)
        if step == "stake":
            system.stake_tally(staker, amount)
            oracle.stake(staker.address, amount)
        elif step == "gift":
            system.vault.transact("stakeFor", staker.address, amount, sender=EVE)
            oracle.stake(staker.address, amount)
        elif step.startswith("leave") and staked:
            out = staked if step == "leave all" else max(1, staked - TALLY)
            if out == staked or staked - out >= TALLY:
                system.vault.transact("unstake", out, sender=staker)
                oracle.stake(staker.address, -out)
        elif step == "pull":
            pull(system, fees)
            oracle.receive(fees)
        elif step == "claim" and claimable(system, staker)[0]:
            system.vault.transact("claim", staker.address, sender=staker)
        elif step == "claim for all":
            system.vault.transact("claimFor", [each.address for each in STAKERS], sender=EVE)
        check(system, oracle)


def check(system: System, oracle: Oracle) -> None:
    """Everybody is due what the fractions say, and all of it adds up."""
    vault, week = system.vault, oracle.clock // WEEK
    assert vault.call("stream") == (oracle.weeks.get(week, 0), oracle.weeks.get(week + 1, 0))
    assert vault.call("totalCarried") == oracle.carried
    received, claimed = vault.call("totals")
    assert received == oracle.received
    assert system.balance(vault) == received - claimed
    owed = 0
    for staker in STAKERS:
        earned, taken = vault.call("lifetimeOf", staker.address)
        due = oracle.earned.get(staker.address, Fraction())
        # A remainder of less than 1e-9 µ may stand with the accumulator, or come from those who were there before.
        assert floor(due - Fraction(1, 10**9)) <= earned <= floor(due + Fraction(1, 10**9))
        assert claimable(system, staker) == [earned - taken]
        assert taken == system.balance(staker)
        owed += earned - taken
    # Whole µ: what is missing are the fractions of three stakers and the remainder.
    assert 0 <= received - claimed - owed - oracle.to_stream() <= len(STAKERS)
    # And in 1e-36 µ nothing is missing at all, as the books were last written.
    assert books(system) == 0


def books(system: System) -> int:
    """1e-36 µ of what has streamed by the last update that no book holds."""
    evm, at = system.evm, system.vault.address
    first, second = evm.storage(at, 0), evm.storage(at, 1)
    remainder = evm.storage(at, 2) % 2**96
    accumulator, updated_at = first % 2**128, first >> 224
    this_week, following, received = second % 2**64, (second >> 64) % 2**64, (second >> 128) % 2**64
    to_come = this_week - this_week * (updated_at % WEEK) // WEEK + following
    earned = 0
    for staker in STAKERS:
        place = int.from_bytes(keccak256(eth_abi.encode(["address", "uint256"], [staker.address, 3])))
        staked, base = evm.storage(at, place) % 2**96, evm.storage(at, place + 1)
        earned += staked * accumulator - (base - 2**256 if base >> 255 else base)
    return (received - to_come) * SCALE - earned - remainder


def test_exits__of_all__leave_only_fractions_behind(system: System) -> None:
    """10 001 µ among three, who all go after the stream, by the exits alone."""
    for staker, amount in ((ALICE, TALLY), (BOB, TALLY), (CAROL, 2 * TALLY)):
        system.stake_tally(staker, amount)
    pull(system, 10_001)
    next_week(system)
    next_week(system)
    for staker in STAKERS:
        system.vault.transact("unstake", system.vault.call("stakedOf", staker.address), sender=staker)
    system.evm.warp(EXIT)
    paid = []
    for staker in STAKERS:
        system.vault.transact("withdraw", staker.address, sender=staker)
        paid.append(system.vault.transact("claim", staker.address, sender=staker).result)
    assert paid == [2_500, 2_500, 5_000]
    assert system.token.call("balanceOf", system.vault.address) == 0
    assert system.balance(system.vault) == 1  # a quarter, a quarter and a half of a µ, owed to the three
