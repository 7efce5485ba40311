"""Jobs as leases: rates, budgets, ends and nodes, worked by hand (see tests/support/leases.py)."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from tests.support.leases import LEASES, REJECTED, plan_of

from tallystick.replay.lease.plan import LATEST_START, Lease, plan_leases
from tallystick.replay.plan import Rejection
from tallystick.sources.base import Demand, Rejected, Row
from tallystick.sources.nodes import NodeRow

DAY = 86_400


def job(index, began, ended, gpus=1, share=1_000):
    """A usable row on line index + 2; its units do not matter here."""
    return Row(index, index + 2, 1, began, ended, Demand(Decimal(str(gpus)), Decimal(str(share))))


def machines(*gpus):
    return [NodeRow(place, place + 2, f"n-{place}", count) for place, count in enumerate(gpus)]


def plan(rows, nodes=(8,), price=1_000_000, seconds=None, customers=1, bps=500):
    return plan_leases(
        rows,
        machines(*nodes),
        customers=customers,
        unit_price=price,
        fee_bps=bps,
        budget_seconds=seconds,
    )


def only(rows, **changes):
    (lease,) = plan(rows, **changes).leases
    return lease


def test_plan_leases__our_small_world__is_as_by_hand(tmp_path):
    found = plan_of(tmp_path)
    assert [(one.line, one.reason) for one in found.rejected] == REJECTED
    assert found.used == [1, 2]
    assert found.providers == 2
    assert [
        {
            "line": one.line,
            "customer": one.customer,
            "provider": one.node,
            "node": found.nodes[one.node].name,
            "rate": one.rate,
            "start": one.start,
            "stop": one.stop,
            "downtime": 0,
            "served": one.served,
            "gross": one.gross,
            "fee": found.fee(one),
            "net": one.gross - found.fee(one),
            "refund": one.refund,
            "close_reason": one.close_reason,
            "deletion_time": one.deletion,
            "budget": one.budget,
        }
        for one in found.leases
    ] == LEASES
    # Only line 6 would run on after its job: the money of lines 2 and 5 ends with theirs.
    assert [one.line for one in found.leases if one.to_close] == [6]
    # Milli-GPU-seconds: 40 x 1000, 100 x 2000, 7 x 333, 5 x 10, 100 x 1000.
    assert [one.units for one in found.leases] == [40_000, 200_000, 2_331, 50, 100_000]
    assert list(found.commitments()) == [(0, 1, 1_200), (1, 0, 6_000), (0, 1, 70), (1, 0, 2), (0, 1, 3_000)]
    assert [sum(counts) for counts in found.bins.series] == [5, 4]


def test_plan_leases__without_a_cap__every_job_is_served_whole(tmp_path):
    found = plan_of(tmp_path, seconds=None)
    assert {one.close_reason for one in found.leases} == {"stopped"}
    # Line 3: 500 s x 60 µ; line 8: 390 whole seconds x 30 µ.
    assert [one.gross for one in found.leases] == [1_200, 30_000, 69, 1, 11_700]
    assert [one.refund for one in found.leases] == [0, 0, 1, 1, 0]


def test_lease__budget__is_rounded_up_and_pays_for_at_least_the_whole_job():
    # 7 s at 999 999 µ a million: 6.999993 µ, so a budget of 7, which lasts floor(7.000007) = 7 seconds.
    lease = only([job(0, 100, 107)], price=999_999)
    assert (lease.rate, lease.budget, lease.funded_until, lease.gross, lease.refund) == (
        999_999,
        7,
        107,
        6,
        1,
    )
    assert (lease.stop, lease.close_reason, lease.to_close) == (107, "stopped", False)


def test_lease__slow_rate__has_money_long_after_its_job_and_must_be_closed():
    # 3 µ per 1e6 s: one second is worth nothing, one µ lasts 333 333 s.
    lease = only([job(0, 5, 6)], price=3)
    assert (lease.budget, lease.funded_until, lease.to_close) == (1, 5 + 333_333, True)
    assert (lease.stop, lease.gross, lease.refund, lease.close_reason) == (6, 0, 1, "stopped")


def test_lease__job_within_one_second__is_served_for_none():
    # 100.2 to 100.9 are both second 100.
    lease = only([job(0, 100, 100)], price=2_000_000)
    assert (lease.budget, lease.funded_until, lease.served, lease.gross, lease.refund) == (1, 100, 0, 0, 1)
    assert (lease.close_reason, lease.to_close) == ("stopped", False)


@pytest.mark.parametrize(
    ("seconds", "budget", "stop", "reason"),
    [
        (1, 3, 2, "exhausted"),  # ceil(2.5) = 3 µ last floor(1.2) = 1 s, from 1 on
        (3, 8, 4, "exhausted"),  # ceil(7.5) = 8 µ last 3.2 s
        (4, 10, 5, "stopped"),  # exactly the job
        (5, 10, 5, "stopped"),  # the cap is above what the job needs
    ],
)
def test_lease__budget_seconds__cap_the_budget_rounded_up(seconds, budget, stop, reason):
    lease = only([job(0, 1, 5)], price=2_500_000, seconds=seconds)
    assert (lease.budget, lease.stop, lease.close_reason) == (budget, stop, reason)


def test_lease__rate__is_rounded_down_from_the_exact_product():
    # 7 x 2.5 GPU x 333 milli / 1000 = 5.8275; 1 x 999 / 1000 is nothing.
    assert only([job(0, 0, 9, 2.5, 333)], price=7).rate == 5
    assert plan([job(0, 0, 9, 1, 999)], price=1).rejected == [Rejection(2, "rate_is_zero")]
    assert only([job(0, 0, 9, 1, 1_000)], price=1).rate == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (job(0, 0, 9, 1, "1e-45"), "rate_is_zero"),
        (job(0, 0, 9, 1, "1e41"), "rate_out_of_range"),
        (job(0, 0, 9, 1, 72_057_594_037_928), "rate_out_of_range"),  # x 1 000 000 / 1000 is above 2^56 - 1
        (job(0, 0, 1_000_001, 1, 72_057_594_037_927), "over_budget"),
        (job(0, None, 9), "out_of_term"),
        (job(0, 0, 400 * DAY + 1), "out_of_term"),
        (job(0, 0, 9, 9), "no_node"),
        (Rejected(0, 2, "no_gpu"), "no_gpu"),
    ],
)
def test_plan_leases__job_that_cannot_be_a_lease__has_a_reason(row, reason):
    found = plan([row])
    assert found.rejected == [Rejection(2, reason)]
    assert (found.leases, found.used) == ([], [])


def test_plan_leases__largest_rate_and_longest_job__are_leases():
    assert only([job(0, 0, 1, 1, 72_057_594_037_927)]).rate == 72_057_594_037_927_000
    longest = only([job(0, 7, 7 + 400 * DAY)])
    assert longest.deletion == longest.expiry == longest.stop
    assert longest.close_reason == "stopped"
    assert not longest.to_close
    # 72 057 594 037.927 µ a second, rounded up.
    assert only([job(0, 0, 2, 1, 72_057_594_037_927)], seconds=1).budget == 72_057_594_038


def test_plan_leases__rate_and_budget_at_the_edge_of_56_bits__are_a_lease_and_one_more_is_none():
    edge = 2**56 - 1
    # At 1 000 µ a whole GPU the rate is the power itself; for a million seconds the budget is the rate.
    lease = only([job(0, 0, 1_000_000, 1, edge)], price=1_000)
    assert (lease.rate, lease.budget) == (edge, edge)
    assert plan([job(0, 0, 1_000_001, 1, edge)], price=1_000).rejected == [Rejection(2, "over_budget")]
    assert plan([job(0, 0, 1, 1, edge + 1)], price=1_000).rejected == [Rejection(2, "rate_out_of_range")]


def test_plan_leases__start_more_than_399_days_after_the_first__is_out_of_term():
    rows = [
        job(0, 50 + LATEST_START + 1, 10**9),
        job(1, 50, 60),
        job(2, 50 + LATEST_START, 60 + LATEST_START),
    ]
    found = plan(rows)
    assert LATEST_START == 399 * DAY
    assert found.rejected == [Rejection(2, "out_of_term")]
    assert [one.line for one in found.leases] == [3, 4]


def test_plan_leases__rows_that_nobody_can_use__do_not_take_a_node():
    # Line 2 has no money to speak of, so line 3 still gets the upper of two equal nodes.
    found = plan([job(0, 0, 9, 1, "0.0001"), job(1, 0, 9)], nodes=(8, 8))
    assert [(one.line, one.node) for one in found.leases] == [(3, 0)]


def test_plan_leases__customers__take_turns_over_all_data_rows():
    rows = [job(0, 0, 9), Rejected(1, 3, "no_gpu"), job(2, 0, 9), job(3, 0, 9), job(4, 0, 9)]
    assert [one.customer for one in plan(rows, customers=3).leases] == [0, 2, 0, 1]


# Placement


def placed(rows, *gpus):
    return {one.line: one.node for one in plan(rows, nodes=gpus).leases}


def test_place__equal_nodes__the_lowest_line_then_the_emptier_one():
    assert placed([job(k, 0, 9) for k in range(5)], 2, 2, 1) == {2: 0, 3: 1, 4: 0, 5: 1, 6: 2}


def test_place__enough_gpus__count_and_not_free_ones():
    # The node with two GPUs has nothing left, and takes the second job all the same: the other has too few GPUs.
    assert placed([job(0, 0, 9, 2), job(1, 0, 9, 2), job(2, 0, 9)], 1, 2) == {2: 1, 3: 1, 4: 0}


def test_place__shared_gpus__count_with_their_share():
    # 4 GPUs x 250 take 1000 of 4000, so the first has 3000 left, then 2000 as the second has: the upper one again.
    assert placed([job(0, 0, 9, 4, 250), job(1, 0, 9), job(2, 0, 9), job(3, 0, 9)], 4, 2) == {
        2: 0,
        3: 0,
        4: 0,
        5: 1,
    }


def test_place__same_start__in_order_of_lines_and_not_of_the_file_alone():
    # By time: line 3 at 0 first, then lines 2 and 4 at 5.
    assert placed([job(0, 5, 9), job(1, 0, 9), job(2, 5, 9)], 1, 1) == {3: 0, 2: 1, 4: 0}


def test_place__ends_at_the_very_start__is_free_again_and_a_second_later_is_not():
    assert placed([job(0, 0, 5), job(1, 5, 9)], 1, 1) == {2: 0, 3: 0}
    assert placed([job(0, 0, 6), job(1, 5, 9)], 1, 1) == {2: 0, 3: 1}


def test_place__money_that_ran_out__frees_the_node():
    # Line 2 would run to 100 but has money to 5.
    leases = plan([job(0, 0, 100), job(1, 5, 9)], nodes=(1, 1), seconds=5).leases
    assert [one.node for one in leases] == [0, 0]


def test_place__fractions_of_a_milli__are_exact():
    # Three thirds of a tenth do not make 0.1 in floats: the first node must be exactly as free as the second.
    rows = [job(0, 0, 5, 1, "0.1"), job(1, 0, 5, 1, "0.2"), job(2, 5, 9)]
    assert placed(rows, 1, 1) == {2: 0, 3: 1, 4: 0}


def test_place__many_random_jobs__as_a_search_over_every_second_says():
    """Another way to the same answer: no heap, every earlier job is looked at again."""
    random = Random(20_261_102)
    gpus = [random.choice((1, 2, 4, 8)) for _ in range(12)]
    rows = []
    for index in range(400):
        began = random.randrange(2_000)
        rows.append(
            job(
                index,
                began,
                began + random.randrange(1, 300),
                random.choice((1, 1, 2, 8)),
                random.choice((100, 470, 1_000)),
            )
        )
    found = plan(rows, nodes=gpus, seconds=120).leases
    done: list[Lease] = []
    for lease in sorted(found, key=lambda one: (one.start, one.line)):
        free = [
            1_000 * count - sum(one.power for one in done if one.node == place and one.stop > lease.start)
            for place, count in enumerate(gpus)
        ]
        fit = [place for place, count in enumerate(gpus) if count >= lease.gpus]
        assert lease.node == min(fit, key=lambda place: (-free[place], place))
        done.append(lease)
    assert len(done) == 400
