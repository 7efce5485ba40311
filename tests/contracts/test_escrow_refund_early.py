"""Refunds without the waiting, with the operator's consent: who may give it, for what, and what a lease forgoes.

A lease of these tests costs 100 µ a second; LAG is 259 200 s; the provider's fee is 500 bps.
"""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol import eip712
from tallystick.protocol.enums import CloseReason
from tests.support.escrow import (
    ANN,
    LEDGER,
    MALLORY,
    OTTO,
    PAULA,
    RITA,
    SAM,
    Desk,
    deploy_escrow,
    open_desk,
    open_solo,
)
from tests.support.evm import Account, Evm, Receipt, account, reverts
from tests.support.system import DOLLAR, Role

LAG = 259_200
PRICE = 100_000_000
FROZEN, HELD = 1 << 11, 1 << 2  # bits of the hot slot
MONEY = 100_000 * DOLLAR


def leased(desk: Desk, **changes: Any) -> int:
    """Opens a lease of 10 000 seconds, or with these changes."""
    return desk.opened(**({"mode": 1, "unit_price": PRICE, "budget": 1_000_000} | changes))


def consent(desk: Desk, agreement: int, deadline: int, *, signer: Account = OTTO, **domain: Any) -> bytes:
    """A signed EarlyRefund."""
    message = eip712.EarlyRefund(agreement, deadline)
    return signer.sign(eip712.digest(desk.domain(**domain), message.hash_struct()))


def refund_early(
    desk: Desk, agreement: int, deadline: int = 0, signature: bytes = b"", sender: Account = MALLORY
) -> Receipt:
    return desk.escrow.transact("refundEarly", agreement, deadline, signature, sender=sender)


def stopped(desk: Desk) -> int:
    """A lease that its provider stopped after 100 s, now."""
    lease = leased(desk)
    desk.evm.warp(100)
    desk.escrow.transact("close", lease, sender=OTTO)
    return lease


def test_owner__at_the_end__refunds_at_once_and_the_pledge_comes_back() -> None:
    desk = open_desk()
    lease, end = leased(desk), desk.now + 10_000
    desk.evm.warp_to(end - 1)
    with reverts("Escrow_NotEnded", agreement=lease, end=end):
        refund_early(desk, lease, sender=OTTO)
    desk.evm.warp_to(end)
    # Neither signature nor deadline: the caller is its own. The horizon is far before the start, so nothing is paid.
    receipt = refund_early(desk, lease, sender=OTTO)
    closed = {"paid": 0, "refunded": 1_000_000, "reason": CloseReason.EXHAUSTED}
    assert receipt.event("Closed").args == {"agreement": lease} | closed
    assert (desk.free(1), desk.locked(1), desk.pledged()) == (MONEY, 0, 0)
    desk.check_solvent()


def test_lease__pays_its_clock_to_the_horizon_and_forgoes_the_rest() -> None:
    """It ran 400 000 s; the horizon is at 400 000 - 259 200 = 140 800 s: 14 080 000 µ, net 13 376 000."""
    desk = open_desk()
    lease = leased(desk, budget=40_000_000, expiry=desk.now + 500_000)
    desk.evm.warp(400_000)
    receipt = refund_early(desk, lease, sender=OTTO)
    closed = {"paid": 14_080_000, "refunded": 25_920_000, "reason": CloseReason.EXHAUSTED}
    assert receipt.event("Closed").args == {"agreement": lease} | closed
    assert desk.escrow.call("earningsOf", 2) == (13_376_000, 0, 704_000)
    desk.check_solvent()


def test_lease__horizon_past_its_end__pays_to_the_end() -> None:
    desk = open_desk()
    lease = leased(desk)
    desk.evm.warp(10_000 + LAG + 50)
    assert refund_early(desk, lease, sender=OTTO).event("Closed").args["paid"] == 1_000_000


