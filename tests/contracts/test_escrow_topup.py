"""Raising the budget of a running agreement: by its Terms up to their maximum, by the operator's signature beyond."""

from __future__ import annotations

from typing import Any

import pyrevm
import pytest

from tallystick.protocol import eip712
from tallystick.protocol.eip712 import Terms, TopUp
from tallystick.protocol.enums import CredentialKind, SkipReason
from tallystick.protocol.hashing import keccak256
from tests.support.escrow import ANN, DAY, MALLORY, OTTO, PAULA, SAM, Desk, open_desk, skips
from tests.support.evm import _SLOT, _STATE, Account, Bound, Evm, Receipt, account, reverts
from tests.support.system import DOLLAR, Role

MONEY = 100_000 * DOLLAR  # Ann's, Sam's, and Otto's stake
REF = b"\x11" * 32
FROZEN, ONE_HOLD = 1 << 11, 1 << 2  # bits of the hot slot
YES, NO, REVERTS, BURNS = 1, 2, 8, 9  # WalletMock.Answer


def desk_with_fees(evm: Evm | None = None) -> Desk:
    """500 basis points of the provider, 333 of the customer, for what opens from now on."""
    desk = open_desk(evm=evm)
    desk.escrow.transact("setFees", 500, 333, sender=desk.system.admin)
    return desk


def running(desk: Desk, **changes: Any) -> tuple[int, Terms]:
    terms = desk.terms(**({"budget": 1_000} | changes))
    (number,) = desk.opened_many([terms])
    return number, terms


def top_up(
    desk: Desk,
    number: int,
    budget: int,
    terms: Terms,
    *,
    sender: Account = ANN,
    pair: tuple[bytes, bytes] | None = None,
) -> Receipt:
    """With both signatures unless told otherwise."""
    pair = desk.signed(terms) if pair is None else pair
    return desk.escrow.transact("topUp", number, budget, tuple(terms), pair, sender=sender)


def consent(
    desk: Desk, number: int, budget: int, deadline: int, signer: Account = OTTO, **domain: Any
) -> bytes:
    """The operator's signature over a higher budget."""
    message = TopUp(number, budget, deadline)
    return signer.sign(eip712.digest(desk.domain(**domain), message.hash_struct()))


def top_up_signed(
    desk: Desk,
    number: int,
    budget: int,
    *,
    sender: Account = ANN,
    deadline: int | None = None,
    signature: bytes | None = None,
) -> Receipt:
    deadline = desk.now if deadline is None else deadline
    signature = consent(desk, number, budget, deadline) if signature is None else signature
    return desk.escrow.transact("topUpSigned", number, budget, deadline, signature, sender=sender)


def check_books(desk: Desk) -> None:
    desk.check_solvent()
    assert desk.escrow.call("liabilities") == desk.liabilities()


def refund(desk: Desk, number: int) -> int:
    desk.evm.warp_to(desk.escrow.call("refundableAt", number))
    receipt = desk.escrow.transact("refund", number, sender=MALLORY)
    return int(receipt.event("Closed").args["refunded"])


# What it moves


