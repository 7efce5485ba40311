"""DividendVault: claims for many, payout addresses, stakes for others and by permit, the figures of a lifetime."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import Any

import pytest
from eth_account import Account as EthAccount

from tests.support.dividends import EXIT, big_vault, claimable, next_week, pull
from tests.support.evm import CHAIN_ID, Account, Receipt, Reverted, account, reverts
from tests.support.system import TALLY, WEEK, System, deploy_system

ALICE, BOB, CAROL, DAVE, EVE = (account(name) for name in ("alice", "bob", "carol", "dave", "eve"))
SAFE, CHEST = account("alice's safe"), account("bob's chest")
ZERO = "0x" + "00" * 20
NO_PAYOUT, NOTHING_OWED, TRANSFER_REFUSED = range(3)
GUARDED = "3ee5aeb5"  # ReentrancyGuardReentrantCall()


class Mood(IntEnum):
    """What MoodyDollar does with a receiver."""

    PAYS = 0
    SILENT = 1
    REVERTS = 2
    SAYS_NO = 3
    LIES = 4
    BURNS = 5


@pytest.fixture
def system() -> System:
    return deploy_system(escrow="MockEscrow")


def streamed(system: System, **stakes: int) -> None:
    """Lets 1 000 µ stream to the end over these stakes, in TALLY, by the staker's name."""
    for name, amount in stakes.items():
        system.stake_tally(account(name), amount * TALLY)
    pull(system, 1_000)
    next_week(system)
    next_week(system)


def set_payout(system: System, staker: Account, payout: Account | str) -> Receipt:
    to = payout if isinstance(payout, str) else payout.address
    return system.vault.transact("setPayout", to, sender=staker)


def claim_for(system: System, *stakers: Account, **options: Any) -> Receipt:
    """Somebody who has nothing to do with them claims for these."""
    addresses = [staker.address for staker in stakers]
    return system.vault.transact("claimFor", addresses, sender=EVE, **options)


def skipped(receipt: Receipt) -> list[tuple[str, int]]:
    return [(log.args["staker"], log.args["reason"]) for log in receipt.events("ClaimSkipped")]


def claimed(receipt: Receipt) -> list[tuple[str, str, int]]:
    return [(log.args["staker"], log.args["to"], log.args["amount"]) for log in receipt.events("Claimed")]


# Claims for many


def test_claim_for__by_anyone__pays_each_to_its_own_payout_address(system: System) -> None:
    streamed(system, alice=3, bob=1)
    assert set_payout(system, ALICE, SAFE).event("PayoutSet").args == {
        "staker": ALICE.address,
        "payout": SAFE.address,
    }
    set_payout(system, BOB, BOB)
    assert [system.vault.call("payoutOf", who.address) for who in (ALICE, BOB, EVE)] == [
        SAFE.address,
        BOB.address,
        ZERO,
    ]
    receipt = claim_for(system, BOB, ALICE)
    assert receipt.result == 1_000
    assert claimed(receipt) == [(BOB.address, BOB.address, 250), (ALICE.address, SAFE.address, 750)]
    assert skipped(receipt) == []
    holders = (ALICE, SAFE, BOB, EVE, system.vault)
    assert [system.balance(who) for who in holders] == [0, 750, 250, 0, 0]
    assert system.vault.call("totals") == (1_000, 1_000)
    assert claimable(system, ALICE, BOB) == [0, 0]
    with reverts("DividendVault_NothingToClaim"):
        system.vault.transact("claim", ALICE.address, sender=ALICE)


def test_claim_for__who_cannot_be_paid__is_left_out_and_stays_owed(system: System) -> None:
    streamed(system, alice=2, bob=1, carol=1)
    for staker in (ALICE, BOB, DAVE):
        set_payout(system, staker, staker)
    system.currency.transact("blacklist", ALICE.address, True, sender=system.admin)
    receipt = claim_for(system, CAROL, ALICE, DAVE, BOB)
    assert skipped(receipt) == [
        (CAROL.address, NO_PAYOUT),
        (ALICE.address, TRANSFER_REFUSED),
        (DAVE.address, NOTHING_OWED),
    ]
    assert claimed(receipt) == [(BOB.address, BOB.address, 250)]
    assert receipt.result == 250
    assert claimable(system, ALICE, BOB, CAROL, DAVE) == [500, 0, 250, 0]
    assert system.vault.call("totals") == (1_000, 250)
    assert system.balance(system.vault) == 750
    # Each of them still comes to its money: by another address, or by itself.
    set_payout(system, ALICE, SAFE)
    assert claim_for(system, ALICE).result == system.balance(SAFE) == 500
    assert system.vault.transact("claim", CAROL.address, sender=CAROL).result == 250


