"""Seconds of a lease that were not served, and seconds that both sides have signed.

A lease of these tests costs 100 µ a second and has 1 000 000 µ, so 10 000 s; LAG is 259 200 s, a refund comes 432 000 s
after the end, the provider's fee is 500 bps. Most figures come straight from `LEDGER`, which plays the ReceiptLedger.
"""

from __future__ import annotations

from typing import Any

import pytest

from tallystick.protocol.enums import CloseReason, SkipReason
from tests.support.escrow import ANN, DAY, LEDGER, MALLORY, OTTO, Desk, open_desk, open_solo, skips
from tests.support.evm import Account, Evm, Receipt, reverts
from tests.support.system import DOLLAR

LAG = 259_200
AFTER = 432_000
RATE = 100  # µ a second
PRICE = RATE * 1_000_000
FROZEN, HELD = 1 << 11, 1 << 2  # bits of the hot slot
MONEY = 100_000 * DOLLAR
UNBOUND = 2**64 - 1
STALE, ABOVE = SkipReason.STALE, SkipReason.DOWNTIME_ABOVE_ELAPSED


def leased(desk: Desk, **changes: Any) -> int:
    """Opens a lease of 10 000 seconds, or with these changes."""
    return desk.opened(**({"mode": 1, "unit_price": PRICE, "budget": 1_000_000} | changes))


@pytest.fixture
def solo() -> Desk:
    """An Escrow whose ledger is `LEDGER`."""
    return open_solo()[0]


def poke(desk: Desk, *agreements: int) -> int:
    return int(desk.escrow.transact("poke", list(agreements), sender=MALLORY).result)


def report(desk: Desk, agreement: int, units: int, sender: Account = LEDGER) -> Receipt:
    """Downtime that counts at once."""
    return desk.escrow.transact("setDowntime", agreement, units, sender=sender)


def accept(
    desk: Desk, *rows: tuple[int, int, int], cap: int = UNBOUND, sender: Account = LEDGER
) -> tuple[int, Receipt]:
    """Pays (agreement, downtime, until) rows with both signatures; µ of gross and customer fee, and the receipt."""
    figures = [(*row, cap) for row in rows]
    receipt = desk.escrow.transact("settleSigned", figures, sender=sender)
    gross, fees = receipt.result
    return sum(gross) + sum(fees), receipt


def downtime(desk: Desk, agreement: int) -> int:
    return int(desk.agreement(agreement)["downtime"])


def refunded(desk: Desk, agreement: int, end: int) -> tuple[int, int, int]:
    """(paid, refunded, reason) of a refund as soon as it is allowed."""
    assert desk.escrow.call("refundableAt", agreement) == end + AFTER
    desk.evm.warp_to(end + AFTER)
    closed = desk.escrow.transact("refund", agreement, sender=MALLORY).event("Closed").args
    desk.check_solvent()
    return closed["paid"], closed["refunded"], closed["reason"]


# Downtime from batches


def test_batch__of_the_relayer__lowers_the_bill_after_its_window() -> None:
    """100 of 1 000 s were not served: 900 x 100 = 90 000 µ, net 85 500."""
    desk = open_desk()
    lease, start = leased(desk), desk.now
    desk.evm.warp(1_000)
    batch = desk.post([(lease, 100)])
    desk.evm.warp(DAY)
    assert downtime(desk, lease) == 0
    receipt = desk.settle(batch)
    assert receipt.result == 0
    assert receipt.event("DowntimeSet").args == {"agreement": lease, "downtime": 100}
    assert downtime(desk, lease) == 100
    desk.evm.warp_to(start + LAG + 1_000)
    assert poke(desk, lease) == 90_000
    assert desk.escrow.call("earningsOf", 2) == (85_500, 0, 4_500)
    desk.check_solvent()


def test_downtime__lowers_the_bill_and_never_lengthens_the_lease(solo: Desk) -> None:
    """10 000 s less 250: 975 000 µ; 25 000 come back, and the end is where it was."""
    lease, start = leased(solo), solo.now
    solo.evm.warp(300)
    assert report(solo, lease, 250).result
    assert solo.escrow.call("paidUntil", lease) == start + 10_000
    assert refunded(solo, lease, start + 10_000) == (975_000, 25_000, CloseReason.EXHAUSTED)
    assert solo.received(2) == 975_000 - 48_750
    assert solo.free(1) == MONEY - 975_000