def test_lease__paid_with_both_signatures_first__forgoes_nothing() -> None:
    """10 000 s less 40: 996 000; 4 000 come back the same second."""
    desk, _ = open_solo()
    lease = leased(desk)
    desk.evm.warp(10_000)
    desk.escrow.transact("settleSigned", [(lease, 40, desk.now, 2**64 - 1)], sender=LEDGER)
    closed = refund_early(desk, lease, sender=OTTO).event("Closed").args
    assert (closed["paid"], closed["refunded"]) == (996_000, 4_000)


def test_lease__downtime_that_came_after_the_payment__takes_nothing_back() -> None:
    desk, _ = open_solo()
    lease = leased(desk, budget=40_000_000, expiry=desk.now + 500_000)
    desk.evm.warp(LAG + 1_000)
    desk.escrow.transact("poke", [lease], sender=MALLORY)
    desk.escrow.transact("setDowntime", lease, 5_000, sender=LEDGER)
    desk.escrow.transact("close", lease, sender=OTTO)
    closed = refund_early(desk, lease, sender=OTTO).event("Closed").args
    assert (closed["paid"], closed["refunded"]) == (100_000, 39_900_000)


def test_metered__keeps_what_is_paid_and_gets_the_rest() -> None:
    desk = open_desk()
    metered = desk.opened()
    desk.pay([(metered, 300_000)])
    desk.escrow.transact("close", metered, sender=OTTO)
    receipt = refund_early(desk, metered, sender=OTTO)
    assert receipt.events("Settled") == []
    closed = {"paid": 300_000, "refunded": 700_000, "reason": CloseReason.CLOSED_BY_PROVIDER}
    assert receipt.event("Closed").args == {"agreement": metered} | closed
    desk.check_solvent()


def test_floor_of_the_policy__does_not_hold_it_up() -> None:
    """The floor keeps time for the operator's work; who forgoes the waiting forgoes it."""
    desk, _ = open_solo()
    desk.escrow.transact("raiseRefundFloor", 1, desk.now + 10**6, sender=LEDGER)
    assert refund_early(desk, stopped(desk), sender=OTTO).event("Closed").args["refunded"] == 1_000_000


# Signed consent


def test_signed__anyone_brings_it_until_the_deadline_and_once() -> None:
    desk = open_desk()
    lease = stopped(desk)
    deadline = desk.now + 50
    signature = consent(desk, lease, deadline)
    desk.evm.warp_to(deadline)
    assert refund_early(desk, lease, deadline, signature).event("Closed").args["refunded"] == 1_000_000
    with reverts("Escrow_NotOpen", agreement=lease):
        refund_early(desk, lease, deadline, signature)


def test_signed__before_the_end__is_good_only_after_it() -> None:
    desk = open_desk()
    lease, end = leased(desk), desk.now + 10_000
    signature = consent(desk, lease, end + 50)
    with reverts("Escrow_NotEnded", agreement=lease, end=end):
        refund_early(desk, lease, end + 50, signature)
    desk.evm.warp_to(end)
    refund_early(desk, lease, end + 50, signature)


def test_signed__a_second_after_the_deadline__refused_to_all_but_the_owner() -> None:
    desk = open_desk()
    lease = stopped(desk)
    deadline = desk.now + 50
    signature = consent(desk, lease, deadline)
    desk.evm.warp(51)
    with reverts("Escrow_DeadlinePassed", deadline=deadline):
        refund_early(desk, lease, deadline, signature)
    refund_early(desk, lease, deadline, signature, sender=OTTO)


@pytest.mark.parametrize("who", [ANN, PAULA, SAM, RITA, MALLORY])
def test_signed__by_another__refused_also_when_it_calls_itself(who: Account) -> None:
    desk = open_desk()
    lease = stopped(desk)
    deadline = desk.now + 50
    for sender in (MALLORY, who):
        with reverts("Escrow_BadSignature", agreement=lease, signer=OTTO.address):
            refund_early(desk, lease, deadline, consent(desk, lease, deadline, signer=who), sender=sender)