def test_claim_for__named_again_and_again__is_paid_once(system: System) -> None:
    streamed(system, alice=1, bob=1)
    set_payout(system, ALICE, SAFE)
    set_payout(system, BOB, CHEST)
    receipt = claim_for(system, ALICE, ALICE, BOB, ALICE)
    assert (receipt.result, system.balance(SAFE), system.balance(CHEST)) == (1_000, 500, 500)
    assert skipped(receipt) == [(ALICE.address, NOTHING_OWED)] * 2


def test_claim_for__two_hundred_or_nobody__but_not_one_more(system: System) -> None:
    streamed(system, alice=1)
    set_payout(system, ALICE, SAFE)
    strangers = [account(f"stranger {i}") for i in range(199)]
    assert system.vault.call("MAX_ITEMS") == 200
    with reverts("DividendVault_TooManyItems", items=201):
        claim_for(system, *strangers, ALICE, BOB)
    assert claim_for(system).result == 0
    receipt = claim_for(system, *strangers, ALICE)
    assert (receipt.result, len(skipped(receipt))) == (1_000, 199)


def test_payout__taken_back_or_changed__counts_from_the_next_claim_on(system: System) -> None:
    streamed(system, alice=1)
    set_payout(system, ALICE, SAFE)
    set_payout(system, EVE, EVE)  # nobody sets another's
    set_payout(system, ALICE, ZERO)
    assert skipped(claim_for(system, ALICE)) == [(ALICE.address, NO_PAYOUT)]
    set_payout(system, ALICE, CHEST)
    assert claim_for(system, ALICE).result == system.balance(CHEST) == 1_000
    assert [system.balance(who) for who in (ALICE, SAFE, EVE)] == [0, 0, 0]


def test_claim_for__every_hour__comes_to_the_same_as_one_claim(system: System) -> None:
    for staker, amount in ((ALICE, 7 * TALLY), (BOB, 7 * TALLY), (CAROL, 3 * TALLY)):
        system.stake_tally(staker, amount)
    set_payout(system, ALICE, SAFE)
    pull(system, 1_000_003)
    start = next_week(system)
    for hour in range(1, 169):
        system.evm.warp_to(start + 3_600 * hour)
        claim_for(system, ALICE)
    once = system.vault.transact("claim", BOB.address, sender=BOB).result
    assert system.balance(SAFE) == once == 1_000_003 * 7 // 17


def test_claim_for__one_who_has_left__is_paid_what_it_earned(system: System) -> None:
    streamed(system, alice=1)
    set_payout(system, ALICE, SAFE)
    system.vault.transact("unstake", TALLY, sender=ALICE)
    system.evm.warp(EXIT)
    system.vault.transact("withdraw", ALICE.address, sender=ALICE)
    assert claim_for(system, ALICE).result == system.balance(SAFE) == 1_000


def test_claim_for__gas__is_less_a_staker_than_a_claim(system: System) -> None:
    stakers = [account(f"staker {i}") for i in range(20)]
    for staker in stakers:
        system.stake_tally(staker, TALLY)
        set_payout(system, staker, staker)
    pull(system, 1_000_000)
    next_week(system, 3_600)
    claim_for(system, *stakers)
    system.evm.warp(3_600)
    gas = claim_for(system, *stakers, measure=True).gas
    assert gas <= 20 * 30_000


# Hostile currencies


@pytest.fixture
def moody() -> System:
    """ALICE, BOB and CAROL are owed 300 µ each of a moody currency, and paid to themselves."""
    system = deploy_system(currency="MoodyDollar", escrow="MockEscrow")
    for staker in (ALICE, BOB, CAROL):
        system.stake_tally(staker, TALLY)
        set_payout(system, staker, staker)
    pull(system, 900)
    next_week(system)
    next_week(system)
    return system