def test_downtime__that_does_not_divide__the_bill_is_rounded_down(solo: Desk) -> None:
    """0.333333 µ/s: 1 000 s less 1 are 332.999667, so 332 of 1 000."""
    lease, start = leased(solo, unit_price=333_333, budget=1_000), solo.now
    solo.evm.warp(1_000)
    report(solo, lease, 1)
    solo.escrow.transact("close", lease, sender=OTTO)
    assert refunded(solo, lease, start + 1_000) == (332, 668, CloseReason.CLOSED_BY_PROVIDER)


def test_downtime__of_every_second__leaves_nothing_to_pay(solo: Desk) -> None:
    lease, start = leased(solo), solo.now
    solo.evm.warp(10_000)
    report(solo, lease, 10_000)
    solo.evm.warp(LAG)
    assert poke(solo, lease) == 0
    assert refunded(solo, lease, start + 10_000) == (0, 1_000_000, CloseReason.EXHAUSTED)
    assert solo.escrow.call("earningsOf", 2) == (0, 0, 0)


@pytest.mark.parametrize("when", [100, 5_000, 60_000])
def test_batch__more_than_had_elapsed_when_it_was_posted__is_skipped_whenever_it_settles(
    solo: Desk, when: int
) -> None:
    lease, start = leased(solo), solo.now
    solo.evm.warp(when)
    too_much = solo.settle_directly([(lease, 101)], posted_at=start + 100)
    assert skips(too_much) == [(lease, 101, ABOVE)]
    assert downtime(solo, lease) == 0
    assert solo.settle_directly([(lease, 100)], posted_at=start + 100).result == 0
    assert downtime(solo, lease) == 100


def test_batch__posted_after_the_end__no_more_than_the_lease_ran(solo: Desk) -> None:
    lease = leased(solo)
    solo.evm.warp(50_000)
    assert skips(solo.settle_directly([(lease, 10_001)])) == [(lease, 10_001, ABOVE)]
    assert skips(solo.settle_directly([(lease, 10_000)])) == []
    assert downtime(solo, lease) == 10_000


def test_batch__posted_before_the_start__nothing_can_have_been_missed(solo: Desk) -> None:
    start = solo.now + 1_000
    lease = leased(solo, start=start)
    for posted in (start - 1_000, start - 1, start):
        assert skips(solo.settle_directly([(lease, 1)], posted_at=posted)) == [(lease, 1, ABOVE)]
    assert skips(solo.settle_directly([(lease, 1)], posted_at=start + 1)) == []


def test_batch__falling_or_equal__is_stale(solo: Desk) -> None:
    lease = leased(solo)
    solo.evm.warp(1_000)
    receipt = solo.settle_directly([(lease, units) for units in (0, 300, 299, 300, 301)])
    assert skips(receipt) == [(lease, units, STALE) for units in (0, 299, 300)]
    assert [log.args["downtime"] for log in receipt.events("DowntimeSet")] == [300, 301]
    assert downtime(solo, lease) == 301


@pytest.mark.parametrize("units", [2**32 + 5, 2**64 + 5, 2**80 - 1])
def test_batch__a_huge_figure__is_not_cut_to_a_small_one(solo: Desk, units: int) -> None:
    lease = leased(solo)
    solo.evm.warp(1_000)
    assert skips(solo.settle_directly([(lease, units)])) == [(lease, units, ABOVE)]
    assert not report(solo, lease, units).result
    assert downtime(solo, lease) == 0


def test_batch__needs_no_value__and_leaves_it_to_the_others(solo: Desk) -> None:
    lease, metered = leased(solo), solo.opened()
    solo.evm.warp(1_000)
    receipt = solo.settle_directly([(lease, 100), (metered, 70)], cap=70, gross_cap=70)
    assert (receipt.result, skips(receipt)) == (70, [])
    assert downtime(solo, lease) == 100


