"""Leases by the promises of PROTOCOL section 4: the clock counts up, money ends it, downtime lowers the bill.

A lease of these tests costs 100 µ a second and starts at its opening. LAG = 86 400 (report) + 86 400 (challenge)
+ 86 400 (settle) = 259 200; refundable = end + 86 400 (post) + 259 200 (longest window) + 86 400 (settle)
= end + 432 000.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import permutations

import pytest

from tallystick.protocol.enums import CloseReason, RefundFault, SkipReason
from tests.support.escrow import (
    ANN,
    LEDGER,
    MALLORY,
    OTTO,
    PAULA,
    RITA,
    SAM,
    Desk,
    open_desk,
    open_solo,
    skips,
)
from tests.support.evm import Account, Receipt, reverts
from tests.support.system import DOLLAR

LAG = 259_200
AFTER = 432_000
NOTICE = 3_600
MONEY = 100_000 * DOLLAR
FROZEN, HELD = 1 << 11, 1 << 2
FOREVER = 2**64 - 1


def poke(desk: Desk, *agreements: int) -> Receipt:
    return desk.escrow.transact("poke", list(agreements), sender=MALLORY)


def refund(desk: Desk, agreement: int) -> Receipt:
    return desk.escrow.transact("refund", agreement, sender=MALLORY)


def sign(desk: Desk, *figures: tuple[int, int, int], cap: int = FOREVER, sender: Account = LEDGER) -> Receipt:
    """Countersigned figures (agreement, units, until) as the ledger would settle them."""
    return desk.escrow.transact("settleSigned", [(*figure, cap) for figure in figures], sender=sender)


def paid(desk: Desk, agreement: int) -> int:
    return int(desk.agreement(agreement)["paid"])


def downtime(desk: Desk, agreement: int) -> int:
    return int(desk.agreement(agreement)["downtime"])


def only_skip(receipt: Receipt, agreement: int, units: int, reason: SkipReason) -> bool:
    """Whether this is all that happened."""
    return skips(receipt) == [(agreement, units, reason)] and len(receipt.logs) == 1


# The clock


def test_lease__section_9__100_000_gross_20_000_fee_80_000_net() -> None:
    desk, _ = open_solo(fee_provider=2_000)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(1_000)
    desk.escrow.transact("close", lease, sender=OTTO)
    desk.evm.warp_to(start + 1_000 + LAG)
    receipt = poke(desk, lease)
    assert receipt.result == 100_000
    assert receipt.event("Settled").args == {"agreement": lease, "paid": 100_000}
    assert desk.escrow.call("earningsOf", 2) == (80_000, 0, 20_000)
    assert desk.escrow.call("feeTotals") == (20_000, 0)
    desk.check_solvent()


def test_clock__pays_up_to_now_less_lag__to_the_second() -> None:
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease(expiry=desk.now + 300_000, budget=90_000_000)
    start = desk.now
    for age, gross in ((0, 0), (LAG, 0), (LAG + 1, 100), (LAG + 2, 200), (LAG + 1_000, 100_000)):
        desk.evm.warp_to(start + age)
        receipt = poke(desk, lease)
        assert paid(desk, lease) == gross
        if gross == 0:
            assert only_skip(receipt, lease, 0, SkipReason.STALE)
    assert only_skip(poke(desk, lease), lease, 0, SkipReason.STALE)
    desk.check_solvent()


def test_clock__price_per_million_seconds__is_rounded_down_for_the_payer() -> None:
    """333 µ in 1e6 s: after 3 003 s it is 0.999999 µ, a second later 1.000332."""
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease(unit_price=333, budget=1_000)
    start = desk.now
    desk.evm.warp_to(start + LAG + 3_003)
    assert poke(desk, lease).result == 0
    desk.evm.warp(1)
    assert poke(desk, lease).result == 1


def test_clock__both_fees__are_the_floors_of_the_cumulative_figure() -> None:
    """19 µ a second at 700 and 333 bps: in twenty steps of a second 380 gross, 26 and 12 of fees."""
    desk, _ = open_solo(fee_provider=700, fee_customer=333)
    lease = desk.lease(unit_price=19_000_000)
    desk.evm.warp(LAG)
    moved = 0
    for _ in range(20):
        desk.evm.warp(1)
        moved += poke(desk, lease).result
    assert (moved, desk.escrow.call("earningsOf", 2)) == (380 + 12, (380 - 26, 0, 26 + 12))
    desk.check_solvent()


def test_clock__start_ahead__counts_from_there() -> None:
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease(start=desk.now + 500)
    start = desk.now + 500
    desk.evm.warp_to(start + LAG)
    assert poke(desk, lease).result == 0
    desk.evm.warp(7)
    assert poke(desk, lease).result == 700


@pytest.mark.parametrize(
    ("price", "budget", "seconds", "gross"),
    [
        (100_000_000, 1_050, 10, 1_000),
        (100_000_000, 1_099, 10, 1_099 // 100 * 100),
        (100_000_000, 1_000, 10, 1_000),
        (100_000_000, 99, 0, 0),
        (3, 1, 333_333, 0),
        (7_000_000, 100, 14, 98),
    ],
)
def test_exhausted__ends_at_funded_until__and_the_rest_comes_back(
    price: int, budget: int, seconds: int, gross: int
) -> None:
    """fundedUntil = start + floor(budget x 1e6 / price)."""
    desk, _ = open_solo(fee_provider=0, fee_customer=100)
    lease = desk.lease(unit_price=price, budget=budget, expiry=desk.now + 400_000)
    end = desk.now + seconds
    assert desk.escrow.call("paidUntil", lease) == end
    assert desk.escrow.call("partiesOf", [lease])[0]["end"] == end
    assert desk.escrow.call("refundableAt", lease) == end + AFTER
    desk.evm.warp_to(end)
    for who in (ANN, OTTO):
        with reverts("Escrow_AlreadyEnding", agreement=lease, endsAt=end):
            desk.escrow.transact("close", lease, sender=who)
    desk.evm.warp_to(end + AFTER)
    closed = refund(desk, lease).event("Closed").args
    locked = budget + budget // 100
    assert closed == {
        "agreement": lease,
        "paid": gross,
        "refunded": locked - gross - gross // 100,
        "reason": CloseReason.EXHAUSTED,
    }
    assert desk.escrow.call("balanceOf", 1) == (MONEY - gross - gross // 100, 0)
    desk.check_solvent()


def test_exhausted__money_that_reaches_just_to_the_expiry__is_expired() -> None:
    desk, _ = open_solo()
    lease = desk.lease(budget=1_000, expiry=desk.now + 10)
    desk.evm.warp_to(desk.escrow.call("refundableAt", lease))
    closed = refund(desk, lease).event("Closed").args
    assert (closed["paid"], closed["reason"]) == (1_000, CloseReason.EXPIRED)


@pytest.mark.parametrize(("bit", "reason"), [(FROZEN, SkipReason.FROZEN), (HELD, SkipReason.HELD)])
def test_clock__frozen_or_held__pays_nothing_and_is_not_refunded(bit: int, reason: SkipReason) -> None:
    desk, _ = open_solo(fresh=True)
    lease = desk.lease()
    desk.set_bits(lease, hot=bit)
    desk.evm.warp(100_000 + AFTER)
    assert only_skip(poke(desk, lease), lease, 0, reason)
    with reverts("Escrow_Held", agreement=lease):
        refund(desk, lease)
    receipt = desk.escrow.transact("refundMany", [lease], sender=MALLORY)
    assert receipt.event("RefundSkipped").args == {"agreement": lease, "reason": RefundFault.HELD}
    with reverts("Escrow_Held", agreement=lease):
        desk.escrow.transact("refundEarly", lease, 0, b"", sender=OTTO)


def test_poke__bad_ones_among_good__hold_up_nobody() -> None:
    desk, _ = open_solo(fee_provider=0, fee_customer=1_000)
    first, second, metered, gone = desk.lease(), desk.lease(payee=3), desk.opened(), desk.lease(budget=100)
    desk.evm.warp(1 + AFTER)
    refund(desk, gone)
    receipt = poke(desk, 77, first, metered, gone, second, first)
    assert skips(receipt) == [
        (77, 0, SkipReason.UNKNOWN_AGREEMENT),
        (metered, 0, SkipReason.NOT_A_LEASE),
        (gone, 0, SkipReason.CLOSED),
        (first, 0, SkipReason.STALE),
    ]
    seconds = min(100_000, 1 + AFTER - LAG, 10_000)  # its budget of 1 000 000 µ is 10 000 s
    assert receipt.result == 2 * (100 * seconds + 10 * seconds)
    assert (desk.received(2), desk.received(3)) == (100 * seconds + 100, 100 * seconds)
    desk.check_solvent()


def test_poke__policies_of_their_own__each_has_its_own_horizon() -> None:
    desk, _ = open_solo(fee_provider=0)
    quick = desk.system.add_policy(relayer=2, challengeWindow=100, reportTime=50, selfPostWindow=100)
    leases = [desk.lease(), desk.lease(policy=quick), desk.lease()]
    desk.evm.warp(LAG + 5)
    poke(desk, *leases)
    short = 100 + 50 + 86_400
    assert [paid(desk, one) for one in leases] == [500, min(100 * (LAG + 5 - short), 1_000_000), 500]


def test_poke__more_than_256__refused_whole() -> None:
    desk, _ = open_solo()
    with reverts("Escrow_TooManyItems", items=257):
        poke(desk, *[1] * 257)
    with reverts("Escrow_TooManyItems", items=257):
        desk.escrow.transact("refundMany", [1] * 257, sender=MALLORY)
    assert len(skips(poke(desk, *[1] * 256))) == 256


# Closing


def test_close__by_the_customer__stops_after_the_notice() -> None:
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(1_000)
    receipt = desk.escrow.transact("close", lease, sender=ANN)
    end = start + 1_000 + NOTICE
    assert receipt.event("CloseRequested").args["stopAt"] == end == desk.escrow.call("paidUntil", lease)
    desk.evm.warp_to(end + AFTER)
    closed = refund(desk, lease).event("Closed").args
    assert (closed["paid"], closed["reason"]) == (460_000, CloseReason.CLOSED_BY_CUSTOMER)


def test_close__by_the_provider__stops_at_once_even_under_notice() -> None:
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(1_000)
    desk.escrow.transact("close", lease, sender=ANN)
    desk.evm.warp(10)
    desk.escrow.transact("close", lease, sender=OTTO)
    desk.evm.warp_to(start + 1_010 + AFTER)
    closed = refund(desk, lease).event("Closed").args
    assert (closed["paid"], closed["reason"]) == (101_000, CloseReason.CLOSED_BY_PROVIDER)


def test_close__before_the_start__ends_at_the_start_with_nothing_paid() -> None:
    desk, _ = open_solo()
    start = desk.now + 500
    lease = desk.lease(start=start)
    desk.escrow.transact("close", lease, sender=OTTO)
    assert desk.escrow.call("paidUntil", lease) == start
    desk.evm.warp_to(start + AFTER)
    closed = refund(desk, lease).event("Closed").args
    assert (closed["paid"], closed["refunded"]) == (0, 1_000_000)


def test_close__notice_beyond_the_money__refused() -> None:
    """It would not bring the end forward."""
    desk, _ = open_solo()
    lease = desk.lease(budget=360_000)  # 3 600 s
    with reverts("Escrow_AlreadyEnding", agreement=lease, endsAt=desk.now + 3_600):
        desk.escrow.transact("close", lease, sender=ANN)
    other = desk.lease(budget=360_100)
    desk.escrow.transact("close", other, sender=ANN)


# Downtime


def test_downtime__by_batch__lowers_the_bill_and_never_lengthens_the_lease() -> None:
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease(budget=100_000)  # 1 000 s
    start = desk.now
    desk.evm.warp_to(start + 600)
    receipt = desk.settle_directly([(lease, 250)])
    assert receipt.result == 0
    assert receipt.event("DowntimeSet").args == {"agreement": lease, "downtime": 250}
    assert desk.escrow.call("paidUntil", lease) == start + 1_000
    desk.evm.warp_to(start + 1_000 + AFTER)
    closed = refund(desk, lease).event("Closed").args
    assert (closed["paid"], closed["refunded"], closed["reason"]) == (75_000, 25_000, CloseReason.EXHAUSTED)


def test_downtime__bounds__what_had_elapsed_when_it_was_posted() -> None:
    desk, _ = open_solo()
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(500)
    figures: Sequence[tuple[int, int, SkipReason | None]] = [
        (0, start + 300, SkipReason.STALE),
        (301, start + 300, SkipReason.DOWNTIME_ABOVE_ELAPSED),
        (2**80 - 1, start + 300, SkipReason.DOWNTIME_ABOVE_ELAPSED),
        (300, start + 300, None),
        (300, start + 300, SkipReason.STALE),
        (299, start + 300, SkipReason.STALE),
        (301, start + 299, SkipReason.DOWNTIME_ABOVE_ELAPSED),
        (1, start - 5, SkipReason.STALE),
        (301, start + 301, None),
    ]
    for units, posted_at, reason in figures:
        receipt = desk.settle_directly([(lease, units)], posted_at=posted_at)
        assert receipt.result == 0
        if reason is None:
            assert downtime(desk, lease) == units
        else:
            assert only_skip(receipt, lease, units, reason)


def test_downtime__after_the_end__is_at_most_the_life_of_the_lease() -> None:
    desk, _ = open_solo()
    lease = desk.lease(budget=1_000)  # 10 s
    desk.evm.warp(500)
    receipt = desk.settle_directly([(lease, 11)])
    assert only_skip(receipt, lease, 11, SkipReason.DOWNTIME_ABOVE_ELAPSED)
    desk.settle_directly([(lease, 10)])
    desk.evm.warp(AFTER)
    closed = refund(desk, lease).event("Closed").args
    assert (closed["paid"], closed["refunded"]) == (0, 1_000)


def test_downtime__before_the_start__is_refused() -> None:
    desk, _ = open_solo()
    lease = desk.lease(start=desk.now + 100)
    receipt = desk.settle_directly([(lease, 1)])
    assert only_skip(receipt, lease, 1, SkipReason.DOWNTIME_ABOVE_ELAPSED)


def test_downtime__of_seconds_paid_already__is_never_clawed_back() -> None:
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(LAG + 1_000)
    poke(desk, lease)
    assert paid(desk, lease) == 100_000
    desk.settle_directly([(lease, 400)])
    assert only_skip(poke(desk, lease), lease, 0, SkipReason.STALE)
    desk.evm.warp_to(start + LAG + 1_400)
    assert poke(desk, lease).result == 0
    desk.evm.warp(1)
    assert poke(desk, lease).result == 100


def test_downtime__of_another_policy_or_frozen_or_closed__does_not_count() -> None:
    desk, _ = open_solo(fresh=True)
    lease, frozen, gone = desk.lease(), desk.lease(), desk.lease(budget=100)
    other = desk.system.add_policy(relayer=2)
    desk.set_bits(frozen, hot=FROZEN)
    desk.evm.warp(10)
    assert only_skip(desk.settle_directly([(lease, 5)], policy=other), lease, 5, SkipReason.OTHER_POLICY)
    assert only_skip(desk.settle_directly([(frozen, 5)]), frozen, 5, SkipReason.FROZEN)
    desk.evm.warp(AFTER)
    refund(desk, gone)
    assert only_skip(desk.settle_directly([(gone, 1)]), gone, 1, SkipReason.CLOSED)
    assert [downtime(desk, one) for one in (lease, frozen, gone)] == [0, 0, 0]


def test_downtime__void__does_not_count() -> None:
    desk, _ = open_solo()
    lease = desk.lease()
    desk.evm.warp(10)
    assert only_skip(desk.settle_directly([(lease, 5)], mask=1), lease, 5, SkipReason.VOID)
    assert downtime(desk, lease) == 0


def set_downtime(desk: Desk, agreement: int, units: int, sender: Account = LEDGER) -> Receipt:
    return desk.escrow.transact("setDowntime", agreement, units, sender=sender)


def test_set_downtime__by_the_ledger__counts_at_once_up_to_now() -> None:
    desk, _ = open_solo(fresh=True)
    lease, metered, frozen = desk.lease(), desk.opened(), desk.lease()
    desk.set_bits(frozen, hot=FROZEN)
    desk.evm.warp(100)
    assert set_downtime(desk, lease, 100).result is True
    assert downtime(desk, lease) == 100
    for agreement, units, reason in (
        (lease, 101, SkipReason.DOWNTIME_ABOVE_ELAPSED),
        (lease, 100, SkipReason.STALE),
        (metered, 1, SkipReason.NOT_A_LEASE),
        (frozen, 1, SkipReason.FROZEN),
        (77, 1, SkipReason.UNKNOWN_AGREEMENT),
    ):
        receipt = set_downtime(desk, agreement, units)
        assert receipt.result is False
        assert only_skip(receipt, agreement, units, reason)


# Countersigned


def test_countersigned__lease__pays_at_once_less_the_downtime_it_names() -> None:
    desk, _ = open_solo(fee_provider=500, fee_customer=100)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(1_000)
    receipt = sign(desk, (lease, 200, start + 900))
    assert receipt.result == ([70_000], [700])
    assert receipt.event("Settled").args == {"agreement": lease, "paid": 70_000}
    assert (paid(desk, lease), downtime(desk, lease)) == (70_000, 200)
    assert desk.escrow.call("earningsOf", 2) == (66_500, 0, 4_200)
    # The clock goes on from there: nothing until the horizon has passed what was paid.
    desk.evm.warp_to(start + LAG + 900)
    assert poke(desk, lease).result == 0
    desk.evm.warp(1)
    assert poke(desk, lease).result == 101
    desk.check_solvent()


def test_countersigned__lease__bounds() -> None:
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease(budget=100_000)  # 1 000 s
    start = desk.now
    desk.evm.warp(500)
    for units, until, reason in (
        (0, start + 501, SkipReason.AHEAD_OF_CLOCK),
        (0, 2**32 - 1, SkipReason.AHEAD_OF_CLOCK),
        (401, start + 400, SkipReason.DOWNTIME_ABOVE_ELAPSED),
        (2**80 - 1, start + 400, SkipReason.DOWNTIME_ABOVE_ELAPSED),
        (1, start, SkipReason.DOWNTIME_ABOVE_ELAPSED),
        (0, start, SkipReason.STALE),
        (0, 0, SkipReason.STALE),
    ):
        receipt = sign(desk, (lease, units, until))
        assert receipt.result == ([0], [0])
        assert only_skip(receipt, lease, units, reason)
    assert sign(desk, (lease, 0, start + 500)).result == ([50_000], [0])
    desk.evm.warp(5_000)
    assert only_skip(sign(desk, (lease, 0, start + 1_001)), lease, 0, SkipReason.AHEAD_OF_CLOCK)
    assert sign(desk, (lease, 0, start + 1_000)).result == ([50_000], [0])


def test_countersigned__replayed_or_late__changes_nothing_in_the_provider_s_favour() -> None:
    """An early acceptance of little downtime, carried in after more was reported, must not undo what was reported."""
    desk, _ = open_solo(fee_provider=0)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(3_000)
    set_downtime(desk, lease, 1_500)
    assert sign(desk, (lease, 10, start + 2_000)).result == ([199_000], [0])
    assert downtime(desk, lease) == 1_500
    assert only_skip(sign(desk, (lease, 10, start + 2_000)), lease, 10, SkipReason.STALE)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_countersigned__in_any_order__comes_to_the_same(order: tuple[int, ...]) -> None:
    desk, _ = open_solo(fee_provider=333)
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(1_000)
    figures = [(lease, 10, start + 300), (lease, 200, start + 600), (lease, 150, start + 700)]
    for place in order:
        sign(desk, figures[place])
    assert (paid(desk, lease), downtime(desk, lease)) == (55_000, 200)
    assert desk.received(2) == 55_000 - 1_831  # floor(55 000 x 333 / 1e4) = 1 831
    desk.check_solvent()


def test_countersigned__frozen__waits_and_held__pays() -> None:
    desk, _ = open_solo(fresh=True)
    frozen, held = desk.lease(), desk.lease()
    start = desk.now
    desk.set_bits(frozen, hot=FROZEN)
    desk.set_bits(held, hot=HELD)
    desk.evm.warp(10)
    receipt = sign(desk, (frozen, 0, start + 10), (held, 0, start + 10), (77, 0, start))
    assert receipt.result == ([0, 1_000, 0], [0, 0, 0])
    assert skips(receipt) == [(frozen, 0, SkipReason.FROZEN), (77, 0, SkipReason.UNKNOWN_AGREEMENT)]


def test_countersigned__metered__pays_units_at_once_within_cap_and_budget() -> None:
    desk, _ = open_solo(fee_provider=0, fee_customer=100)
    agreement = desk.opened()
    assert only_skip(
        sign(desk, (agreement, 501, 0), cap=500), agreement, 501, SkipReason.ABOVE_DECLARED_VALUE
    )
    assert sign(desk, (agreement, 500, 0), cap=500).result == ([500], [5])
    assert only_skip(sign(desk, (agreement, 500, 0)), agreement, 500, SkipReason.STALE)
    receipt = sign(desk, (agreement, 2**80 - 1, 0))
    assert receipt.result == ([999_500], [9_995])
    assert skips(receipt) == [(agreement, 2**80 - 1, SkipReason.CAPPED_AT_BUDGET)]
    desk.check_solvent()


def test_countersigned__lease_above_the_cap__changes_nothing_at_all() -> None:
    desk, _ = open_solo()
    lease = desk.lease()
    start = desk.now
    desk.evm.warp(100)
    receipt = sign(desk, (lease, 10, start + 100), cap=8_999)
    assert only_skip(receipt, lease, 10, SkipReason.ABOVE_DECLARED_VALUE)
    assert (paid(desk, lease), downtime(desk, lease)) == (0, 0)
    assert sign(desk, (lease, 10, start + 100), cap=9_000).result == ([9_000], [0])


def test_the_ledger_s_functions__by_anybody_else__refused() -> None:
    desk = open_desk()
    lease = desk.lease()
    calls = [
        ("settleSigned", ([],)),
        ("setDowntime", (lease, 1)),
        ("settleRelease", ((1, 0, 0, 0), lease, 1)),
        ("finaliseRelease", (lease, 0, True)),
        ("raiseRefundFloor", (1, 2**40 - 1)),
    ]
    for caller in (ANN, OTTO, PAULA, RITA, SAM, MALLORY, LEDGER, desk.system.admin):
        for name, values in calls:
            with reverts("Escrow_NotLedger", caller=caller.address):
                desk.escrow.transact(name, *values, sender=caller)


# Refunds


@pytest.mark.parametrize(
    ("challenge", "self_post", "report"),
    [(86_400, 259_200, 86_400), (86_400, 259_200, 259_200), (300_000, 1, 86_400), (1, 1, 86_400)],
)
def test_refund__every_second_is_past_the_horizon_by_then(
    challenge: int, self_post: int, report: int
) -> None:
    """Up to reportTime + challengeWindow = POST_GRACE + longest window, which PolicyBook allows and no more."""
    desk, _ = open_solo(fee_provider=0)
    policy = desk.system.add_policy(
        relayer=2, challengeWindow=challenge, selfPostWindow=self_post, reportTime=report
    )
    lease = desk.lease(policy=policy)
    twin = desk.lease(policy=policy)
    due = desk.escrow.call("refundableAt", lease)
    assert due == desk.now + 10_000 + 86_400 + max(challenge, self_post) + 86_400
    desk.evm.warp_to(due)
    assert poke(desk, lease).result == 1_000_000
    assert refund(desk, lease).events("Settled") == []
    receipt = refund(desk, twin)
    assert receipt.event("Settled").args == {"agreement": twin, "paid": 1_000_000}
    assert receipt.event("Closed").args["refunded"] == 0
    desk.check_solvent()


def test_refund__pays_the_clock_first_with_its_fees() -> None:
    desk, _ = open_solo(fee_provider=2_000)
    lease = desk.lease()
    desk.evm.warp(1_000)
    desk.escrow.transact("close", lease, sender=OTTO)
    desk.evm.warp(AFTER)
    closed = refund(desk, lease).event("Closed").args
    assert (closed["paid"], closed["refunded"]) == (100_000, 900_000)
    assert desk.escrow.call("earningsOf", 2) == (80_000, 0, 20_000)
    assert desk.escrow.call("feeTotals") == (20_000, 0)
    desk.check_solvent()


def test_refund_many__those_that_are_due__and_says_why_not_the_others() -> None:
    desk, staking = open_solo()
    metered, lease, early, gone = desk.opened(), desk.lease(), desk.opened(), desk.opened()
    for agreement in (metered, lease, gone):
        desk.escrow.transact("close", agreement, sender=OTTO)
    desk.evm.warp(AFTER)
    refund(desk, gone)
    receipt = desk.escrow.transact("refundMany", [metered, early, gone, 77, lease, metered], sender=MALLORY)
    assert [(log.args["agreement"], log.args["reason"]) for log in receipt.events("RefundSkipped")] == [
        (early, RefundFault.TOO_EARLY),
        (gone, RefundFault.NOT_OPEN),
        (77, RefundFault.NOT_OPEN),
        (metered, RefundFault.NOT_OPEN),
    ]
    assert [log.args["agreement"] for log in receipt.events("Closed")] == [metered, lease]
    assert staking.call("releases") == 3
    assert desk.locked(1) == 1_000_000
    desk.check_solvent()


def test_refund_floor__raised_by_the_ledger__delays_refunds_of_that_policy_only() -> None:
    desk, _ = open_solo()
    other = desk.system.add_policy(relayer=2)
    here, there = desk.opened(budget=10), desk.opened(budget=10, policy=other)
    due = desk.escrow.call("refundableAt", here)
    receipt = desk.escrow.transact("raiseRefundFloor", 1, due + 50, sender=LEDGER)
    assert receipt.event("RefundFloorRaised").args == {"policy": 1, "until": due + 50}
    for lower in (due + 50, due, 0):
        assert desk.escrow.transact("raiseRefundFloor", 1, lower, sender=LEDGER).logs == ()
    assert desk.escrow.call("refundFloor", 1) == due + 50
    assert [desk.escrow.call("refundableAt", one) for one in (here, there)] == [due + 50, due]
    desk.evm.warp_to(due + 49)
    receipt = desk.escrow.transact("refundMany", [here, there], sender=MALLORY)
    assert [log.args["agreement"] for log in receipt.events("Closed")] == [there]
    with reverts("Escrow_NotRefundableYet", agreement=here, refundableAt=due + 50):
        refund(desk, here)
    desk.evm.warp(1)
    refund(desk, here)


# Views


def test_runway__free_and_unused_money_at_the_present_rates() -> None:
    """Two leases at 100 and 50 µ/s with 10 % customer fee burn 165 µ/s."""
    desk, _ = open_solo(fee_provider=0, fee_customer=1_000)
    desk.escrow.transact("withdraw", 1, MONEY - 330_000, ANN.address, sender=ANN)
    one = desk.lease(budget=100_000)
    two = desk.lease(budget=50_000, unit_price=50_000_000)
    metered = desk.opened(budget=10)
    sams = desk.terms(mode=1, unit_price=100_000_000, customer=3, budget=100_000)
    others = desk.open_with([(sams, desk.signed(sams, SAM))]).result[0]
    ahead = desk.lease(budget=10_000, start=desk.now + 500)
    start, listed = desk.now, [one, two, metered, others, ahead, 77]
    free = desk.free(1)
    assert free == 330_000 - 110_000 - 55_000 - 11 - 11_000 == 153_989
    assert desk.escrow.call("runwayOf", 1, listed) == start + (153_989 + 165_000) // 165
    # What the clock owes is used, whether it was paid or not.
    desk.evm.warp(100)
    assert desk.escrow.call("runwayOf", 1, listed[:4]) == start + 100 + (153_989 + 165_000 - 16_500) // 165
    assert desk.escrow.call("runwayOf", 1, [metered]) == 2**256 - 1
    assert desk.escrow.call("runwayOf", 2, listed) == 2**256 - 1
    desk.evm.warp(900)  # both have run out
    assert desk.escrow.call("runwayOf", 1, [one, two]) == 2**256 - 1


def test_paid_until__of_what_is_not_open__refused() -> None:
    desk, _ = open_solo()
    for number in (0, 77):
        with reverts("Escrow_NotOpen", agreement=number):
            desk.escrow.call("paidUntil", number)
    agreement = desk.opened()
    assert desk.escrow.call("paidUntil", agreement) == desk.now + 100_000


def test_parties__tell_what_the_checks_of_a_receipt_need() -> None:
    desk, _ = open_solo()
    desk.escrow.transact("allow", 3, 1, 1, 10**9, bytes(32), sender=SAM)
    lease = desk.lease(funder=3, budget=999_995, start=desk.now + 5)
    split = desk.escrow.transact("createSplit", [PAULA.address], [1], sender=ANN).result
    metered = desk.opened(payee=split)
    first, unknown, second = desk.escrow.call("partiesOf", [lease, 77, metered])
    assert first == {
        "status": 1, "mode": 1, "frozen": False, "holds": 0, "policy": 1, "customer": 1, "funder": 3,
        "operator": 1, "payee": 2, "start": desk.now + 5, "end": desk.now + 5 + 9_999, "pledge": 100_000,
        "customerOwner": ANN.address, "funderOwner": SAM.address, "payeeOwner": PAULA.address,
    }  # fmt: skip
    assert set(unknown.values()) == {0, "0x" + "00" * 20}
    assert (second["end"], second["payee"]) == (desk.now + 100_000, split)
    assert (second["funderOwner"], second["payeeOwner"]) == (ANN.address, "0x" + "00" * 20)


# A life of many leases against an oracle that knows only times


@pytest.mark.parametrize("seed", range(5))
def test_leases__any_life__comes_to_what_a_calendar_says(seed: int) -> None:
    """gross = floor((end - start - downtime) x price / 1e6), however often clocks were poked on the way."""
    dice = random.Random(seed)
    provider = dice.randrange(1_001)
    customer = dice.randrange(1_001)
    desk, _ = open_solo(fee_provider=provider, fee_customer=customer)
    born = desk.now
    rows = []
    for _ in range(6):
        price, budget = dice.randrange(1, 10**9), dice.randrange(1, 10**8)
        start = born + dice.randrange(0, 5_000)
        expiry = start + dice.randrange(1, 200_000)
        number = desk.lease(unit_price=price, budget=budget, start=start, expiry=expiry)
        rows.append({"number": number, "price": price, "budget": budget, "start": start,
                     "end": min(expiry, start + budget * 10**6 // price), "down": 0})  # fmt: skip
    for _ in range(60):
        desk.evm.warp(dice.randrange(1, 20_000))
        row = dice.choice(rows)
        kind = dice.choice(["poke", "poke", "down", "stop", "notice"])
        if kind == "poke":
            poke(desk, *[one["number"] for one in dice.sample(rows, 3)])
        elif kind == "down":
            # Reported promptly, so before its seconds are paid: what is reported late lowers only what is left.
            most = max(0, min(desk.now, row["end"]) - row["start"])
            if most and desk.now - LAG < row["start"]:
                units = dice.randrange(0, most + 5)
                if set_downtime(desk, row["number"], units).result:
                    assert row["down"] < units <= most
                    row["down"] = units
                else:
                    assert units <= row["down"] or units > most
        else:
            who, stop = (OTTO, desk.now) if kind == "stop" else (ANN, desk.now + NOTICE)
            stop = max(stop, row["start"])
            if stop < row["end"]:
                desk.escrow.transact("close", row["number"], sender=who)
                row["end"] = stop
    desk.evm.warp_to(max(row["end"] for row in rows) + AFTER)
    desk.escrow.transact("refundMany", [row["number"] for row in rows], sender=MALLORY)
    gross = [max(0, row["end"] - row["start"] - row["down"]) * row["price"] // 10**6 for row in rows]
    assert [paid(desk, row["number"]) for row in rows] == gross
    fees = [(g * provider // 10**4, g * customer // 10**4) for g in gross]
    assert desk.received(2) == sum(gross) - sum(fee for fee, _ in fees)
    assert desk.escrow.call("balanceOf", 1) == (MONEY - sum(gross) - sum(fee for _, fee in fees), 0)
    desk.check_solvent()