def test_top_up__both_fees__locks_and_pledges_the_differences_of_the_rounded_figures() -> None:
    desk = desk_with_fees()
    number, terms = running(desk)
    # 1 000 and its fee floor(33.3) = 33; a tenth pledged.
    assert (desk.free(1), desk.locked(1), desk.pledged()) == (MONEY - 1_033, 1_033, 100)
    receipt = top_up(desk, number, 2_001, terms)
    assert receipt.event("ToppedUp").args == {"agreement": number, "budget": 2_001}
    # 1 001 more; floor(66.6333) = 66 of fee, so 33 more; ceil(200.1) = 201 pledged, 101 more.
    assert (desk.free(1), desk.locked(1), desk.pledged()) == (MONEY - 2_067, 2_067, 201)
    top_up(desk, number, 2_005, terms)
    # floor(66.7665) = 66 and ceil(200.5) = 201: only the budget grew.
    assert (desk.free(1), desk.locked(1), desk.pledged()) == (MONEY - 2_071, 2_071, 201)
    top_up(desk, number, 2_012, terms)
    # floor(66.9996) = 66, ceil(201.2) = 202; 2 013 would be floor(67.0329) = 67.
    assert (desk.locked(1), desk.pledged()) == (2_078, 202)
    top_up(desk, number, 2_013, terms)
    assert (desk.locked(1), desk.pledged()) == (2_080, 202)
    assert desk.agreement(number)["budget"] == 2_013
    check_books(desk)
    desk.pay([(number, 2_013)])
    # Provider's fee floor(100.65) = 100, net 1 913; customer's 67: nothing is left.
    assert desk.escrow.call("earningsOf", 2) == (1_913, 0, 167)
    assert refund(desk, number) == 0
    assert (desk.free(1), desk.locked(1), desk.pledged()) == (MONEY - 2_080, 0, 0)
    check_books(desk)


def test_top_up__work_that_was_capped__is_paid_by_the_same_figure() -> None:
    desk = open_desk()
    number, terms = running(desk)
    assert skips(desk.pay([(number, 1_500)])) == [(number, 1_500, SkipReason.CAPPED_AT_BUDGET)]
    assert desk.agreement(number)["paid"] == 1_000
    desk.evm.warp_to(desk.agreement(number)["end"] - 1)
    top_up(desk, number, 1_400, terms)
    desk.pay([(number, 1_500)])
    assert desk.agreement(number)["paid"] == 1_400
    assert desk.received(2) == 1_330
    check_books(desk)


def test_top_up__fees_and_policy_changed_since__keeps_its_own_and_cannot_be_paused() -> None:
    desk = desk_with_fees()
    number, terms = running(desk)
    desk.escrow.transact("setFees", 0, 2_000, sender=desk.system.admin)
    desk.system.policy_book.transact("retire", 1, sender=desk.system.admin)
    desk.escrow.transact("pauseOpening", 3 * DAY, sender=desk.system.admin)
    top_up(desk, number, 2_001, terms)
    assert desk.locked(1) == 2_067
    assert desk.agreement(number)["feeCustomer"] == 333
    top_up_signed(desk, number, 2_013)
    assert desk.locked(1) == 2_080
    check_books(desk)


def test_top_up__after_a_part_was_paid__closed_conserves_every_micro() -> None:
    desk = desk_with_fees()
    number, terms = running(desk)
    desk.pay([(number, 500)])  # fee floor(16.65) = 16
    top_up(desk, number, 3_000, terms)  # floor(99.9) = 99
    desk.pay([(number, 1_234)])  # floor(41.0922) = 41
    # Locked in 3 099, spent 1 275.
    assert refund(desk, number) == 1_824
    assert (desk.free(1), desk.locked(1)) == (MONEY - 1_275, 0)
    check_books(desk)


# Its Terms


_CHANGES: dict[str, Any] = {
    "customer": 3, "funder": 3, "operator": 2, "payee": 1, "mode": 1, "policy": 2, "max_fee_provider": 1_999,
    "max_fee_customer": 1_999, "unit_price": 1_000_001, "budget": 1_001, "max_budget": 2**56 - 2, "start": 1,
    "expiry": 2**32 - 1, "work_hash": b"\x78" * 32, "customer_nonce": 7, "operator_nonce": 8, "deadline": 2**40 - 1,
}  # fmt: skip


@pytest.mark.parametrize("field", Terms._fields)
def test_terms__one_field_changed_and_signed_again_by_both__are_not_the_agreements(field: str) -> None:
    desk = open_desk()
    number, terms = running(desk)
    before = desk.picture()
    other = terms._replace(**{field: _CHANGES[field]})
    with reverts("Escrow_WrongTerms", agreement=number):
        top_up(desk, number, 2_000, other)
    assert desk.picture() == before


