"""Leases: what the clock pays, to whom, and up to which second; how a lease ends; what comes back.

A lease of these tests costs 100 µ a second (unitPrice 100 000 000 a million seconds) and, unless it says otherwise, has
1 000 000 µ: money for 10 000 s of a term of 100 000 s. LAG = 86 400 (report) + 86 400 (challenge) + 86 400 (settle) =
259 200 s. A refund waits 86 400 (post) + 259 200 (longest window) + 86 400 (settle) = 432 000 s from the end on; the
customer's notice is 3 600 s; the provider's fee is 500 bps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tallystick.protocol.enums import CloseReason, RefundFault, SkipReason
from tests.support.escrow import ANN, DAY, LEDGER, MALLORY, OTTO, SAM, Desk, open_desk, open_solo, skips
from tests.support.evm import Account, Evm, Receipt, reverts
from tests.support.system import DOLLAR

LAG = 259_200
AFTER = 432_000
NOTICE = 3_600
RATE = 100  # µ a second
PRICE = RATE * 1_000_000
MOST = 2**56 - 1
FROZEN, HELD = 1 << 11, 1 << 2  # bits of the hot slot
MONEY = 100_000 * DOLLAR


def leased(desk: Desk, **changes: Any) -> int:
    """Opens a lease of 10 000 seconds, or with these changes."""
    return desk.opened(**({"mode": 1, "unit_price": PRICE, "budget": 1_000_000} | changes))


def poke(desk: Desk, *agreements: int, sender: Account = MALLORY) -> Receipt:
    return desk.escrow.transact("poke", list(agreements), sender=sender)


def refund(desk: Desk, agreement: int) -> Receipt:
    return desk.escrow.transact("refund", agreement, sender=MALLORY)


def close(desk: Desk, agreement: int, sender: Account) -> dict[str, Any]:
    return dict(desk.escrow.transact("close", agreement, sender=sender).event("CloseRequested").args)


def refunded_when_due(desk: Desk, agreement: int, end: int) -> dict[str, Any]:
    """Refused until 432 000 s after the end, to the second; then what `Closed` says."""
    assert desk.escrow.call("refundableAt", agreement) == end + AFTER
    desk.evm.warp_to(end + AFTER - 1)
    with reverts("Escrow_NotRefundableYet", agreement=agreement, refundableAt=end + AFTER):
        refund(desk, agreement)
    desk.evm.warp(1)
    closed = dict(refund(desk, agreement).event("Closed").args)
    desk.check_solvent()
    assert desk.pledged() == 0
    assert closed.pop("agreement") == agreement
    return closed


def set_fees(desk: Desk, provider: int, customer: int) -> None:
    desk.escrow.transact("setFees", provider, customer, sender=desk.system.admin)


# What the clock pays


def test_worked_number__1_000_seconds_at_100_micro_and_2_000_bps__net_80_000() -> None:
    """1 000 s x 100 = 100 000 gross; 100 000 x 0.2 = 20 000 fee; 80 000 net."""
    desk = open_desk()
    set_fees(desk, 2_000, 0)
    lease = leased(desk)
    desk.evm.warp(1_000 + LAG)
    receipt = poke(desk, lease)
    assert receipt.result == 100_000
    assert receipt.event("Settled").args == {"agreement": lease, "paid": 100_000}
    assert desk.agreement(lease)["paid"] == 100_000
    assert desk.escrow.call("earningsOf", 2) == (80_000, 0, 20_000)
    assert desk.escrow.call("feeTotals") == (20_000, 0)
    desk.check_solvent()


def test_clock__pays_to_the_horizon_and_not_a_second_further() -> None:
    desk = open_desk()
    lease, start = leased(desk), desk.now
    for moment, due in (
        (start + LAG - 1, 0),
        (start + LAG, 0),
        (start + LAG + 1, 1 * RATE),
        (start + LAG + 999, 998 * RATE),
        (start + LAG + 1_000, 1 * RATE),
        (start + LAG + 1_001, 1 * RATE),
    ):
        desk.evm.warp_to(moment)
        receipt = poke(desk, lease)
        assert receipt.result == due
        assert skips(receipt) == ([] if due else [(lease, 0, SkipReason.STALE)])
    assert desk.agreement(lease)["paid"] == 1_001 * RATE


def test_clock__price_below_a_micro_a_second__is_rounded_down_in_all_and_not_per_second() -> None:
    """0.333333 µ/s: 3 s are 0.99, 4 s 1.33, 6 s 1.99, 7 s 2.33."""
    desk = open_desk()
    lease = leased(desk, unit_price=333_333, budget=1_000_000)
    desk.evm.warp(LAG)
    paid = []
    for _ in range(8):
        paid.append(desk.agreement(lease)["paid"])
        desk.evm.warp(1)
        poke(desk, lease)
    assert paid == [0, 0, 0, 0, 1, 1, 1, 2]


def test_clock__every_second__fees_are_of_the_sum() -> None:
    """19 µ/s at 500 bps: 0.95 µ a second, floored in all: the first fee is 0, the 19 others 1; in all 19 of 380."""
    desk = open_desk()
    lease = leased(desk, unit_price=19_000_000)
    desk.evm.warp(LAG)
    nets = []
    for _ in range(20):
        before = desk.received(2)
        desk.evm.warp(1)
        assert poke(desk, lease).result == 19
        nets.append(desk.received(2) - before)
    assert nets == [19] + [18] * 19
    assert desk.escrow.call("earningsOf", 2) == (361, 0, 19)


def test_clock__fees_of_both_sides__worked_out_by_hand() -> None:
    """1 500 + 500 bps on 100 000: 15 000 + 5 000, so 105 000 move and 85 000 are net.

    Locked are 1 000 000 + 50 000. The lease is paid to its end: 1 000 000 and 50 000, and nothing comes back; one that
    stops at 1 000 s gets 1 050 000 - 105 000 = 945 000 back.
    """
    desk = open_desk()
    set_fees(desk, 1_500, 500)
    lease, start = leased(desk), desk.now
    whole = leased(desk)
    assert desk.locked(1) == 2_100_000
    desk.evm.warp(1_000)
    close(desk, lease, OTTO)
    desk.evm.warp(LAG)
    assert poke(desk, lease).result == 105_000
    assert desk.escrow.call("earningsOf", 2) == (85_000, 0, 20_000)
    closed = {"paid": 100_000, "refunded": 945_000, "reason": CloseReason.CLOSED_BY_PROVIDER}
    desk.evm.warp_to(start + 1_000 + AFTER)
    assert refund(desk, lease).event("Closed").args == {"agreement": lease} | closed
    closed = {"paid": 1_000_000, "refunded": 0, "reason": CloseReason.EXHAUSTED}
    assert refunded_when_due(desk, whole, start + 10_000) == closed
    assert desk.escrow.call("earningsOf", 2) == (85_000 + 850_000, 0, 20_000 + 200_000)
    assert (desk.free(1), desk.locked(1)) == (MONEY - 105_000 - 1_050_000, 0)


def test_clock__customers_fee_that_does_not_divide__is_refunded_to_the_micro() -> None:
    """19 µ/s and 19 x 10 = 190 µ at 333 bps of the customer: locked 190 + floor(6.327) = 196. Seven seconds are
    133 + floor(4.4289) = 137; 59 come back."""
    desk = open_desk()
    set_fees(desk, 0, 333)
    lease, start = leased(desk, unit_price=19_000_000, budget=190), desk.now
    assert desk.locked(1) == 196
    desk.evm.warp(7)
    close(desk, lease, OTTO)
    closed = refunded_when_due(desk, lease, start + 7)
    assert closed == {"paid": 133, "refunded": 59, "reason": CloseReason.CLOSED_BY_PROVIDER}
    assert desk.escrow.call("earningsOf", 2) == (133, 0, 4)


# When the money runs out


@pytest.mark.parametrize(
    ("budget", "price", "seconds", "paid"),
    [
        (1_000_000, PRICE, 10_000, 1_000_000),
        (1_000, 300_000_000, 3, 900),  # 3.33 s
        (899, 300_000_000, 2, 600),  # 2.997 s
        (900, 300_000_000, 3, 900),
        (1, 1_000_000, 1, 1),
        (1, 1_000_001, 0, 0),  # 0.999999 s: no whole second is affordable
        (70, 9_990_000, 7, 69),  # 7.007 s; 7 x 9.99 = 69.93
    ],
)
def test_money__runs_out_after_whole_seconds__and_the_rest_comes_back(
    budget: int, price: int, seconds: int, paid: int
) -> None:
    desk = open_desk()
    lease, start = leased(desk, budget=budget, unit_price=price), desk.now
    end = start + seconds
    assert desk.escrow.call("paidUntil", lease) == end
    closed = refunded_when_due(desk, lease, end)
    assert closed == {"paid": paid, "refunded": budget - paid, "reason": CloseReason.EXHAUSTED}
    assert desk.received(2) == paid - paid * 500 // 10_000
    assert desk.free(1) == MONEY - paid


def test_money__that_reaches_just_to_the_expiry__expires() -> None:
    """100 000 s x 100 = 10 000 000. One µ less is exhausted a second before, and 99 µ of it come back."""
    desk = open_desk()
    expiry = desk.now + 100_000
    enough, short = leased(desk, budget=10_000_000), leased(desk, budget=9_999_999)
    assert desk.escrow.call("paidUntil", enough) == expiry
    assert desk.escrow.call("paidUntil", short) == expiry - 1
    desk.evm.warp_to(expiry + AFTER)
    assert [refund(desk, lease).event("Closed").args for lease in (enough, short)] == [
        {"agreement": enough, "paid": 10_000_000, "refunded": 0, "reason": CloseReason.EXPIRED},
        {"agreement": short, "paid": 9_999_900, "refunded": 99, "reason": CloseReason.EXHAUSTED},
    ]


def test_clock__after_the_end__pays_to_the_end_only() -> None:
    desk = open_desk()
    lease = leased(desk)
    desk.evm.warp(10_000 + LAG - 1)
    assert poke(desk, lease).result == 9_999 * RATE
    desk.evm.warp(50_000)
    assert poke(desk, lease).result == RATE
    desk.evm.warp(50_000)
    assert skips(poke(desk, lease)) == [(lease, 0, SkipReason.STALE)]
    assert desk.agreement(lease)["paid"] == 1_000_000


# Many at once


def test_poke__bad_items_are_skipped_with_reasons_and_the_others_paid() -> None:
    desk = open_desk(evm=Evm())
    late = desk.now + 100_000
    first, closed, frozen, held, ahead, last = desk.opened_many(
        desk.terms(mode=1, unit_price=PRICE, start=start) for start in (0, 0, 0, 0, late - 1, 0)
    )
    metered = desk.opened()
    desk.escrow.transact("close", closed, sender=OTTO)
    desk.escrow.transact("refundEarly", closed, 0, b"", sender=OTTO)
    desk.set_bits(frozen, hot=FROZEN)
    desk.set_bits(held, hot=HELD)
    desk.evm.warp(LAG + 50)
    unknown = 99 << 32
    receipt = poke(desk, first, unknown, closed, metered, frozen, held, ahead, first, last)
    assert receipt.result == 2 * 50 * RATE
    assert skips(receipt) == [
        (unknown, 0, SkipReason.UNKNOWN_AGREEMENT),
        (closed, 0, SkipReason.CLOSED),
        (metered, 0, SkipReason.NOT_A_LEASE),
        (frozen, 0, SkipReason.FROZEN),
        (held, 0, SkipReason.HELD),
        (ahead, 0, SkipReason.STALE),
        (first, 0, SkipReason.STALE),
    ]
    paid = [desk.agreement(number)["paid"] for number in (first, frozen, held, ahead, last)]
    assert paid == [5_000, 0, 0, 0, 5_000]
    # Nothing else is of a frozen or held lease either: what is left of its money stays where it is.
    desk.evm.warp_to(late + AFTER)
    for number in (frozen, held):
        with reverts("Escrow_Held", agreement=number):
            refund(desk, number)


def test_poke__256_items_and_not_257() -> None:
    desk = open_desk()
    lease = leased(desk)
    desk.evm.warp(LAG + 7)
    with reverts("Escrow_TooManyItems", items=257):
        poke(desk, *[lease] * 257)
    receipt = poke(desk, *[lease] * 256)
    assert receipt.result == 7 * RATE
    assert skips(receipt) == [(lease, 0, SkipReason.STALE)] * 255
    assert poke(desk).result == 0
    assert desk.agreement(lease)["paid"] == 700


def test_poke__again_at_the_same_second__pays_once() -> None:
    desk = open_desk()
    lease = leased(desk)
    desk.evm.warp(LAG + 7)
    assert [poke(desk, lease, sender=who).result for who in (ANN, OTTO, MALLORY)] == [700, 0, 0]
    assert desk.escrow.call("earningsOf", 2) == (665, 0, 35)


def test_poke__in_another_order_or_one_by_one__comes_to_the_same() -> None:
    def after(calls: Sequence[Sequence[int]]) -> dict[str, Any]:
        desk = open_desk()
        leases = desk.opened_many(
            desk.terms(mode=1, unit_price=price) for price in (PRICE, 19_000_000, 333_333)
        )
        desk.evm.warp(LAG + 1_234)
        moved = sum(poke(desk, *(leases[place] for place in call)).result for call in calls)
        # 123 400 + 23 446 + floor(411.33) = 147 257
        assert moved == 147_257
        return desk.picture()

    pictures = [after(calls) for calls in ([[0, 1, 2]], [[2, 0, 1]], [[1], [0], [2]], [[2, 1], [1, 0]])]
    assert pictures == [pictures[0]] * 4


def test_poke__leases_of_two_policies__each_by_its_own_lag() -> None:
    """LAG of the second policy: 600 + 3 600 + 86 400 = 90 600 s."""
    desk = open_desk()
    quick = desk.system.add_policy(relayer=2, reportTime=600, challengeWindow=3_600)
    slow, fast = leased(desk), leased(desk, policy=quick)
    other = leased(desk)
    desk.evm.warp(90_600 + 5)
    receipt = poke(desk, slow, fast, other)
    assert receipt.result == 5 * RATE
    assert [entry[0] for entry in skips(receipt)] == [slow, other]
    desk.evm.warp_to(desk.now - 90_605 + LAG + 3)
    assert poke(desk, fast, slow, other, fast).result == 1_000_000 - 500 + 2 * 3 * RATE


# A lease that starts ahead


def test_ahead__the_clock_and_the_money_count_from_the_start() -> None:
    desk = open_desk()
    start = desk.now + 50_000
    lease = leased(desk, start=start)
    assert desk.agreement(lease)["start"] == start
    assert desk.escrow.call("paidUntil", lease) == start + 10_000
    for moment, due in ((start - 1, 0), (start, 0), (start + LAG, 0), (start + LAG + 1, RATE)):
        desk.evm.warp_to(moment)
        assert poke(desk, lease).result == due
    closed = refunded_when_due(desk, lease, start + 10_000)
    assert closed == {"paid": 1_000_000, "refunded": 0, "reason": CloseReason.EXHAUSTED}


@pytest.mark.parametrize(
    ("who", "reason"), [(ANN, CloseReason.CLOSED_BY_CUSTOMER), (OTTO, CloseReason.CLOSED_BY_PROVIDER)]
)
def test_close__before_the_start__ends_at_the_start_and_pays_nothing(who: Account, reason: int) -> None:
    desk = open_desk()
    start = desk.now + 50_000
    lease = leased(desk, start=start)
    assert close(desk, lease, who) == {"agreement": lease, "stopAt": start, "reason": reason}
    for again in (ANN, OTTO):
        with reverts("Escrow_AlreadyEnding", agreement=lease, endsAt=start):
            close(desk, lease, again)
    desk.evm.warp_to(start + LAG + 5_000)
    assert poke(desk, lease).result == 0
    assert refunded_when_due(desk, lease, start) == {"paid": 0, "refunded": 1_000_000, "reason": reason}
    assert desk.free(1) == MONEY


def test_close__notice_that_reaches_past_the_start__pays_what_it_reaches() -> None:
    """Told 1 000 s before the start, it runs 3 600 - 1 000 = 2 600 s: 260 000 µ."""
    desk = open_desk()
    start = desk.now + 1_000
    lease = leased(desk, start=start)
    assert close(desk, lease, ANN)["stopAt"] == start + 2_600
    closed = refunded_when_due(desk, lease, start + 2_600)
    assert closed == {"paid": 260_000, "refunded": 740_000, "reason": CloseReason.CLOSED_BY_CUSTOMER}


# Ends


def test_close__by_the_customer__pays_the_notice_too() -> None:
    """1 000 s + 3 600 s of notice: 460 000 µ."""
    desk = open_desk()
    lease, start = leased(desk), desk.now
    desk.evm.warp(1_000)
    assert close(desk, lease, ANN) == {
        "agreement": lease,
        "stopAt": start + 4_600,
        "reason": CloseReason.CLOSED_BY_CUSTOMER,
    }
    assert desk.escrow.call("paidUntil", lease) == start + 4_600
    desk.evm.warp_to(start + 4_600 + LAG + 100)
    assert poke(desk, lease).result == 460_000
    closed = refunded_when_due(desk, lease, start + 4_600)
    assert closed == {"paid": 460_000, "refunded": 540_000, "reason": CloseReason.CLOSED_BY_CUSTOMER}


def test_close__by_the_provider__stops_at_once_even_inside_the_customers_notice() -> None:
    desk = open_desk()
    lease, start = leased(desk), desk.now
    close(desk, lease, ANN)
    desk.evm.warp(10)
    with reverts("Escrow_AlreadyEnding", agreement=lease, endsAt=start + NOTICE):
        close(desk, lease, ANN)
    assert close(desk, lease, OTTO) == {
        "agreement": lease,
        "stopAt": start + 10,
        "reason": CloseReason.CLOSED_BY_PROVIDER,
    }
    closed = refunded_when_due(desk, lease, start + 10)
    assert closed == {"paid": 1_000, "refunded": 999_000, "reason": CloseReason.CLOSED_BY_PROVIDER}


def test_close__by_the_provider_in_the_second_of_the_start__pays_nothing() -> None:
    desk = open_desk()
    lease, start = leased(desk), desk.now
    assert close(desk, lease, OTTO)["stopAt"] == start
    closed = refunded_when_due(desk, lease, start)
    assert closed == {"paid": 0, "refunded": 1_000_000, "reason": CloseReason.CLOSED_BY_PROVIDER}


@pytest.mark.parametrize(("who", "ahead"), [(ANN, NOTICE), (OTTO, 0)])
def test_close__not_before_the_money_runs_out_anyway__refused(who: Account, ahead: int) -> None:
    desk = open_desk()
    lease = leased(desk)
    end = desk.now + 10_000
    for moment in (end - ahead, end + 50_000):
        desk.evm.warp_to(moment)
        with reverts("Escrow_AlreadyEnding", agreement=lease, endsAt=end):
            close(desk, lease, who)
    desk.evm.warp_to(end - ahead - 1)
    assert close(desk, lease, who)["stopAt"] == end - 1


def test_close__by_nobody_else() -> None:
    desk = open_desk()
    lease = leased(desk)
    with reverts("Escrow_NotParty", agreement=lease, caller=MALLORY.address):
        close(desk, lease, MALLORY)


# Refunds


def test_refund__of_a_lease_that_nobody_poked__pays_its_clock_first() -> None:
    desk = open_desk()
    lease, start = leased(desk, budget=20_000_000), desk.now
    desk.evm.warp_to(start + 100_000 + AFTER)
    receipt = refund(desk, lease)
    assert receipt.event("Settled").args == {"agreement": lease, "paid": 10_000_000}
    closed = {"paid": 10_000_000, "refunded": 10_000_000, "reason": CloseReason.EXPIRED}
    assert receipt.event("Closed").args == {"agreement": lease} | closed
    assert desk.escrow.call("earningsOf", 2) == (9_500_000, 0, 500_000)
    assert desk.escrow.call("feeTotals") == (500_000, 0)
    with reverts("Escrow_NotOpen", agreement=lease):
        refund(desk, lease)


def test_refund__of_a_lease_that_was_paid_in_part__pays_the_rest() -> None:
    desk = open_desk()
    lease, start = leased(desk), desk.now
    desk.evm.warp(LAG + 3_000)
    assert poke(desk, lease).result == 300_000
    closed = refunded_when_due(desk, lease, start + 10_000)
    assert closed == {"paid": 1_000_000, "refunded": 0, "reason": CloseReason.EXHAUSTED}
    assert desk.received(2) == 950_000


def test_refund__below_the_policys_floor__waits_for_it_and_the_clock_does_not() -> None:
    desk, _ = open_solo()
    other = desk.system.add_policy(relayer=2)
    lease, elsewhere, start = leased(desk), leased(desk, policy=other), desk.now
    due = start + 10_000 + AFTER
    floor = due + 5_000
    with reverts("Escrow_NotLedger", caller=MALLORY.address):
        desk.escrow.transact("raiseRefundFloor", 1, floor, sender=MALLORY)
    raised = desk.escrow.transact("raiseRefundFloor", 1, floor, sender=LEDGER).event("RefundFloorRaised").args
    assert raised == {"policy": 1, "until": floor}
    # It only rises.
    assert desk.escrow.transact("raiseRefundFloor", 1, floor - 1, sender=LEDGER).logs == ()
    assert (desk.escrow.call("refundFloor", 1), desk.escrow.call("refundFloor", other)) == (floor, 0)
    desk.evm.warp_to(due)
    refund(desk, elsewhere)
    assert poke(desk, lease).result == 1_000_000
    for moment in (due, floor - 1):
        desk.evm.warp_to(moment)
        with reverts("Escrow_NotRefundableYet", agreement=lease, refundableAt=floor):
            refund(desk, lease)
    desk.evm.warp_to(floor)
    assert refund(desk, lease).event("Closed").args["paid"] == 1_000_000


def test_refund_many__refunds_what_is_due_and_says_why_not_the_rest() -> None:
    """The first stops at 40 s: 4 000 µ are its provider's and 996 000 come back. The metered one gets all back."""
    desk = open_desk(evm=Evm())
    due, closed, frozen, held = desk.opened_many(desk.terms(mode=1, unit_price=PRICE) for _ in range(4))
    metered, early = desk.opened(expiry=desk.now + 50), desk.opened()
    desk.evm.warp(40)
    for lease in (due, closed, frozen, held):
        close(desk, lease, OTTO)
    desk.escrow.transact("refundEarly", closed, 0, b"", sender=OTTO)
    desk.set_bits(frozen, hot=FROZEN)
    desk.set_bits(held, hot=HELD)
    desk.evm.warp(10 + AFTER)
    unknown = 99 << 32
    batch = [unknown, due, closed, frozen, early, held, metered, due]
    receipt = desk.escrow.transact("refundMany", batch, sender=MALLORY)
    assert [(log.args["agreement"], log.args["reason"]) for log in receipt.events("RefundSkipped")] == [
        (unknown, RefundFault.NOT_OPEN),
        (closed, RefundFault.NOT_OPEN),
        (frozen, RefundFault.HELD),
        (early, RefundFault.TOO_EARLY),
        (held, RefundFault.HELD),
        (due, RefundFault.NOT_OPEN),
    ]
    assert [tuple(log.args.values()) for log in receipt.events("Closed")] == [
        (due, 4_000, 996_000, CloseReason.CLOSED_BY_PROVIDER),
        (metered, 0, 1_000_000, CloseReason.EXPIRED),
    ]
    assert desk.received(2) == 3_800
    assert desk.locked(1) == 3 * 1_000_000
    desk.check_solvent()