@pytest.mark.parametrize("mood", [Mood.REVERTS, Mood.SAYS_NO, Mood.BURNS])
def test_claim_for__currency_refuses_one__pays_the_others(moody: System, mood: Mood) -> None:
    moody.currency.transact("setMood", BOB.address, mood, sender=EVE)
    receipt = claim_for(moody, ALICE, BOB, CAROL)
    assert receipt.result == 600
    assert skipped(receipt) == [(BOB.address, TRANSFER_REFUSED)]
    assert [moody.balance(who) for who in (ALICE, BOB, CAROL, moody.vault)] == [300, 0, 300, 300]
    assert moody.vault.call("lifetimeOf", BOB.address) == (300, 0)
    moody.currency.transact("setMood", BOB.address, Mood.PAYS, sender=EVE)
    assert claim_for(moody, ALICE, BOB, CAROL).result == moody.balance(BOB) == 300


def test_claim_for__currency_answers_nothing__has_paid(moody: System) -> None:
    moody.currency.transact("setMood", BOB.address, Mood.SILENT, sender=EVE)
    receipt = claim_for(moody, ALICE, BOB)
    assert (receipt.result, moody.balance(BOB), skipped(receipt)) == (600, 300, [])


def test_claim_for__currency_refuses_but_moves__reverts_so_that_nobody_is_paid_twice(moody: System) -> None:
    moody.currency.transact("setMood", BOB.address, Mood.LIES, sender=EVE)
    for _ in range(2):
        with reverts("DividendVault_WrongAmountReceived", expected=600, received=900):
            claim_for(moody, ALICE, BOB, CAROL)
    assert claimable(moody, ALICE, BOB, CAROL) == [300, 300, 300]
    assert moody.balance(moody.vault) == 900
    assert claim_for(moody, ALICE, CAROL).result == 600


def test_claim_for__everything_refused__leaves_everything_owed(system: System) -> None:
    streamed(system, alice=1, bob=1)
    for staker in (ALICE, BOB):
        set_payout(system, staker, staker)
    system.currency.transact("setPaused", True, sender=system.admin)
    receipt = claim_for(system, ALICE, BOB)
    assert (receipt.result, len(skipped(receipt))) == (0, 2)
    system.currency.transact("setPaused", False, sender=system.admin)
    assert claim_for(system, ALICE, BOB).result == 1_000


def test_claim_for__payout_is_the_vault__stops_nobody_else(system: System) -> None:
    streamed(system, alice=1, bob=1)
    set_payout(system, ALICE, system.vault.address)  # thrown away, by its owner
    set_payout(system, BOB, BOB)
    assert claim_for(system, ALICE, BOB).result == 1_000
    assert (system.balance(BOB), system.balance(system.vault)) == (500, 500)


def test_claim_for__too_little_gas__reverts_but_refuses_nobody(system: System) -> None:
    streamed(system, alice=1, bob=1, carol=1)
    for staker in (ALICE, BOB, CAROL):
        set_payout(system, staker, staker)
    start = system.evm.snapshot()
    reverted = 0
    for limit in range(30_000, 300_000, 300):
        try:
            receipt = claim_for(system, ALICE, BOB, CAROL, limit=limit)
        except Reverted:
            reverted += 1
        else:
            assert (receipt.result, skipped(receipt)) == (999, [])
            break
        system.evm.revert(start)
    # Three transfers need far more than the smallest limit and less than the greatest.
    assert 100 < reverted < 900


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("during", ["claim", "claimFor", "pullFees"])
def test_reentrant_currency__enters_none_of_the_newer_entries(during: str, early: bool) -> None:
    system = deploy_system(currency="ReentrantDollar", escrow="MockEscrow")
    token, vault = system.currency, system.vault
    # The currency is a staker itself, so that each entry would do something.
    system.faucet.transact("drip", token.address, 9 * TALLY, sender=EVE)
    for target, data in (
        (system.token, system.token.encode("approve", vault.address, 2**255)),
        (vault, vault.encode("stake", 2 * TALLY)),
        (vault, vault.encode("setPayout", token.address)),
    ):
        token.transact("execute", target.address, data, sender=EVE)
    system.stake_tally(ALICE, 2 * TALLY)
    set_payout(system, ALICE, SAFE)
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    system.accrue_fees(1_000)
    both = [ALICE.address, token.address]
    outer = {
        "claim": vault.encode("claim", EVE.address),
        "claimFor": vault.encode("claimFor", both),
        "pullFees": vault.encode("pullFees"),
    }
    permit = (TALLY, 2**64, 27, b"\1" * 32, b"\1" * 32)
    start = system.evm.snapshot()
    for data in (
        *outer.values(),
        vault.encode("setPayout", EVE.address),
        vault.encode("stakeFor", EVE.address, TALLY),
        vault.encode("stakeWithPermit", *permit),
        vault.encode("unstake", TALLY),
    ):
        token.transact("arm", vault.address, data, early, sender=EVE)
        token.transact("execute", vault.address, outer[during], sender=EVE)
        assert (token.call("calls"), token.call("succeeded")) == (1, False)
        assert token.call("returned").hex() == GUARDED
        if during == "claimFor":
            assert (system.balance(SAFE), system.balance(token)) == (500, 500)
            assert vault.call("totals") == (1_000, 1_000)
        system.evm.revert(start)