def test_terms__of_another_agreement__refused() -> None:
    desk = open_desk()
    (first, first_terms), (second, second_terms) = running(desk), running(desk)
    for number, terms in ((first, second_terms), (second, first_terms)):
        with reverts("Escrow_WrongTerms", agreement=number):
            top_up(desk, number, 2_000, terms)


_STORED = ("customer", "funder", "operator", "payee", "mode", "policy", "unit_price", "expiry")


@pytest.mark.parametrize("field", _STORED)
def test_terms__whose_hash_begins_alike__are_told_apart_by_what_is_stored(field: str) -> None:
    """32 bits of a hash can be ground out: here the slots are moved to the number that the other Terms would have."""
    desk = open_desk(evm=Evm())
    number, terms = running(desk)
    other = terms._replace(**{field: _CHANGES[field]})
    alike = (number >> 32) << 32 | int.from_bytes(other.hash_struct()[:4], "big")
    move(desk, number, alike)
    with reverts("Escrow_WrongTerms", agreement=alike):
        top_up(desk, alike, 2_000, other)
    # The same move to Terms that differ in nothing stored opens the way: it is this comparison that refused.
    same = terms._replace(work_hash=b"\x79" * 32)
    move(desk, alike, twin := (number >> 32) << 32 | int.from_bytes(same.hash_struct()[:4], "big"))
    top_up(desk, twin, 2_000, same)


def move(desk: Desk, number: int, to: int) -> None:
    """Copies an agreement's two slots to another number."""
    for slot in range(20):
        place = int.from_bytes(keccak256(number.to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")
        if desk.evm.storage(desk.escrow.address, place):
            break
    else:
        raise AssertionError("no mapping holds this agreement")
    target = int.from_bytes(keccak256(to.to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")
    for offset in (0, 1):
        word = desk.evm.storage(desk.escrow.address, place + offset)
        desk.evm._revm.insert_account_storage(desk.escrow.address, target + offset, word)


def test_terms__signatures__both_needed_but_the_callers_own() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 10_000, REF, sender=SAM)
    own, own_terms = running(desk)
    sponsored, terms = running(desk, funder=3)
    customer, operator = desk.signed(terms)
    digest = eip712.digest(desk.domain(chain_id=1), terms.hash_struct())
    elsewhere = eip712.digest(desk.domain(escrow=desk.ledger), terms.hash_struct())
    for bad in (b"", ANN.sign(digest), ANN.sign(elsewhere), operator, SAM.sign(desk.digest(terms))):
        with reverts("Escrow_BadSignature", agreement=sponsored, signer=ANN.address):
            top_up(desk, sponsored, 2_000, terms, sender=SAM, pair=(bad, operator))
    for bad in (b"", OTTO.sign(digest), OTTO.sign(elsewhere), customer, SAM.sign(desk.digest(terms))):
        with reverts("Escrow_BadSignature", agreement=sponsored, signer=OTTO.address):
            top_up(desk, sponsored, 2_000, terms, sender=SAM, pair=(customer, bad))
    top_up(desk, sponsored, 2_000, terms, sender=SAM)
    # Ann is customer and funder: calling is her signature.
    with reverts("Escrow_BadSignature", agreement=own, signer=OTTO.address):
        top_up(desk, own, 2_000, own_terms, pair=(b"", b""))
    top_up(desk, own, 2_000, own_terms, pair=(b"", desk.signed(own_terms)[1]))
    assert desk.agreement(own)["budget"] == desk.agreement(sponsored)["budget"] == 2_000


# When it is refused


def test_top_up__not_above_the_old_or_above_the_maximum__refused() -> None:
    desk = open_desk()
    number, terms = running(desk, max_budget=5_000)
    for budget in (0, 1, 999, 1_000, 5_001, 2**56 - 1):
        with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=budget, most=5_000):
            top_up(desk, number, budget, terms)
    top_up(desk, number, 5_000, terms)
    with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=5_000, most=5_000):
        top_up(desk, number, 5_000, terms)
    assert desk.locked(1) == 5_000


@pytest.mark.parametrize("signed", [False, True])
def test_top_up__by_anyone_but_the_funder__refused(signed: bool) -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 10_000, REF, sender=SAM)
    own, own_terms = running(desk)
    sponsored, terms = running(desk, funder=3)
    for number, funder, offer, callers in (
        (own, 1, own_terms, (MALLORY, OTTO, PAULA, SAM)),
        (sponsored, 3, terms, (MALLORY, OTTO, PAULA, ANN)),
    ):
        for caller in callers:
            with reverts("Escrow_NotOwner", account=funder, caller=caller.address):
                if signed:
                    top_up_signed(desk, number, 2_000, sender=caller)
                else:
                    top_up(desk, number, 2_000, offer, sender=caller)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("ended", ["expired", "closed by the customer", "closed by the provider"])