def test_batch__void_other_policy_frozen_or_closed__sets_nothing() -> None:
    desk, _ = open_solo(fresh=True)
    lease, frozen, closed = (leased(desk) for _ in range(3))
    desk.set_bits(frozen, hot=FROZEN)
    desk.evm.warp(1_000)
    desk.escrow.transact("close", closed, sender=OTTO)
    desk.escrow.transact("refundEarly", closed, 0, b"", sender=OTTO)
    rows = [(lease, 100), (frozen, 100), (closed, 100), (99 << 32, 100)]
    assert [entry[2] for entry in skips(desk.settle_directly(rows, mask=1))] == [
        SkipReason.VOID,
        SkipReason.FROZEN,
        SkipReason.CLOSED,
        SkipReason.UNKNOWN_AGREEMENT,
    ]
    assert [entry[2] for entry in skips(desk.settle_directly(rows[:2], policy=2))] == [
        SkipReason.OTHER_POLICY,
        SkipReason.OTHER_POLICY,
    ]
    assert [downtime(desk, number) for number in (lease, frozen, closed)] == [0, 0, 0]


# Downtime that comes after the payment


def test_downtime__reported_after_the_payment__is_absorbed_by_later_seconds(solo: Desk) -> None:
    """1 000 s are paid when 300 of them turn out not served: the next 300 s pay nothing, the one after 100 µ."""
    lease, start = leased(solo), solo.now
    solo.evm.warp_to(start + LAG + 1_000)
    assert poke(solo, lease) == 100_000
    assert report(solo, lease, 300).result
    for second, due in ((1_000, 0), (1_299, 0), (1_300, 0), (1_301, 100), (1_400, 9_900)):
        solo.evm.warp_to(start + LAG + second)
        assert poke(solo, lease) == due
    assert solo.agreement(lease)["paid"] == 110_000
    assert refunded(solo, lease, start + 10_000) == (970_000, 30_000, CloseReason.EXHAUSTED)


def test_downtime__of_more_than_is_left__takes_nothing_back(solo: Desk) -> None:
    """1 000 s are paid; the lease is stopped at 260 200 s, none of which was served: what is paid stays paid."""
    lease, start = leased(solo, budget=40_000_000, expiry=solo.now + 400_000), solo.now
    solo.evm.warp(LAG + 1_000)
    assert poke(solo, lease) == 100_000
    solo.escrow.transact("close", lease, sender=OTTO)
    assert report(solo, lease, LAG + 1_000).result
    closed = refunded(solo, lease, start + LAG + 1_000)
    assert closed == (100_000, 39_900_000, CloseReason.CLOSED_BY_PROVIDER)
    assert solo.received(2) == 95_000


# Downtime at once


def test_report__counts_up_to_now_and_to_the_end(solo: Desk) -> None:
    lease = leased(solo)
    solo.evm.warp(100)
    assert skips(report(solo, lease, 101)) == [(lease, 101, ABOVE)]
    receipt = report(solo, lease, 100)
    assert receipt.result is True
    assert receipt.event("DowntimeSet").args == {"agreement": lease, "downtime": 100}
    again = report(solo, lease, 100)
    assert (again.result, skips(again)) == (False, [(lease, 100, STALE)])
    solo.evm.warp(20_000)
    assert skips(report(solo, lease, 10_001)) == [(lease, 10_001, ABOVE)]
    assert report(solo, lease, 10_000).result


def test_report__of_what_is_no_running_lease__says_why() -> None:
    desk, _ = open_solo(fresh=True)
    metered, frozen, closed = desk.opened(), leased(desk), leased(desk)
    desk.set_bits(frozen, hot=FROZEN)
    desk.evm.warp(100)
    desk.escrow.transact("close", closed, sender=OTTO)
    desk.escrow.transact("refundEarly", closed, 0, b"", sender=OTTO)
    for number, reason in (
        (metered, SkipReason.NOT_A_LEASE),
        (frozen, SkipReason.FROZEN),
        (closed, SkipReason.CLOSED),
        (99 << 32, SkipReason.UNKNOWN_AGREEMENT),
    ):
        receipt = report(desk, number, 10)
        assert (receipt.result, skips(receipt)) == (False, [(number, 10, reason)])
    for who in (ANN, OTTO, MALLORY):
        with reverts("Escrow_NotLedger", caller=who.address):
            report(desk, leased(desk), 1, sender=who)


def test_report__while_held__counts_and_still_nothing_is_paid() -> None:
    desk, _ = open_solo(fresh=True)
    lease = leased(desk)
    desk.set_bits(lease, hot=HELD)
    desk.evm.warp(LAG + 500)
    assert report(desk, lease, 100).result
    assert poke(desk, lease) == 0
    assert downtime(desk, lease) == 100