def test_refund_many__to_the_second_as_one_alone() -> None:
    desk = open_desk()
    lease, start = leased(desk), desk.now
    desk.evm.warp_to(start + 10_000 + AFTER - 1)
    skipped = desk.escrow.transact("refundMany", [lease], sender=MALLORY).event("RefundSkipped").args
    assert skipped == {"agreement": lease, "reason": RefundFault.TOO_EARLY}
    desk.evm.warp(1)
    assert desk.escrow.transact("refundMany", [lease], sender=MALLORY).event("Closed").args["refunded"] == 0


def test_refund_many__256_items_and_not_257() -> None:
    desk = open_desk()
    with reverts("Escrow_TooManyItems", items=257):
        desk.escrow.transact("refundMany", [1] * 257, sender=MALLORY)
    receipt = desk.escrow.transact("refundMany", [1] * 256, sender=MALLORY)
    assert len(receipt.events("RefundSkipped")) == 256


def test_refund__of_a_sponsored_lease__goes_to_the_sponsor_and_its_allowance() -> None:
    """Sam allows 1 000 000; 10 s are 1 000 µ; 999 000 come back to Sam and may be used again."""
    desk = open_desk()
    desk.escrow.transact("allow", 3, 1, 1, 1_000_000, bytes(32), sender=SAM)
    lease, start = leased(desk, funder=3), desk.now
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (0, 0)
    desk.evm.warp(10)
    close(desk, lease, OTTO)
    closed = refunded_when_due(desk, lease, start + 10)
    assert closed == {"paid": 1_000, "refunded": 999_000, "reason": CloseReason.CLOSED_BY_PROVIDER}
    assert desk.escrow.call("allowanceOf", 3, 1, 1) == (999_000, 0)
    assert (desk.free(3), desk.free(1)) == (MONEY - 1_000, MONEY)