def test_top_up__from_the_end_on__refused(ended: str, signed: bool) -> None:
    desk = open_desk()
    number, terms = running(desk)
    end = desk.agreement(number)["end"]
    if ended != "expired":
        by, end = (ANN, desk.now + 3_600) if "customer" in ended else (OTTO, desk.now)
        desk.escrow.transact("close", number, sender=by)
    if end > desk.now:
        desk.evm.warp_to(end - 1)
        top_up(desk, number, 1_001, terms)
        desk.evm.warp(1)
    with reverts("Escrow_Ended", agreement=number, end=end):
        if signed:
            top_up_signed(desk, number, 2_000)
        else:
            top_up(desk, number, 2_000, terms)


@pytest.mark.parametrize("signed", [False, True])
def test_top_up__frozen_refused_held_not(signed: bool) -> None:
    desk = open_desk(evm=Evm())
    number, terms = running(desk)
    desk.set_bits(number, hot=ONE_HOLD)

    def raise_to(budget: int) -> None:
        if signed:
            top_up_signed(desk, number, budget)
        else:
            top_up(desk, number, budget, terms)

    raise_to(2_000)
    desk.set_bits(number, hot=FROZEN)
    with reverts("Escrow_Held", agreement=number):
        raise_to(3_000)
    assert desk.agreement(number)["budget"] == 2_000


@pytest.mark.parametrize("signed", [False, True])
def test_top_up__closed_or_never_opened__refused(signed: bool) -> None:
    desk = open_desk()
    number, terms = running(desk)
    refund(desk, number)
    for which in (number, number + 1, 0):
        with reverts("Escrow_NotOpen", agreement=which):
            if signed:
                top_up_signed(desk, which, 2_000)
            else:
                top_up(desk, which, 2_000, terms)


def test_top_up__money_short_by_one__refused_and_nothing_changed() -> None:
    desk = desk_with_fees()
    number, terms = running(desk)
    # 1 034 are needed for 2 001: see above.
    desk.escrow.transact("withdraw", 1, MONEY - 1_033 - 1_033, ANN.address, sender=ANN)
    before = desk.picture()
    with reverts("Escrow_NotEnoughFree", account=1, free=1_033, wanted=1_034):
        top_up(desk, number, 2_001, terms)
    with reverts("Escrow_NotEnoughFree", account=1, free=1_033, wanted=1_034):
        top_up_signed(desk, number, 2_001)
    assert desk.picture() == before
    top_up(desk, number, 2_000, terms)  # 1 000 and floor(66.6) - 33
    assert desk.free(1) == 0
    check_books(desk)


def test_top_up__stake_short_by_one__refused_and_nothing_changed() -> None:
    desk = desk_with_fees()
    number, terms = running(desk)
    # The minimum and 100 µ are left free: enough for ceil(200.0) - 100, not for ceil(200.1) - 100.
    desk.system.staking.transact("unstake", 1, MONEY - 100 - 1_000 * DOLLAR - 100, sender=OTTO)
    before = desk.picture()
    with reverts("Escrow_NotEnoughStake", operator=1, wanted=101):
        top_up(desk, number, 2_001, terms)
    with reverts("Escrow_NotEnoughStake", operator=1, wanted=101):
        top_up_signed(desk, number, 2_001)
    assert (desk.picture(), desk.agreement(number)["budget"]) == (before, 1_000)
    top_up(desk, number, 2_000, terms)
    assert desk.pledged() == 200
    # ceil(201.0) = 201: the minimum itself is not there to be pledged.
    with reverts("Escrow_NotEnoughStake", operator=1, wanted=1):
        top_up(desk, number, 2_010, terms)