# The last µ


def test_claim__when_a_whale_has_left__pays_what_claimable_says(system: System) -> None:
    # The whale leaves a remainder of 4e28, to the one who stays with 1e18: that lifts her over the µ of which she had
    # all but 1e28 / 1e36. A claim that took the remainder for less than the stake found nothing.
    vault, token = big_vault(system)
    splitter = system.evm.at("FeeSplitter", vault.call("FEE_SPLITTER"))
    system = replace(system, vault=vault, token=token, splitter=splitter)
    whale = 6 * 10**28 - 2 * TALLY
    for staker in (ALICE, BOB, CAROL):
        token.transact("mint", staker.address, whale, sender=EVE)
        token.transact("approve", vault.address, whale, sender=staker)
    vault.transact("stake", 10**26, sender=ALICE)
    vault.transact("stake", TALLY, sender=BOB)
    pull(system, 1)
    next_week(system)
    next_week(system)
    vault.transact("unstake", 10**26 - TALLY, sender=ALICE)
    vault.transact("stake", whale, sender=CAROL)
    pull(system, 1)
    next_week(system)
    next_week(system)
    assert claimable(system, ALICE, BOB, CAROL) == [0, 0, 0]
    vault.transact("unstake", TALLY, sender=BOB)
    vault.transact("unstake", whale, sender=CAROL)  # last: the next update would spread what she leaves
    assert claimable(system, ALICE) == [1]
    assert vault.transact("claim", SAFE.address, sender=ALICE).result == 1
    assert claimable(system, ALICE, BOB, CAROL) == [0, 0, 0]


# Stakes for others


def test_stake_for__another__earns_for_that_one_and_belongs_to_it(system: System) -> None:
    system.faucet.transact("drip", EVE.address, 6 * TALLY, sender=EVE)
    system.token.transact("approve", system.vault.address, 4 * TALLY, sender=EVE)
    receipt = system.vault.transact("stakeFor", BOB.address, 4 * TALLY, sender=EVE)
    assert receipt.event("Staked").args == {"staker": BOB.address, "amount": 4 * TALLY}
    assert [system.vault.call("stakedOf", who.address) for who in (BOB, EVE)] == [4 * TALLY, 0]
    assert [system.token.call("balanceOf", who.address) for who in (EVE, system.vault)] == [
        2 * TALLY,
        4 * TALLY,
    ]
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    assert claimable(system, BOB, EVE) == [1_000, 0]
    with reverts("DividendVault_NotEnoughStaked", staked=0, wanted=TALLY):
        system.vault.transact("unstake", TALLY, sender=EVE)
    system.vault.transact("unstake", 4 * TALLY, sender=BOB)
    system.evm.warp(EXIT)
    assert system.vault.transact("withdraw", BOB.address, sender=BOB).result == 4 * TALLY


def test_stake_for__nobody_or_too_little_or_unpaid__is_refused(system: System) -> None:
    system.stake_tally(ALICE, TALLY)
    with reverts("DividendVault_ZeroAddress"):
        system.vault.transact("stakeFor", ZERO, TALLY, sender=EVE)
    with reverts("DividendVault_ZeroAmount"):
        system.vault.transact("stakeFor", ALICE.address, 0, sender=EVE)
    for amount in (1, TALLY - 1):
        with reverts("DividendVault_BelowMinimum", staked=amount):
            system.vault.transact("stakeFor", ALICE.address, amount, sender=EVE)
    with reverts("ERC20InsufficientAllowance"):
        system.vault.transact("stakeFor", ALICE.address, TALLY, sender=EVE)
    # For oneself it is `stake`: any addition that leaves enough.
    system.faucet.transact("drip", ALICE.address, 1, sender=EVE)
    system.vault.transact("stakeFor", ALICE.address, 1, sender=ALICE)
    assert system.vault.call("stakedOf", ALICE.address) == TALLY + 1