# The same person everywhere, and the largest numbers


def test_customer_is_operator_and_payee__pays_itself_all_but_the_fee() -> None:
    """100 000 gross at 500 bps: 95 000 come home as earnings, 900 000 as a refund, 5 000 are the fee."""
    desk = open_desk()
    otto = desk.escrow.transact("createAccount", OTTO.address, sender=OTTO).result
    desk.system.fund(OTTO, 1_000_000, desk.escrow)
    desk.escrow.transact("deposit", otto, 1_000_000, sender=OTTO)
    terms = desk.terms(customer=otto, payee=otto, mode=1, unit_price=PRICE)
    (lease,) = desk.open_with([(terms, desk.signed(terms, customer=OTTO))]).result
    start = desk.now
    assert (desk.free(otto), desk.locked(otto)) == (0, 1_000_000)
    desk.evm.warp(1_000)
    # Who is both sides stops at once, as the provider.
    assert close(desk, lease, OTTO)["stopAt"] == start + 1_000
    closed = refunded_when_due(desk, lease, start + 1_000)
    assert closed == {"paid": 100_000, "refunded": 900_000, "reason": CloseReason.CLOSED_BY_PROVIDER}
    assert desk.escrow.call("earningsOf", otto) == (95_000, 0, 5_000)
    assert desk.escrow.transact("claim", otto, OTTO.address, sender=OTTO).result == 95_000
    desk.escrow.transact("withdraw", otto, 900_000, OTTO.address, sender=OTTO)
    assert desk.system.balance(OTTO) == 995_000
    desk.check_solvent()