# Sponsors


def test_sponsor__opened_topped_up_refunded__the_allowance_is_what_it_was() -> None:
    desk = desk_with_fees()
    desk.escrow.transact("allow", 3, 1, 1, 5_000, REF, sender=SAM)
    left = 5_000
    for spent in (0, 500, 2_013):
        number, terms = running(desk, funder=3)
        assert desk.escrow.call("allowanceOf", 3, 1, 1) == (left - 1_033, 0)
        top_up(desk, number, 2_001, terms, sender=SAM)
        assert desk.escrow.call("allowanceOf", 3, 1, 1) == (left - 2_067, 0)
        top_up_signed(desk, number, 2_013, sender=SAM)
        assert desk.escrow.call("allowanceOf", 3, 1, 1) == (left - 2_080, 0)
        if spent:
            desk.pay([(number, spent)])
        refund(desk, number)
        # 500 cost floor(16.65) = 16, 2 013 cost 67.
        left -= {0: 0, 500: 516, 2_013: 2_080}[spent]
        assert desk.escrow.call("allowanceOf", 3, 1, 1) == (left, 0)
        assert desk.escrow.call("balanceOf", 3) == (MONEY - 5_000 + left, 0)
    assert desk.escrow.call("balanceOf", 1) == (MONEY, 0)
    check_books(desk)


def test_sponsor__allowance_short_by_one__refused_and_nothing_changed() -> None:
    desk = desk_with_fees()
    desk.escrow.transact("allow", 3, 1, 1, 1_033 + 1_033, REF, sender=SAM)
    number, terms = running(desk, funder=3)
    before = desk.picture()
    with reverts("Escrow_NotEnoughAllowance", funder=3, allowed=1_033, wanted=1_034):
        top_up(desk, number, 2_001, terms, sender=SAM)
    with reverts("Escrow_NotEnoughAllowance", funder=3, allowed=1_033, wanted=1_034):
        top_up_signed(desk, number, 2_001, sender=SAM)
    assert desk.picture() == before
    top_up(desk, number, 2_000, terms, sender=SAM)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (0, 0)


def test_sponsor__revoked_pair__no_top_up_until_it_allows_again_and_nothing_restored() -> None:
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 5_000, REF, sender=SAM)
    number, terms = running(desk, funder=3)
    desk.escrow.transact("revoke", 3, 1, 1, sender=SAM)
    with reverts("Escrow_NotEnoughAllowance", funder=3, allowed=0, wanted=1_000):
        top_up(desk, number, 2_000, terms, sender=SAM)
    desk.escrow.transact("allow", 3, 1, 1, 1_500, REF, sender=SAM)
    top_up(desk, number, 2_000, terms, sender=SAM)
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (500, 1)
    # Refunds of what was open at the revocation restore no allowance; the money itself comes back.
    assert refund(desk, number) == 2_000
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (500, 1)
    assert desk.escrow.call("balanceOf", 3) == (MONEY, 0)


# By the operator's signature


