"""What happens when, worked by hand: stops to the second, a round a day, refunds once their waiting is over."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from tests.support.leases import plan_of

from tallystick.replay.lease.plan import Lease
from tallystick.replay.lease.script import DAY, Act, Kind, Waits, acts_of, by_second

WAITS = Waits(lag=3 * DAY, refund=5 * DAY)


def lease(start, deletion, budget, rate=1_000_000):
    return Lease(2, 0, Decimal(1), Fraction(1_000), rate, start, deletion, budget, 0, 0)


def acts(*leases, waits=WAITS):
    return [(act.at, act.kind, act.leases) for act in acts_of(leases, waits)]


def test_acts_of__our_small_world__is_as_by_hand(tmp_path):
    # The first start is 0. On day 4 the horizon is day 1, when all five are over; on day 6 all have waited five days.
    assert acts_of(plan_of(tmp_path).leases, WAITS) == [
        Act(105, Kind.CLOSE, (3,)),
        Act(4 * DAY, Kind.POKE, (0, 1, 2, 3, 4)),
        Act(6 * DAY, Kind.REFUND, (0, 1, 2, 3, 4)),
    ]


def test_acts_of__long_lease__is_paid_day_by_day_up_to_the_horizon():
    # 1 µ a second from second 10 for 2 1/2 days, with money for 3: stopped, then paid for the last time on day 6 after
    # the start (horizon: day 3 of its own), refunded 5 days after its end, so with the round of day 8.
    end = 10 + 5 * DAY // 2
    rounds = [10 + day * DAY for day in range(9)]
    assert acts(lease(10, end, 3 * DAY)) == [
        (end, Kind.CLOSE, (0,)),
        (rounds[4], Kind.POKE, (0,)),
        (rounds[5], Kind.POKE, (0,)),
        (rounds[6], Kind.POKE, (0,)),
        (rounds[8], Kind.REFUND, (0,)),
    ]


def test_acts_of__lease_out_of_money__is_not_closed_and_not_poked_for_nothing():
    # Money for one day of its ten.
    assert acts(lease(0, 10 * DAY, DAY)) == [
        (4 * DAY, Kind.POKE, (0,)),
        (6 * DAY, Kind.REFUND, (0,)),
    ]


def test_acts_of__money_ends_with_the_job__is_not_closed():
    assert Kind.CLOSE not in {kind for _, kind, _ in acts(lease(0, DAY, DAY))}
    assert (DAY - 1, Kind.CLOSE, (0,)) in acts(lease(0, DAY - 1, DAY))


def test_acts_of__refund_due_before_the_clock_was_paid__needs_no_poke():
    # With a wait as short as the lag the round that could pay the last seconds refunds, and a refund pays them first.
    assert acts(lease(0, DAY, DAY), waits=Waits(lag=DAY, refund=DAY)) == [(2 * DAY, Kind.REFUND, (0,))]


def test_acts_of__not_worth_a_micro__is_refunded_without_a_poke():
    assert acts(lease(0, 9, 1, rate=100_000)) == [(9, Kind.CLOSE, (0,)), (6 * DAY, Kind.REFUND, (0,))]


def test_acts_of__more_than_256__go_in_several_transactions():
    found = acts_of([lease(0, 5, 5) for _ in range(300)], WAITS)
    assert [(act.at, act.kind, len(act.leases)) for act in found] == [
        (4 * DAY, Kind.POKE, 256),
        (4 * DAY, Kind.POKE, 44),
        (6 * DAY, Kind.REFUND, 256),
        (6 * DAY, Kind.REFUND, 44),
    ]
    assert [place for act in found[:2] for place in act.leases] == list(range(300))


def test_acts_of__one_starts_much_later__waits_for_its_own_rounds():
    found = acts(lease(100 * DAY + 7, 101 * DAY, 10**6), lease(0, 5, 5))
    # Rounds lie on whole days after the first start; the later lease is closed, paid and refunded after it.
    assert found == [
        (4 * DAY, Kind.POKE, (1,)),
        (6 * DAY, Kind.REFUND, (1,)),
        (101 * DAY, Kind.CLOSE, (0,)),
        (104 * DAY, Kind.POKE, (0,)),
        (106 * DAY, Kind.REFUND, (0,)),
    ]


def test_acts_of__every_lease__is_closed_at_most_once_and_refunded_once():
    leases = [lease(k * 7_001, k * 7_001 + 1 + k * 2_003, 50_000) for k in range(200)]
    found = acts_of(leases, WAITS)
    refunded = [place for act in found if act.kind is Kind.REFUND for place in act.leases]
    closed = [place for act in found if act.kind is Kind.CLOSE for place in act.leases]
    assert sorted(refunded) == list(range(200))
    assert closed == [place for place in range(200) if 1 + place * 2_003 < 50_000]
    for act in found:
        for place in act.leases:
            assert act.kind is not Kind.REFUND or act.at >= leases[place].stop + WAITS.refund
            assert act.kind is not Kind.POKE or act.at > leases[place].start + WAITS.lag


def test_acts_of__nothing__is_nothing():
    assert acts_of([], WAITS) == []


def test_by_second__acts_of_one_second__stay_together_closes_first():
    close, poke, later = Act(5, Kind.CLOSE, (1,)), Act(5, Kind.POKE, (0,)), Act(6, Kind.REFUND, (0,))
    assert list(by_second(sorted([later, poke, close]))) == [(5, [close, poke]), (6, [later])]