@pytest.mark.parametrize(("provider", "customer"), [(2_000, 0), (0, 2_000), (1_000, 1_000)])
def test_largest_budget_and_price__1_000_000_seconds_and_all_of_it_paid(provider: int, customer: int) -> None:
    """At 2^56 - 1 µ per million seconds a budget of 2^56 - 1 µ lasts a million seconds."""
    desk = open_desk(money=2**57, stake=2**56)
    set_fees(desk, provider, customer)
    lease = leased(desk, budget=MOST, unit_price=MOST, expiry=desk.now + 400 * DAY)
    start = desk.now
    fee_customer, fee_provider = MOST * customer // 10_000, MOST * provider // 10_000
    assert desk.locked(1) == MOST + fee_customer
    assert desk.escrow.call("paidUntil", lease) == start + 1_000_000
    desk.evm.warp(LAG + 1)
    assert desk.agreement(lease)["paid"] == 0
    first = MOST // 1_000_000
    assert poke(desk, lease).result == first + first * customer // 10_000
    closed = refunded_when_due(desk, lease, start + 1_000_000)
    assert closed == {"paid": MOST, "refunded": 0, "reason": CloseReason.EXHAUSTED}
    assert desk.escrow.call("earningsOf", 2) == (MOST - fee_provider, 0, fee_provider + fee_customer)
    assert (desk.free(1), desk.locked(1)) == (2**57 - MOST - fee_customer, 0)


def test_largest_budget_at_the_lowest_price__expires_after_400_days_with_34_micro() -> None:
    """The money reaches 7.2e22 s, far beyond 32 bits; 400 days are 34 560 000 s at 1 µ a million: 34 µ."""
    desk = open_desk(money=2**57, stake=2**56)
    expiry = desk.now + 400 * DAY
    lease = leased(desk, budget=MOST, unit_price=1, expiry=expiry)
    assert desk.escrow.call("paidUntil", lease) == expiry
    closed = refunded_when_due(desk, lease, expiry)
    assert closed == {"paid": 34, "refunded": MOST - 34, "reason": CloseReason.EXPIRED}
    assert desk.escrow.call("earningsOf", 2) == (33, 0, 1)  # floor(34 x 0.05) = 1


def test_budget_of_one_at_the_highest_price__ends_as_it_starts() -> None:
    desk = open_desk()
    lease, start = leased(desk, budget=1, unit_price=MOST), desk.now
    assert desk.escrow.call("paidUntil", lease) == start
    closed = refunded_when_due(desk, lease, start)
    assert closed == {"paid": 0, "refunded": 1, "reason": CloseReason.EXHAUSTED}