def test_top_up_signed__beyond_the_terms_maximum__up_to_what_a_budget_can_be() -> None:
    desk = open_desk(stake=2**53)
    most = 2**56 - 1
    desk.system.fund(ANN, most, desk.escrow)
    desk.escrow.transact("deposit", 1, most, sender=ANN)
    number, terms = running(desk, max_budget=1_000)
    with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=1_001, most=1_000):
        top_up(desk, number, 1_001, terms)
    assert top_up_signed(desk, number, 1_001).event("ToppedUp").args == {"agreement": number, "budget": 1_001}
    for budget in (1_001, 1_000, 0):
        with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=budget, most=most):
            top_up_signed(desk, number, budget)
    desk.system.fund(OTTO, most, desk.system.staking)
    desk.system.staking.transact("stake", 1, most, sender=OTTO)
    top_up_signed(desk, number, most)
    # A tenth, rounded up, of 72 057 594 037 927 935.
    assert (desk.locked(1), desk.pledged()) == (most, 7_205_759_403_792_794)
    check_books(desk)


def test_top_up_signed__deadline__is_its_last_second() -> None:
    desk = open_desk()
    number, _ = running(desk)
    deadline = desk.now + 10
    signature = consent(desk, number, 2_000, deadline)
    desk.evm.warp(11)
    with reverts("Escrow_DeadlinePassed", deadline=deadline):
        top_up_signed(desk, number, 2_000, deadline=deadline, signature=signature)
    desk.evm.warp_to(deadline)
    top_up_signed(desk, number, 2_000, deadline=deadline, signature=signature)
    with reverts("Escrow_BudgetOutOfRange", agreement=number, budget=2_000):  # again
        top_up_signed(desk, number, 2_000, deadline=deadline, signature=signature)


def test_top_up_signed__of_anything_else_or_anyone_else__refused() -> None:
    desk = open_desk()
    number, terms = running(desk)
    other, _ = running(desk)
    now = desk.now
    before = desk.picture()
    for bad in (
        b"",
        consent(desk, other, 2_000, now),
        consent(desk, number, 1_999, now),
        consent(desk, number, 2_001, now),
        consent(desk, number, 2_000, now + 1),
        consent(desk, number, 2_000, now, signer=ANN),
        consent(desk, number, 2_000, now, signer=MALLORY),
        consent(desk, number, 2_000, now, chain_id=1),
        consent(desk, number, 2_000, now, escrow=desk.ledger),
        desk.signed(terms)[1],
        consent(desk, number, 2_000, now)[:64],
        consent(desk, number, 2_000, now) + b"\0",
    ):
        with reverts("Escrow_BadSignature", agreement=number, signer=OTTO.address):
            top_up_signed(desk, number, 2_000, signature=bad)
    assert desk.picture() == before
    top_up_signed(desk, number, 2_000)


def test_top_up_signed__operator_who_is_the_funder__its_call_is_its_signature() -> None:
    desk = open_desk()
    account_of_otto = desk.escrow.transact("createAccount", OTTO.address, sender=MALLORY).result
    desk.system.fund(OTTO, 5_000, desk.escrow)
    desk.escrow.transact("deposit", account_of_otto, 5_000, sender=OTTO)
    terms = desk.terms(customer=account_of_otto, budget=1_000)
    receipt = desk.open_with([(terms, desk.signed(terms, OTTO, OTTO))])
    (number,) = receipt.result
    top_up_signed(desk, number, 2_000, sender=OTTO, signature=b"")
    top_up(desk, number, 3_000, terms, sender=OTTO, pair=(b"", b""))
    assert desk.agreement(number)["budget"] == 3_000


def test_top_up_signed__chain_id_changes_under_the_contract__old_signatures_are_worth_nothing() -> None:
    """The extension has a domain of its own making: it follows a fork as the Escrow's does."""
    desk = open_desk(evm=Evm())
    number, _ = running(desk)
    fork = Evm(chain_id=1, now=desk.now)
    for address, balance, nonce, slots in _STATE.findall(desk.evm._revm.journal_str):
        info = pyrevm.AccountInfo(nonce=int(nonce), balance=int(balance), code=desk.evm.code(address))
        fork._revm.insert_account_info(address, info)
        for slot, value in _SLOT.findall(slots):
            fork._revm.insert_account_storage(address, int(slot), int(value))
    escrow = fork.at("Escrow", desk.escrow.address)
    old = consent(desk, number, 2_000, desk.now)
    with reverts("Escrow_BadSignature", agreement=number, signer=OTTO.address):
        escrow.transact("topUpSigned", number, 2_000, desk.now, old, sender=ANN)
    new = consent(desk, number, 2_000, desk.now, chain_id=1)
    escrow.transact("topUpSigned", number, 2_000, desk.now, new, sender=ANN)
    assert escrow.call("agreementOf", number)["budget"] == 2_000


