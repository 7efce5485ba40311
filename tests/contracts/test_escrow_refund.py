"""Ends, refunds to the second, pledges that come back, and a Staking that will not give them back.

An agreement of these tests runs from t to t + 100 000 s. refundable = end + 86 400 (post) + 259 200 (longest window)
+ 86 400 (settle) = end + 432 000; the customer's notice is 3 600 s.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

from tallystick.protocol.enums import CloseReason
from tests.support.escrow import ANN, MALLORY, OTTO, PAULA, RITA, SAM, Desk, open_desk, open_solo
from tests.support.evm import Account, Bound, Evm, Receipt, Reverted, account, reverts
from tests.support.system import DOLLAR, Role, slash_order

AFTER = 432_000
NOTICE = 3_600
MONEY = 100_000 * DOLLAR


def refund(desk: Desk, agreement: int, sender: Account = MALLORY) -> Receipt:
    return desk.escrow.transact("refund", agreement, sender=sender)


def close(desk: Desk, agreement: int, sender: Account) -> Receipt:
    return desk.escrow.transact("close", agreement, sender=sender)


def check_refundable_at(desk: Desk, agreement: int, due: int) -> Receipt:
    """A second before it is refused, to everybody; at that second anyone can do it."""
    assert desk.escrow.call("refundableAt", agreement) == due
    for early in (desk.now, due - 1):
        desk.evm.warp_to(early)
        for caller in (ANN, OTTO, MALLORY):
            with reverts("Escrow_NotRefundableYet", agreement=agreement, refundableAt=due):
                refund(desk, agreement, caller)
    desk.evm.warp_to(due)
    return refund(desk, agreement)


def with_gas(desk: Desk, calldata: bytes, gas: int) -> bool:
    """Whether the call succeeds with that much gas."""
    try:
        desk.evm._revm.message_call(MALLORY.address, desk.escrow.address, calldata, gas=gas)
    except RuntimeError:
        return False
    finally:
        desk.evm._revm.reset_transient_storage()
    return True


# Times


def test_refund__at_expiry__432_000_seconds_later() -> None:
    desk = open_desk()
    agreement = desk.opened()
    receipt = check_refundable_at(desk, agreement, desk.now + 100_000 + AFTER)
    assert receipt.event("Closed").args == {
        "agreement": agreement,
        "paid": 0,
        "refunded": 1_000_000,
        "reason": CloseReason.EXPIRED,
    }


def test_refund__customer_closed__counts_from_the_end_of_the_notice() -> None:
    desk = open_desk()
    agreement = desk.opened()
    closed = desk.evm.warp(1_000)
    told = close(desk, agreement, ANN).event("CloseRequested").args
    assert told == {
        "agreement": agreement,
        "stopAt": closed + NOTICE,
        "reason": CloseReason.CLOSED_BY_CUSTOMER,
    }
    assert desk.agreement(agreement)["stopAt"] == closed + NOTICE
    receipt = check_refundable_at(desk, agreement, closed + NOTICE + AFTER)
    assert receipt.event("Closed").args["reason"] == CloseReason.CLOSED_BY_CUSTOMER


def test_refund__provider_closed__counts_from_that_second() -> None:
    desk = open_desk()
    agreement = desk.opened()
    closed = desk.evm.warp(1_000)
    told = close(desk, agreement, OTTO).event("CloseRequested").args
    assert told == {"agreement": agreement, "stopAt": closed, "reason": CloseReason.CLOSED_BY_PROVIDER}
    receipt = check_refundable_at(desk, agreement, closed + AFTER)
    assert receipt.event("Closed").args["reason"] == CloseReason.CLOSED_BY_PROVIDER


@pytest.mark.parametrize("who", [ANN, OTTO])
def test_close__before_the_start__ends_at_the_start(who: Account) -> None:
    desk = open_desk()
    start = desk.now + 50_000
    agreement = desk.opened(start=start)
    assert close(desk, agreement, who).event("CloseRequested").args["stopAt"] == start
    for again in (ANN, OTTO):
        with reverts("Escrow_AlreadyEnding", agreement=agreement, endsAt=start):
            close(desk, agreement, again)
    check_refundable_at(desk, agreement, start + AFTER)


def test_close__notice_reaches_past_the_start__ends_with_the_notice() -> None:
    desk = open_desk()
    agreement = desk.opened(start=desk.now + 1_000)
    assert close(desk, agreement, ANN).event("CloseRequested").args["stopAt"] == desk.now + NOTICE


def test_close__never_brings_the_end_later() -> None:
    desk = open_desk()
    agreement = desk.opened()
    first = desk.now + NOTICE
    close(desk, agreement, ANN)
    desk.evm.warp(10)
    with reverts("Escrow_AlreadyEnding", agreement=agreement, endsAt=first):
        close(desk, agreement, ANN)
    # The provider may still stop at once; then nobody can move it any more.
    stopped = desk.evm.warp(10)
    close(desk, agreement, OTTO)
    desk.evm.warp(10)
    for who in (ANN, OTTO):
        with reverts("Escrow_AlreadyEnding", agreement=agreement, endsAt=stopped):
            close(desk, agreement, who)
    record = desk.agreement(agreement)
    assert (record["stopAt"], record["end"]) == (stopped, stopped - 20 + 100_000)
    desk.evm.warp_to(stopped + AFTER)
    assert refund(desk, agreement).event("Closed").args["reason"] == CloseReason.CLOSED_BY_PROVIDER


@pytest.mark.parametrize(("who", "lead"), [(ANN, NOTICE), (OTTO, 0)])
def test_close__in_the_last_second_that_helps__and_one_later(who: Account, lead: int) -> None:
    desk = open_desk()
    early, late = desk.opened(), desk.opened()
    end = desk.agreement(early)["end"]
    desk.evm.warp_to(end - lead - 1)
    close(desk, early, who)
    assert desk.agreement(early)["stopAt"] == end - 1
    desk.evm.warp(1)
    with reverts("Escrow_AlreadyEnding", agreement=late, endsAt=end):
        close(desk, late, who)
    assert desk.agreement(late)["stopAt"] == 0


def test_close__by_no_party__refused() -> None:
    """Payee, funder, another operator and the admin are no parties."""
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    agreement = desk.opened(funder=3)
    for who in (PAULA, SAM, RITA, MALLORY, desk.system.admin):
        with reverts("Escrow_NotParty", agreement=agreement, caller=who.address):
            close(desk, agreement, who)
    close(desk, agreement, ANN)


def test_close_and_refund__of_what_is_not_open__refused() -> None:
    desk = open_desk()
    agreement = desk.opened()
    for number in (0, 1, agreement ^ 1, agreement + (1 << 32), 2**64 - 1):
        for who in (ANN, OTTO):
            with reverts("Escrow_NotOpen", agreement=number):
                close(desk, number, who)
        with reverts("Escrow_NotOpen", agreement=number):
            refund(desk, number)
        with reverts("Escrow_NotOpen", agreement=number):
            desk.escrow.call("refundableAt", number)
    desk.evm.warp(100_000 + AFTER)
    refund(desk, agreement)
    picture = desk.picture()
    for name in ("refund", "close", "refundableAt"):
        with reverts("Escrow_NotOpen", agreement=agreement):
            desk.escrow.transact(name, agreement, sender=ANN)
    assert desk.picture() == picture


def test_close__one_person_on_both_sides__stops_at_once() -> None:
    desk = open_desk()
    mine = desk.system.register(ANN, Role.PROVIDER, free=2_000 * DOLLAR)
    terms = desk.terms(operator=mine)
    agreement = desk.open_with([(terms, (b"", b""))], sender=ANN).result[0]
    assert close(desk, agreement, ANN).event("CloseRequested").args["stopAt"] == desk.now


def test_ends__under_a_retired_policy__as_before() -> None:
    desk = open_desk()
    agreement = desk.opened()
    desk.system.policy_book.transact("retire", 1, sender=desk.system.admin)
    desk.pay([(agreement, 40)])
    close(desk, agreement, ANN)
    desk.evm.warp(NOTICE + AFTER)
    refund(desk, agreement)
    assert (desk.received(2), desk.free(1), desk.pledged()) == (38, MONEY - 40, 0)


def test_refund__longer_challenge_than_self_post_window__counts() -> None:
    desk = open_desk(challengeWindow=270_000, selfPostWindow=1)
    agreement = desk.opened()
    check_refundable_at(desk, agreement, desk.now + 100_000 + 86_400 + 270_000 + 86_400)


def test_invariant_12__work_posted_by_the_end_of_post_grace__is_payable_before_the_refund() -> None:
    """Posted in the last second of POST_GRACE, and settled in the last second before SETTLE_GRACE runs out."""
    desk = open_desk()
    agreement = desk.opened()
    desk.evm.warp(100_000 + 86_400)
    batch = desk.post([(agreement, 123)])
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement) - 1)
    assert desk.settle(batch).result == 123


# Amounts


@pytest.mark.parametrize(
    ("units", "refunded"), [(0, 1_033_298), (1, 1_033_297), (31, 1_033_266), (999_999, 0)]
)
def test_refund__amount__is_what_was_locked_less_what_was_paid(units: int, refunded: int) -> None:
    """Budget 999 999 and 333 bps for the customer: locked 999 999 + 33 299; paid 1 + 0, 31 + 1, all."""
    desk, _ = open_solo(fee_customer=333)
    agreement = desk.opened(budget=999_999)
    locked = 999_999 + 33_299
    assert desk.escrow.call("balanceOf", 1) == (MONEY - locked, locked)
    if units:
        desk.settle_directly([(agreement, units)])
    desk.evm.warp(100_000 + AFTER)
    assert refund(desk, agreement).event("Closed").args == {
        "agreement": agreement,
        "paid": units,
        "refunded": refunded,
        "reason": CloseReason.EXPIRED,
    }
    assert desk.escrow.call("balanceOf", 1) == (MONEY - locked + refunded, 0)
    assert desk.agreement(agreement)["status"] == 2
    desk.check_solvent()


def test_refund__two_agreements__each_frees_only_its_own() -> None:
    desk = open_desk()
    first, second = desk.opened(budget=300), desk.opened(budget=500)
    close(desk, first, OTTO)
    desk.evm.warp(AFTER)
    refund(desk, first)
    assert desk.escrow.call("balanceOf", 1) == (MONEY - 500, 500)
    assert desk.pledged() == 50
    assert refund_refused(desk, second)
    desk.check_solvent()


def refund_refused(desk: Desk, agreement: int) -> bool:
    with pytest.raises(Reverted) as caught:
        refund(desk, agreement)
    return caught.value.name == "Escrow_NotRefundableYet"


def test_refund__frozen_held_or_not_before__waits() -> None:
    """No function of this version sets these fields; the refund respects them already."""
    desk = open_desk(evm=Evm())
    frozen, held, later = desk.opened(), desk.opened(), desk.opened()
    due = desk.escrow.call("refundableAt", later)
    desk.set_bits(frozen, hot=1 << 11)
    desk.set_bits(held, hot=1 << 9)
    desk.set_bits(later, cold=due + 77)
    assert desk.agreement(held)["holds"] == 128
    desk.evm.warp_to(due)
    for agreement in (frozen, held):
        with reverts("Escrow_Held", agreement=agreement):
            refund(desk, agreement)
    check_refundable_at(desk, later, due + 77)


# Pledges


def test_pledge__comes_back_whole_though_most_was_paid() -> None:
    desk = open_desk()
    before = desk.system.staking.call("get", 1)
    agreement = desk.opened(budget=1_000_001)
    desk.pay([(agreement, 999_999)])
    assert desk.pledged() == 100_001
    desk.evm.warp(100_000 + AFTER)
    receipt = refund(desk, agreement)
    assert desk.system.staking.call("get", 1) == before
    assert not desk.agreement(agreement)["pledgeStuck"]
    assert receipt.events("PledgeStuck") == []
    with reverts("Escrow_PledgeNotStuck", agreement=agreement):
        desk.escrow.transact("retryRelease", agreement, sender=MALLORY)
    assert desk.system.staking.call("get", 1) == before


def test_pledge__after_a_slash_of_everything_else__still_comes_back() -> None:
    desk = open_desk()
    agreement = desk.opened()
    order = slash_order(1, 2**64 - 1, victim=ANN.address, loss=1)
    desk.system.staking.transact("slash", order, sender=desk.system.court)
    desk.evm.warp(100_000 + AFTER)
    refund(desk, agreement)
    record = desk.system.staking.call("get", 1)
    assert (record["free"], record["pledged"]) == (100_000, 0)


class Conduct(IntEnum):
    """HostileStaking.Conduct."""

    WORKS = 0
    REVERTS = 1
    REVERTS_HUGE = 2
    RETURNS_HUGE = 3
    BURNS = 4
    CALLS = 5


def hostile(conduct: Conduct, **changes: Any) -> tuple[Desk, Bound, int]:
    """An agreement that can be refunded, and its Staking that misbehaves from now on."""
    desk, staking = open_solo()
    agreement = desk.opened(**changes)
    behave(staking, conduct)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    return desk, staking, agreement


def behave(staking: Bound, conduct: Conduct, target: str = "0x" + "00" * 20, data: bytes = b"") -> None:
    staking.transact("setConduct", int(conduct), target, data, sender=MALLORY)


@pytest.mark.parametrize("conduct", [Conduct.REVERTS, Conduct.REVERTS_HUGE, Conduct.BURNS])
def test_staking_that_refuses__blocks_no_refund_and_anyone_retries(conduct: Conduct) -> None:
    desk, staking, agreement = hostile(conduct)
    receipt = refund(desk, agreement)
    assert receipt.event("Closed").args["refunded"] == 1_000_000
    assert receipt.event("PledgeStuck").args == {"agreement": agreement}
    assert desk.escrow.call("balanceOf", 1) == (MONEY, 0)
    record = desk.agreement(agreement)
    assert (record["pledgeStuck"], record["status"], record["budget"]) == (True, 2, 1_000_000)
    assert not with_gas(desk, desk.escrow.encode("retryRelease", agreement), 400_000)  # it still refuses
    assert desk.agreement(agreement) == record
    with reverts("Escrow_NotOpen", agreement=agreement):
        refund(desk, agreement)

    behave(staking, Conduct.WORKS)
    receipt = desk.escrow.transact("retryRelease", agreement, sender=PAULA)
    assert receipt.event("PledgeReleased").args == {"agreement": agreement, "amount": 100_000}
    assert (staking.call("pledged"), staking.call("releases")) == (0, 1)
    with reverts("Escrow_PledgeNotStuck", agreement=agreement):
        desk.escrow.transact("retryRelease", agreement, sender=PAULA)
    assert desk.escrow.call("balanceOf", 1) == (MONEY, 0)
    assert desk.agreement(agreement) == record | {"pledgeStuck": False}


def test_staking_that_answers_at_length__is_not_listened_to() -> None:
    desk, staking, agreement = hostile(Conduct.RETURNS_HUGE)
    receipt = refund(desk, agreement)
    assert receipt.events("PledgeStuck") == []
    assert staking.call("releases") == 1


def test_staking_that_calls_back__enters_nothing() -> None:
    desk, staking, agreement = hostile(Conduct.CALLS)
    desk.escrow.transact("createAccount", staking.address, sender=MALLORY)
    desk.system.fund(MALLORY, 100, desk.escrow)
    desk.escrow.transact("deposit", 4, 100, sender=MALLORY)
    attempts = [
        ("refund", (agreement,)),
        ("retryRelease", (agreement,)),
        ("close", (agreement,)),
        ("withdraw", (4, 100, staking.address)),
        ("cancelNonces", (0, 1)),
        ("open", ([], [])),
    ]
    snapshot = desk.evm.snapshot()
    for name, values in attempts:
        desk.evm.revert(snapshot)
        behave(staking, Conduct.CALLS, desk.escrow.address, desk.escrow.encode(name, *values))
        refund(desk, agreement)
        assert not staking.call("succeeded")
        assert staking.call("returned").hex() == "3ee5aeb5"  # ReentrancyGuardReentrantCall()
        assert staking.call("releases") == 1
        assert desk.free(1) == MONEY
    # A view is answered, and shows the refund as done.
    desk.evm.revert(snapshot)
    behave(staking, Conduct.CALLS, desk.escrow.address, desk.escrow.encode("balanceOf", 1))
    refund(desk, agreement)
    assert staking.call("returned") == MONEY.to_bytes(32, "big") + bytes(32)


def test_pledge_of_nothing__asks_nothing_of_staking() -> None:
    desk, staking = open_solo()
    policy = desk.system.add_policy(relayer=2, coverageBps=0)
    agreement = desk.opened(policy=policy)
    behave(staking, Conduct.REVERTS)
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    assert refund(desk, agreement).events("PledgeStuck") == []


def test_refund__gas__a_burning_staking_costs_at_most_its_allowance() -> None:
    spent = []
    for conduct in (Conduct.WORKS, Conduct.BURNS):
        desk, _, agreement = hostile(conduct)
        receipt = desk.escrow.transact("refund", agreement, sender=MALLORY, measure=True)
        assert receipt.gas is not None
        spent.append(receipt.gas)
    assert spent[1] - spent[0] < 160_000


def test_refund__with_too_little_gas__reverts_whole_and_never_leaves_the_pledge_behind() -> None:
    """Whoever refunds chooses the gas. Were the release to fail for want of it while the rest succeeds, anybody could
    strand pledges; the sixty-fourth that stays behind is never enough for that."""
    desk = open_desk()
    agreement = desk.opened()
    desk.evm.warp_to(desk.escrow.call("refundableAt", agreement))
    calldata = desk.escrow.encode("refund", agreement)
    snapshot = desk.evm.snapshot()
    outcomes = set()
    for gas in range(22_000, 260_000, 500):
        desk.evm.revert(snapshot)
        if not with_gas(desk, calldata, gas):
            outcomes.add("reverted")
            continue
        record = desk.agreement(agreement)
        assert (record["status"], record["pledgeStuck"], desk.pledged()) == (2, False, 0), gas
        outcomes.add("done")
    assert outcomes == {"reverted", "done"}


def test_refund__by_anybody__the_money_goes_to_the_funder() -> None:
    desk = open_desk()
    passer_by = account("passer-by")
    agreement = desk.opened()
    desk.evm.warp(100_000 + AFTER)
    refund(desk, agreement, passer_by)
    assert (desk.free(1), desk.system.balance(passer_by)) == (MONEY, 0)
    desk.check_solvent()