# With both signatures


def test_accepted__pays_at_once_less_the_downtime(solo: Desk) -> None:
    """1 000 s less 100, long before the horizon: 90 000 µ, net 85 500. The clock pays what follows."""
    lease, start = leased(solo), solo.now
    solo.evm.warp(1_000)
    moved, receipt = accept(solo, (lease, 100, start + 1_000))
    assert moved == 90_000
    assert receipt.event("Settled").args == {"agreement": lease, "paid": 90_000}
    assert receipt.event("DowntimeSet").args == {"agreement": lease, "downtime": 100}
    assert solo.escrow.call("earningsOf", 2) == (85_500, 0, 4_500)
    solo.evm.warp_to(start + LAG + 1_000)
    assert poke(solo, lease) == 0
    solo.evm.warp(1)
    assert poke(solo, lease) == 100
    assert refunded(solo, lease, start + 10_000) == (990_000, 10_000, CloseReason.EXHAUSTED)


def test_accepted__with_the_customers_fee__moves_both() -> None:
    """250 bps of 90 000 are 2 250; the provider's 500 bps are 4 500."""
    desk, _ = open_solo(fee_customer=250)
    lease, start = leased(desk), desk.now
    desk.evm.warp(1_000)
    assert accept(desk, (lease, 100, start + 1_000))[0] == 92_250
    assert desk.escrow.call("earningsOf", 2) == (85_500, 0, 6_750)
    desk.check_solvent()


def test_accepted__ahead_of_the_clock__pays_nothing(solo: Desk) -> None:
    lease = leased(solo)
    solo.evm.warp(1_000)
    moved, receipt = accept(solo, (lease, 0, solo.now + 1))
    assert (moved, skips(receipt)) == (0, [(lease, 0, SkipReason.AHEAD_OF_CLOCK)])
    assert accept(solo, (lease, 0, solo.now))[0] == 100_000


def test_accepted__after_the_end__pays_to_the_end_and_not_beyond(solo: Desk) -> None:
    lease = leased(solo)
    end = solo.now + 10_000
    solo.evm.warp(20_000)
    moved, receipt = accept(solo, (lease, 0, end + 1))
    assert (moved, skips(receipt)) == (0, [(lease, 0, SkipReason.AHEAD_OF_CLOCK)])
    assert accept(solo, (lease, 1, end))[0] == 999_900
    assert refunded(solo, lease, end) == (999_900, 100, CloseReason.EXHAUSTED)


def test_accepted__after_a_stop__not_beyond_it(solo: Desk) -> None:
    lease, start = leased(solo), solo.now
    solo.evm.warp(500)
    solo.escrow.transact("close", lease, sender=OTTO)
    solo.evm.warp(500)
    assert skips(accept(solo, (lease, 0, start + 501))[1]) == [(lease, 0, SkipReason.AHEAD_OF_CLOCK)]
    assert accept(solo, (lease, 0, start + 500))[0] == 50_000


def test_accepted__before_the_start__is_nothing(solo: Desk) -> None:
    lease = leased(solo, start=solo.now + 1_000)
    assert skips(accept(solo, (lease, 0, solo.now))[1]) == [(lease, 0, STALE)]
    assert skips(accept(solo, (lease, 1, solo.now))[1]) == [(lease, 1, ABOVE)]
    assert downtime(solo, lease) == 0


@pytest.mark.parametrize("units", [1_001, 2**32 + 5, 2**80 - 1])
def test_accepted__more_downtime_than_had_elapsed__changes_nothing(solo: Desk, units: int) -> None:
    lease, start = leased(solo), solo.now
    solo.evm.warp(5_000)
    moved, receipt = accept(solo, (lease, units, start + 1_000))
    assert (moved, skips(receipt), downtime(solo, lease)) == (0, [(lease, units, ABOVE)], 0)


def test_accepted__above_what_a_session_key_may__changes_nothing(solo: Desk) -> None:
    lease = leased(solo)
    solo.evm.warp(1_000)
    moved, receipt = accept(solo, (lease, 100, solo.now), cap=89_999)
    assert (moved, skips(receipt)) == (0, [(lease, 100, SkipReason.ABOVE_DECLARED_VALUE)])
    assert downtime(solo, lease) == 0
    assert accept(solo, (lease, 100, solo.now), cap=90_000)[0] == 90_000