def wallet_as_operator(desk: Desk) -> tuple[Bound, int]:
    """A contract wallet with Eve's key that owns an operator; an agreement of 1 000 µ with it."""
    wallet = desk.evm.deploy("WalletMock", account("eve").address)
    register = desk.system.staking.encode("register", int(Role.PROVIDER), 1, 276, 0, bytes(32))
    wallet.transact("execute", desk.system.staking.address, register, sender=MALLORY)
    operator = desk.system.staking.call("count")
    desk.system.fund(MALLORY, 2_000 * DOLLAR, desk.system.staking)
    desk.system.staking.transact("stake", operator, 2_000 * DOLLAR, sender=MALLORY)
    terms = desk.terms(operator=operator, budget=1_000)
    receipt = desk.open_with([(terms, desk.signed(terms, ANN, account("eve")))])
    return wallet, int(receipt.result[0])


def test_top_up_signed__operator_is_a_wallet__its_keys_signature_counts_and_no_others() -> None:
    desk = open_desk()
    wallet, number = wallet_as_operator(desk)
    for stranger in (OTTO, MALLORY):
        bad = consent(desk, number, 2_000, desk.now, signer=stranger)
        with reverts("Escrow_BadSignature", agreement=number, signer=wallet.address):
            top_up_signed(desk, number, 2_000, signature=bad)
    good = consent(desk, number, 2_000, desk.now, signer=account("eve"))
    top_up_signed(desk, number, 2_000, signature=good)
    assert desk.agreement(number)["budget"] == 2_000


@pytest.mark.parametrize("how", [NO, REVERTS, BURNS])
def test_top_up_signed__wallet_that_says_no_or_burns_all_gas__refused_at_a_bounded_price(how: int) -> None:
    """Were the call to the wallet not capped, it would burn all but a 64th of 2^40 gas, and never end here."""
    desk = open_desk()
    wallet, number = wallet_as_operator(desk)
    wallet.transact("setAnswer", how, desk.escrow.address, b"", bytes(32), sender=MALLORY)
    with reverts("Escrow_BadSignature", agreement=number, signer=wallet.address):
        top_up_signed(desk, number, 2_000, signature=b"")
    assert desk.agreement(number)["budget"] == 1_000


def test_top_up_signed__wallet_that_says_yes_to_all__binds_only_its_own_stake() -> None:
    desk = open_desk()
    wallet, number = wallet_as_operator(desk)
    wallet.transact("setAnswer", YES, desk.escrow.address, b"", bytes(32), sender=MALLORY)
    otto = desk.pledged()
    with reverts("Escrow_NotOwner", account=1, caller=MALLORY.address):
        top_up_signed(desk, number, 2_000, sender=MALLORY, signature=b"")
    top_up_signed(desk, number, 2_000, signature=b"anything")
    assert desk.agreement(number)["budget"] == 2_000
    assert desk.pledged() == otto == 0
    assert desk.system.staking.call("get", desk.system.staking.call("count"))["pledged"] == 200


# Leases


def lease(desk: Desk, **changes: Any) -> tuple[int, Terms]:
    """100 µ a second for 1 000 seconds, of at most 100 000."""
    return running(desk, **({"mode": 1, "unit_price": 100_000_000, "budget": 100_000} | changes))