@pytest.mark.parametrize("leaving", [2 * TALLY, TALLY])
def test_stake_for__gift_just_before_an_exit__neither_stops_nor_delays_it(
    system: System, leaving: int
) -> None:
    system.stake_tally(ALICE, 4 * TALLY)
    system.vault.transact("unstake", 2 * TALLY, sender=ALICE)
    unlocks = system.evm.now + EXIT
    system.evm.warp(EXIT - 1)
    system.faucet.transact("drip", EVE.address, TALLY, sender=EVE)
    system.token.transact("approve", system.vault.address, TALLY, sender=EVE)
    system.vault.transact("stakeFor", ALICE.address, TALLY, sender=EVE)
    assert system.vault.call("exitingOf", ALICE.address) == (2 * TALLY, unlocks)
    system.evm.warp(1)
    assert system.vault.transact("withdraw", ALICE.address, sender=ALICE).result == 2 * TALLY
    system.vault.transact("unstake", leaving, sender=ALICE)
    assert system.vault.call("stakedOf", ALICE.address) == 3 * TALLY - leaving


def test_stake_for__one_with_earnings__leaves_them_as_they_were(system: System) -> None:
    streamed(system, alice=1, bob=1)
    system.faucet.transact("drip", EVE.address, 8 * TALLY, sender=EVE)
    system.token.transact("approve", system.vault.address, 8 * TALLY, sender=EVE)
    system.vault.transact("stakeFor", ALICE.address, 8 * TALLY, sender=EVE)
    assert claimable(system, ALICE, BOB) == [500, 500]
    pull(system, 1_000)
    next_week(system)
    next_week(system)
    assert claimable(system, ALICE, BOB) == [1_400, 600]


# Permits


def permit(
    system: System, owner: Account, amount: int, deadline: int, signer: Account | None = None
) -> tuple[Any, ...]:
    """(deadline, v, r, s) of a permit of TALLY for the vault, encoded and signed by eth-account."""
    domain = {
        "name": "Tallystick",
        "version": "1",
        "chainId": CHAIN_ID,
        "verifyingContract": system.token.address,
    }
    message = {
        "owner": ("address", owner.address),
        "spender": ("address", system.vault.address),
        "value": ("uint256", amount),
        "nonce": ("uint256", system.token.call("nonces", owner.address)),
        "deadline": ("uint256", deadline),
    }
    types = {"Permit": [{"name": name, "type": part} for name, (part, _) in message.items()]}
    values = {name: value for name, (_, value) in message.items()}
    signed = EthAccount.sign_typed_data((signer or owner).key.secret, domain, types, values)
    return deadline, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")


def test_permit__good__stakes_without_an_approval_before(system: System) -> None:
    system.faucet.transact("drip", ALICE.address, 5 * TALLY, sender=ALICE)
    signed = permit(system, ALICE, 3 * TALLY, system.evm.now)
    receipt = system.vault.transact("stakeWithPermit", 3 * TALLY, *signed, sender=ALICE)
    assert receipt.event("Staked").args == {"staker": ALICE.address, "amount": 3 * TALLY}
    assert system.vault.call("stakedOf", ALICE.address) == system.vault.call("totalStaked") == 3 * TALLY
    assert system.token.call("allowance", ALICE.address, system.vault.address) == 0


def test_permit__carried_by_a_front_runner__does_no_harm(system: System) -> None:
    system.faucet.transact("drip", ALICE.address, TALLY, sender=ALICE)
    signed = permit(system, ALICE, TALLY, system.evm.now)
    system.token.transact("permit", ALICE.address, system.vault.address, TALLY, *signed, sender=EVE)
    system.vault.transact("stakeWithPermit", TALLY, *signed, sender=ALICE)
    assert system.vault.call("stakedOf", ALICE.address) == TALLY


@pytest.mark.parametrize("flaw", ["late", "other signer", "other amount"])
def test_permit__bad__the_allowance_decides(system: System, flaw: str) -> None:
    system.faucet.transact("drip", ALICE.address, TALLY, sender=ALICE)
    now = system.evm.now
    signed = {
        "late": lambda: permit(system, ALICE, TALLY, now - 1),
        "other signer": lambda: permit(system, ALICE, TALLY, now, signer=EVE),
        "other amount": lambda: permit(system, ALICE, 2 * TALLY, now),
    }[flaw]()
    with reverts("ERC20InsufficientAllowance", allowance=0, needed=TALLY):
        system.vault.transact("stakeWithPermit", TALLY, *signed, sender=ALICE)
    system.token.transact("approve", system.vault.address, TALLY, sender=ALICE)
    system.vault.transact("stakeWithPermit", TALLY, *signed, sender=ALICE)
    assert system.vault.call("stakedOf", ALICE.address) == TALLY