def test_signed__for_another_agreement_deadline_chain_or_contract__refused() -> None:
    desk = open_desk()
    lease, other = stopped(desk), stopped(desk)
    deadline = desk.now + 50
    elsewhere = deploy_escrow(desk.system)
    wrong = [
        consent(desk, other, deadline),
        consent(desk, lease, deadline + 1),
        consent(desk, lease, deadline, chain_id=1),
        consent(desk, lease, deadline, escrow=elsewhere),
        consent(desk, lease, deadline, escrow=desk.ledger),
        b"",
        bytes(65),
        consent(desk, lease, deadline)[:64],
        consent(desk, lease, deadline) + b"\0",
    ]
    for signature in wrong:
        with reverts("Escrow_BadSignature", agreement=lease, signer=OTTO.address):
            refund_early(desk, lease, deadline, signature)
    assert desk.agreement(lease)["status"] == 1
    refund_early(desk, lease, deadline, consent(desk, lease, deadline))


def test_signed__terms_of_the_same_agreement__are_no_consent() -> None:
    """What the operator signed to open it does not refund it."""
    desk = open_desk()
    terms = desk.terms(mode=1, unit_price=PRICE)
    signatures = desk.signed(terms)
    (lease,) = desk.open_with([(terms, signatures)]).result
    desk.evm.warp(100)
    desk.escrow.transact("close", lease, sender=OTTO)
    with reverts("Escrow_BadSignature", agreement=lease, signer=OTTO.address):
        refund_early(desk, lease, terms.deadline, signatures[1])


def test_signed__operator_is_a_contract_wallet__the_wallet_is_asked() -> None:
    """The wallet's key is Carol's."""
    desk = open_desk()
    carol = account("carol")
    wallet = desk.evm.deploy("WalletMock", carol.address)
    staking = desk.system.staking
    register = staking.encode("register", int(Role.PROVIDER), 1, 276, 0, bytes(32))
    wallet.transact("execute", staking.address, register, sender=carol)
    operator = staking.call("count")
    desk.system.fund(MALLORY, 10_000 * DOLLAR, staking)
    staking.transact("stake", operator, 10_000 * DOLLAR, sender=MALLORY)
    terms = desk.terms(mode=1, unit_price=PRICE, operator=operator, expiry=desk.now + 100)
    (lease,) = desk.open_with([(terms, desk.signed(terms, operator=carol))]).result
    desk.evm.warp(100)
    deadline = desk.now + 50
    with reverts("Escrow_BadSignature", agreement=lease, signer=wallet.address):
        refund_early(desk, lease, deadline, consent(desk, lease, deadline))
    receipt = refund_early(desk, lease, deadline, consent(desk, lease, deadline, signer=carol))
    assert receipt.event("Closed").args["refunded"] == 1_000_000


# What holds it up


@pytest.mark.parametrize("bits", [FROZEN, HELD, 200 << 2])
def test_frozen_or_held__refused_to_the_owner_too(bits: int) -> None:
    desk = open_desk(evm=Evm())
    lease = stopped(desk)
    desk.set_bits(lease, hot=bits)
    deadline = desk.now + 50
    with reverts("Escrow_Held", agreement=lease):
        refund_early(desk, lease, sender=OTTO)
    with reverts("Escrow_Held", agreement=lease):
        refund_early(desk, lease, deadline, consent(desk, lease, deadline))


def test_time_that_a_ruling_gave_to_others__is_not_the_operators_to_waive() -> None:
    """Nothing writes `notBefore` in this version; the early refund respects it already."""
    desk = open_desk(evm=Evm())
    lease = stopped(desk)
    later = desk.now + 1_000
    desk.set_bits(lease, cold=later)
    with reverts("Escrow_NotRefundableYet", agreement=lease, refundableAt=later):
        refund_early(desk, lease, sender=OTTO)
    desk.evm.warp_to(later)
    refund_early(desk, lease, sender=OTTO)


def test_unknown__refused() -> None:
    desk = open_desk()
    with reverts("Escrow_NotOpen", agreement=99):
        refund_early(desk, 99, sender=OTTO)