def test_top_up__lease__is_funded_the_longer_and_paid_for_it() -> None:
    desk = desk_with_fees()
    number, terms = lease(desk)
    start = desk.now
    assert desk.escrow.call("paidUntil", number) == start + 1_000
    top_up(desk, number, 150_099, terms)  # 1 500.99 s
    assert desk.escrow.call("paidUntil", number) == start + 1_500
    # Fee floor(3 330) = 3 330 before, floor(4 998.2967) = 4 998 now.
    assert desk.locked(1) == 150_099 + 4_998
    desk.evm.warp(1_499)
    top_up_signed(desk, number, 200_000)
    assert desk.escrow.call("paidUntil", number) == start + 2_000
    desk.evm.warp(501)
    with reverts("Escrow_Ended", agreement=number, end=start + 2_000):
        top_up(desk, number, 200_100, terms)
    with reverts("Escrow_Ended", agreement=number, end=start + 2_000):
        top_up_signed(desk, number, 200_100)
    desk.evm.warp(3 * DAY)
    # 2 000 s; customer's fee floor(6 660).
    assert desk.escrow.transact("poke", [number], sender=MALLORY).result == 200_000 + 6_660
    assert desk.received(2) == 190_000
    assert refund(desk, number) == 0
    check_books(desk)


def test_top_up__lease_that_ran_out_a_second_ago__stays_ended() -> None:
    desk = open_desk()
    number, terms = lease(desk)
    desk.evm.warp(999)
    snapshot = desk.evm.snapshot()
    top_up(desk, number, 100_100, terms)
    assert desk.escrow.call("paidUntil", number) == desk.now + 2
    desk.evm.revert(snapshot)
    desk.evm.warp(1)
    with reverts("Escrow_Ended", agreement=number, end=desk.now):
        top_up(desk, number, 100_100, terms)


def test_top_up__lease__reaches_neither_beyond_its_expiry_nor_beyond_a_close() -> None:
    desk = open_desk()
    start = desk.now
    number, terms = lease(desk)
    top_up(desk, number, 20_000_000, terms)  # 200 000 s
    assert desk.escrow.call("paidUntil", number) == start + 100_000
    stopped, stopped_terms = lease(desk, budget=1_000_000)  # 10 000 s
    desk.escrow.transact("close", stopped, sender=ANN)
    top_up(desk, stopped, 2_000_000, stopped_terms)
    assert desk.escrow.call("paidUntil", stopped) == start + 3_600
    desk.evm.warp_to(start + 3_600)
    with reverts("Escrow_Ended", agreement=stopped, end=start + 3_600):
        top_up(desk, stopped, 3_000_000, stopped_terms)
    # 3 600 s are paid, everything else comes back.
    desk.evm.warp(3 * DAY)
    desk.escrow.transact("poke", [stopped], sender=MALLORY)
    assert refund(desk, stopped) == 2_000_000 - 360_000
    check_books(desk)


def test_top_up__lease_under_a_tee_policy__before_it_begins_too_and_the_money_counts_from_there() -> None:
    desk = open_desk()
    issuer, device = account("issuer"), account("device")
    policy = desk.system.add_policy(relayer=2, kind=3, issuer=issuer.address)
    number, terms = lease(desk, policy=policy)
    start = desk.now
    top_up(desk, number, 150_000, terms)
    assert desk.escrow.call("paidUntil", number) == start + 100_000
    assert (desk.locked(1), desk.pledged()) == (150_000, 15_000)
    credential = (
        issuer.address, int(CredentialKind.TEE), device.address, number.to_bytes(32, "big"), b"\1" * 32,
        desk.now + DAY, 1,
    )  # fmt: skip
    desk.system.credentials.transact("post", [credential], [b""], sender=issuer)
    desk.evm.warp(500)
    desk.escrow.transact("begin", number, device.address, sender=OTTO)
    assert desk.escrow.call("paidUntil", number) == start + 500 + 1_500
    top_up(desk, number, 160_000, terms)
    assert desk.escrow.call("paidUntil", number) == start + 500 + 1_600
    desk.evm.warp(4 * DAY)
    # 1 600 s at 100 µ.
    assert desk.escrow.transact("poke", [number], sender=MALLORY).result == 160_000
    check_books(desk)