def test_accepted__again_or_an_earlier_one__moves_nothing_more(solo: Desk) -> None:
    lease, start = leased(solo), solo.now
    solo.evm.warp(1_000)
    first = (lease, 100, start + 1_000)
    moved, receipt = accept(solo, first, first, (lease, 50, start + 500), (lease, 100, start + 900))
    assert moved == 90_000
    assert [entry[2] for entry in skips(receipt)] == [STALE, STALE, STALE]
    assert accept(solo, (lease, 90, start + 1_000))[0] == 1_000  # both agree to ten seconds more
    assert solo.agreement(lease)["paid"] == 91_000


def test_accepted__fewer_seconds_than_count_already__are_paid_and_the_downtime_does_not_fall(
    solo: Desk,
) -> None:
    """300 s count as not served. Both then accept 1 000 s with 100 missing: 90 000. The clock at 1 000 + x s owes
    (700 + x) x 100, which is 90 000 at x = 200 and 100 more a second later."""
    lease, start = leased(solo), solo.now
    solo.evm.warp(1_000)
    report(solo, lease, 300)
    assert accept(solo, (lease, 100, start + 1_000))[0] == 90_000
    assert downtime(solo, lease) == 300
    for second, due in ((1_000, 0), (1_200, 0), (1_201, 100)):
        solo.evm.warp_to(start + LAG + second)
        assert poke(solo, lease) == due
    assert refunded(solo, lease, start + 10_000) == (970_000, 30_000, CloseReason.EXHAUSTED)


def test_accepted__in_either_order__comes_to_the_same(solo: Desk) -> None:
    lease, other, start = leased(solo), leased(solo), solo.now
    solo.evm.warp(2_000)
    accept(solo, (lease, 100, start + 1_000), (lease, 150, start + 2_000))
    accept(solo, (other, 150, start + 2_000), (other, 100, start + 1_000))
    assert [(solo.agreement(n)["paid"], downtime(solo, n)) for n in (lease, other)] == [(185_000, 150)] * 2


def test_accepted__bad_items__do_not_hold_up_the_others() -> None:
    desk, _ = open_solo(fresh=True)
    good, frozen, closed, last = (leased(desk) for _ in range(4))
    desk.set_bits(frozen, hot=FROZEN)
    desk.evm.warp(10)
    desk.escrow.transact("close", closed, sender=OTTO)
    desk.escrow.transact("refundEarly", closed, 0, b"", sender=OTTO)
    unknown, now = 99 << 32, desk.now
    rows = [(number, 0, now) for number in (unknown, good, frozen, closed, last)]
    moved, receipt = accept(desk, *rows)
    assert moved == 2_000
    assert receipt.result == ([0, 1_000, 0, 0, 1_000], [0] * 5)
    assert skips(receipt) == [
        (unknown, 0, SkipReason.UNKNOWN_AGREEMENT),
        (frozen, 0, SkipReason.FROZEN),
        (closed, 0, SkipReason.CLOSED),
    ]
    desk.check_solvent()


def test_accepted__through_the_ledger_only_and_at_most_256(solo: Desk) -> None:
    lease = leased(solo)
    solo.evm.warp(10)
    for who in (ANN, OTTO, MALLORY):
        with reverts("Escrow_NotLedger", caller=who.address):
            accept(solo, (lease, 0, solo.now), sender=who)
    with reverts("Escrow_TooManyItems", items=257):
        accept(solo, *[(lease, 0, solo.now)] * 257)
    assert accept(solo, *[(lease, 0, solo.now)] * 256)[0] == 1_000


def test_downtime__with_the_largest_numbers__pays_the_one_second_served() -> None:
    desk = open_desk(evm=Evm(), money=2**57, stake=2**56)
    most = 2**56 - 1
    lease = leased(desk, budget=most, unit_price=most, expiry=desk.now + 400 * DAY)
    start = desk.now
    desk.evm.warp(999_999)
    batch = desk.post([(lease, 999_999)])
    desk.evm.warp(DAY)
    desk.settle(batch)
    assert downtime(desk, lease) == 999_999
    # One second in a million of 2^56 - 1 was served.
    closed = refunded(desk, lease, start + 1_000_000)
    assert closed == (most // 1_000_000, most - most // 1_000_000, CloseReason.EXHAUSTED)