def test_permit__of_somebody_else__takes_nothing_of_theirs(system: System) -> None:
    system.faucet.transact("drip", ALICE.address, TALLY, sender=ALICE)
    signed = permit(system, ALICE, TALLY, system.evm.now)
    with reverts("ERC20InsufficientAllowance"):
        system.vault.transact("stakeWithPermit", TALLY, *signed, sender=EVE)
    assert system.token.call("balanceOf", ALICE.address) == TALLY


def test_permit__too_little_or_nothing__is_refused_as_by_stake(system: System) -> None:
    system.faucet.transact("drip", ALICE.address, TALLY, sender=ALICE)
    signed = permit(system, ALICE, TALLY, system.evm.now)
    with reverts("DividendVault_ZeroAmount"):
        system.vault.transact("stakeWithPermit", 0, *signed, sender=ALICE)
    with reverts("DividendVault_BelowMinimum", staked=TALLY - 1):
        system.vault.transact("stakeWithPermit", TALLY - 1, *signed, sender=ALICE)


def test_permit__token_without_permits__stakes_by_the_allowance(system: System) -> None:
    token = system.evm.deploy("ReentrantDollar")
    vault = system.evm.deploy("DividendVault", system.currency.address, token.address, EVE.address, EXIT)
    token.transact("mint", ALICE.address, TALLY, sender=EVE)
    token.transact("approve", vault.address, TALLY, sender=ALICE)
    vault.transact("stakeWithPermit", TALLY, 0, 27, bytes(32), bytes(32), sender=ALICE)
    assert vault.call("stakedOf", ALICE.address) == TALLY


# Figures of a lifetime


def test_lifetime__earned_and_claimed__go_on_through_claims_and_exits(system: System) -> None:
    def lifetime(staker: Account) -> tuple[int, int]:
        earned, taken = system.vault.call("lifetimeOf", staker.address)
        return earned, taken

    assert lifetime(ALICE) == (0, 0)
    system.stake_tally(ALICE, TALLY)
    system.stake_tally(BOB, 3 * TALLY)
    pull(system, 1_000)
    next_week(system, WEEK // 2)
    assert (lifetime(ALICE), lifetime(BOB)) == ((125, 0), (375, 0))
    system.vault.transact("claim", SAFE.address, sender=ALICE)
    assert lifetime(ALICE) == (125, 125)
    next_week(system)
    assert (lifetime(ALICE), lifetime(BOB)) == ((250, 125), (750, 0))
    system.vault.transact("unstake", TALLY, sender=ALICE)
    system.evm.warp(EXIT)
    system.vault.transact("withdraw", ALICE.address, sender=ALICE)
    set_payout(system, ALICE, SAFE)
    claim_for(system, ALICE)
    assert (lifetime(ALICE), claimable(system, ALICE)) == ((250, 250), [0])
    system.stake_tally(ALICE, TALLY)
    pull(system, 400)
    next_week(system)
    next_week(system)
    assert (lifetime(ALICE), claimable(system, ALICE)) == ((350, 250), [100])


def test_carried__idle_weeks__count_each_time_and_before_anybody_comes(system: System) -> None:
    def carried() -> int:
        return int(system.vault.call("totalCarried"))

    pull(system, 604_800)
    assert carried() == 0
    next_week(system, 100_000)
    assert carried() == 100_000
    next_week(system)
    assert carried() == 604_800
    next_week(system)
    next_week(system, 1_000)
    assert carried() == 3 * 604_800 + 1_000
    system.stake_tally(ALICE, TALLY)
    assert carried() == 3 * 604_800 + 1_000
    system.evm.warp(100_000)
    assert carried() == 3 * 604_800 + 1_000
    system.vault.transact("unstake", TALLY, sender=ALICE)
    system.evm.warp(5_000)
    pull(system, 1)  # an update in between counts nothing twice
    assert carried() == 3 * 604_800 + 6_000
    system.evm.warp(5_000)
    assert carried() == 3 * 604_800 + 11_000
    # 100 000 µ went to the staker; all the rest has streamed by the end of the next week but one, and the 1 µ with it.
    next_week(system)
    assert carried() == 3 * 604_800 + 1_000 + 503_800
    next_week(system)
    assert carried() == 3 * 604_800 + 1_000 + 503_800 + 504_801
