"""`plan_batches` and `value_of`: hand-worked cases, and properties that hold for every backlog."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.protocol.enums import Mode
from tallystick.relayer.batch import leaf_capacity, plan_batches
from tallystick.relayer.config import BadConfig, BatchLimits
from tallystick.relayer.worth import Waiting, useful, value_of, within_cap

NOW = 1_000_000


def waiting(agreement: int, units: int = 1_000_000, **other: Any) -> Waiting:
    """A figure worth 600 000 µ by default, ready just now."""
    fields: dict[str, Any] = {
        "output_root": agreement.to_bytes(32, "big"), "ready_at": NOW, "unit_price": 600_000,
        "budget": 10**9, "fee_customer": 0, "paid": 0, "committed": 0,
    }  # fmt: skip
    return Waiting(agreement=agreement, units=units, **{**fields, **other})


# -- value_of --------------------------------------------------------------------------------------------------------


def test_value_of__fresh_figure__is_its_gross() -> None:
    assert value_of(waiting(1, units=1_234_567)) == 740_740  # floor(740 740.2)


def test_value_of__partly_paid__is_the_difference_with_the_customers_fee() -> None:
    # paid 100, then 399: fee floor(399 x 250 / 1e4) - floor(100 x 250 / 1e4) = 9 - 2
    assert value_of(waiting(1, units=399, unit_price=1_000_000, paid=100, fee_customer=250)) == 299 + 7


def test_value_of__earlier_batch_under_way__counts_only_what_comes_on_top() -> None:
    # 2 000 000 units are under way (1 200 000 µ), 500 000 µ are paid: 3 000 000 units add 600 000 µ
    assert value_of(waiting(1, units=3_000_000, paid=500_000, committed=2_000_000)) == 600_000


def test_value_of__above_the_budget__is_capped() -> None:
    assert value_of(waiting(1, units=10_000_000, budget=1_000, paid=400)) == 600


@pytest.mark.parametrize(
    "figure", [waiting(1, units=1), waiting(1, paid=600_000), waiting(1, committed=10**6)]
)
def test_value_of__nothing_more_to_pay__is_zero(figure: Waiting) -> None:
    assert value_of(figure) == 0


# -- caps and leases -------------------------------------------------------------------------------------------------


def lease(agreement: int, units: int, **other: Any) -> Waiting:
    """Seconds not served of a lease that runs from 900 000 to 1 100 000 s."""
    return waiting(agreement, units, mode=Mode.LEASE, start=900_000, end=1_100_000, **other)


def test_within_cap__figure_above_it__goes_as_far_as_one_batch_may_move() -> None:
    # 600 000 µ at 0.6 µ a unit; a cap of 100 µ on top of 50 that are paid: 150 µ are 250 units, 251 would be 150.6,
    # which is floored to 150 as well
    capped = within_cap(waiting(1, paid=50, gross_cap=100))
    assert capped.units == 251
    assert value_of(capped) == 100
    assert value_of(within_cap(waiting(1, units=251, paid=50, gross_cap=100))) == 100
    assert value_of(waiting(1, units=252, paid=50)) == 101


def test_within_cap__earlier_batch_under_way__counts_from_there() -> None:
    # 1 000 units under way are 600 µ
    assert value_of(within_cap(waiting(1, committed=1_000, gross_cap=7))) == 7


def test_within_cap__no_cap_or_a_lease__is_left_whole() -> None:
    assert within_cap(waiting(1)).units == 1_000_000
    assert within_cap(lease(1, 50, gross_cap=1)).units == 50


@given(
    price=st.integers(1, 10**9),
    units=st.integers(1, 10**9),
    paid=st.integers(0, 10**6),
    cap=st.integers(1, 10**6),
    budget=st.integers(1, 10**12),
)
def test_within_cap__any_figure__steps_at_most_the_cap_and_as_far_as_it_can(
    price: int, units: int, paid: int, cap: int, budget: int
) -> None:
    paid = min(paid, budget)
    whole = waiting(1, units, unit_price=price, budget=budget, paid=paid, gross_cap=cap)
    capped = within_cap(whole)
    assert min(capped.units * price // 10**6, budget) - paid <= cap
    if capped.units < units:
        assert (capped.units + 1) * price // 10**6 > paid + cap
    else:
        assert capped == whole


def test_plan_batches__figure_above_the_cap__goes_in_part_and_declares_that_part() -> None:
    (plan,) = plan_batches(
        [waiting(1, gross_cap=100, ready_at=0), waiting(2, ready_at=0)], NOW, BatchLimits()
    )
    assert [(figure.agreement, figure.units) for figure in plan.figures] == [(1, 168), (2, 1_000_000)]
    assert plan.value == 100 + 600_000


def test_plan_batches__one_unit_above_the_cap__does_not_go() -> None:
    dear = waiting(1, units=5, unit_price=10**9, gross_cap=999, ready_at=0)
    assert not useful(within_cap(dear))
    assert plan_batches([dear], NOW, BatchLimits()) == []


def test_plan_batches__downtime__goes_though_it_moves_nothing() -> None:
    (plan,) = plan_batches([lease(1, 3_600, ready_at=0)], NOW, BatchLimits(), room=0, limit=0)
    assert (plan.figures[0].units, plan.value) == (3_600, 0)


@pytest.mark.parametrize("known", [{"downtime": 3_600}, {"committed": 3_600}])
def test_plan_batches__downtime_that_counts_or_is_under_way__does_not_go(known: dict[str, int]) -> None:
    assert plan_batches([lease(1, 3_600, ready_at=0, **known)], NOW, BatchLimits()) == []
    assert plan_batches([lease(1, 3_601, ready_at=0, **known)], NOW, BatchLimits()) != []


def test_plan_batches__downtime_ahead_of_the_chains_clock__waits_until_it_has_passed() -> None:
    ahead = lease(1, 100_001, ready_at=0)  # the clock started at 900 000, and it is 1 000 000
    assert plan_batches([ahead], NOW, BatchLimits()) == []
    assert plan_batches([ahead], NOW + 1, BatchLimits()) != []
    assert plan_batches([lease(1, 200_001, ready_at=0)], NOW + 10**6, BatchLimits()) == []  # beyond its end


# -- criteria --------------------------------------------------------------------------------------------------------


def test_plan_batches__young_and_few__nothing_is_due() -> None:
    young = [waiting(number, ready_at=NOW - 3_599) for number in range(1, 256)]
    assert plan_batches(young, NOW, BatchLimits()) == []


def test_plan_batches__oldest_reaches_the_age__all_go_by_rising_agreement() -> None:
    some = [waiting(9), waiting(4, ready_at=NOW - 3_600), waiting(7)]
    (plan,) = plan_batches(some, NOW, BatchLimits())
    assert plan.criterion == "age"
    assert [figure.agreement for figure in plan.figures] == [4, 7, 9]
    assert plan.value == 1_800_000


def test_plan_batches__enough_wait__full_batches_go_by_size_and_the_rest_waits() -> None:
    many = [waiting(number, ready_at=NOW - number) for number in range(1, 601)]
    plans = plan_batches(many, NOW, BatchLimits())
    assert [(plan.criterion, len(plan.figures)) for plan in plans] == [("size", 256), ("size", 256)]
    # the longest waiting first: 600 down to 345, then 344 down to 89
    assert plans[0].figures[0].agreement == 345
    assert plans[1].figures[0].agreement == 89


def test_plan_batches__size_waits_for_more_agreements__fires_at_that_number() -> None:
    limits = BatchLimits(leaves=10, waiting=25)
    assert plan_batches([waiting(number) for number in range(1, 25)], NOW, limits) == []
    plans = plan_batches([waiting(number) for number in range(1, 26)], NOW, limits)
    assert [len(plan.figures) for plan in plans] == [10, 10]


def test_plan_batches__gas_allows_fewer_than_size__fires_by_gas() -> None:
    # settling costs 90 000 + 34 000 a leaf: 500 000 gas hold 12 leaves
    limits = BatchLimits(gas=500_000)
    assert leaf_capacity(limits) == 12
    assert plan_batches([waiting(number) for number in range(1, 12)], NOW, limits) == []
    plans = plan_batches([waiting(number) for number in range(1, 30)], NOW, limits)
    assert [(plan.criterion, len(plan.figures)) for plan in plans] == [("gas", 12), ("gas", 12)]


def test_plan_batches__worth_nothing__neither_goes_nor_makes_others_go() -> None:
    worthless = waiting(1, units=1, ready_at=0)
    assert plan_batches([worthless, waiting(2)], NOW, BatchLimits()) == []
    (plan,) = plan_batches([worthless, waiting(2, ready_at=0)], NOW, BatchLimits())
    assert [figure.agreement for figure in plan.figures] == [2]


# -- room ------------------------------------------------------------------------------------------------------------


def test_plan_batches__little_room__oldest_first_as_far_as_it_goes() -> None:
    some = [waiting(number, ready_at=NOW - 4_000 + number) for number in range(1, 6)]
    (plan,) = plan_batches(some, NOW, BatchLimits(), room=1_500_000)
    assert [figure.agreement for figure in plan.figures] == [1, 2]
    assert plan_batches(some, NOW, BatchLimits(), room=599_999) == []


def test_plan_batches__one_above_the_limit_for_ever__does_not_hold_up_the_others() -> None:
    some = [waiting(1, units=10**9, budget=10**12, ready_at=0), waiting(2, ready_at=0)]
    (plan,) = plan_batches(some, NOW, BatchLimits(), room=1_000_000, limit=100_000_000)
    assert [figure.agreement for figure in plan.figures] == [2]


figures = st.builds(
    waiting,
    st.integers(1, 2**63),
    units=st.integers(1, 10**9),
    ready_at=st.integers(NOW - 5_000, NOW),
    budget=st.integers(1, 10**7),
    paid=st.just(0),
    committed=st.integers(0, 10**6),
    fee_customer=st.integers(0, 2_000),
)
limits_of_any_kind = st.builds(
    BatchLimits,
    age=st.integers(0, 6_000),
    leaves=st.integers(1, 20),
    waiting=st.integers(0, 40),
    gas=st.integers(500_000, 2_000_000),
)


@given(
    st.lists(figures, max_size=60, unique_by=lambda figure: figure.agreement),
    limits_of_any_kind,
    st.integers(0, 10**8),
)
def test_plan_batches__any_backlog__plans_are_valid_disjoint_and_inside_the_room(
    backlog: list[Waiting], limits: BatchLimits, room: int
) -> None:
    plans = plan_batches(backlog, NOW, limits, room)
    taken = [figure.agreement for plan in plans for figure in plan.figures]
    assert len(taken) == len(set(taken))
    assert set(taken) <= {figure.agreement for figure in backlog}
    assert sum(plan.value for plan in plans) <= room
    for plan in plans:
        numbers = [figure.agreement for figure in plan.figures]
        assert numbers == sorted(numbers)
        assert 1 <= len(numbers) <= leaf_capacity(limits)
        assert plan.value == sum(value_of(figure) for figure in plan.figures)
        assert all(value_of(figure) > 0 for figure in plan.figures)


@given(st.lists(figures, max_size=60, unique_by=lambda figure: figure.agreement), limits_of_any_kind)
def test_plan_batches__room_for_all_and_old_enough__leaves_nothing_behind(
    backlog: list[Waiting], limits: BatchLimits
) -> None:
    plans = plan_batches(backlog, NOW + 20_000, limits)
    taken = {figure.agreement for plan in plans for figure in plan.figures}
    assert taken == {figure.agreement for figure in backlog if value_of(figure)}


@pytest.mark.parametrize(
    "wrong", [{"age": -1}, {"leaves": 0}, {"leaves": 257}, {"waiting": -1}, {"gas": 499_999}]
)
def test_batch_limits__out_of_range__are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(BadConfig):
        BatchLimits(**wrong)


def test_plan__period_of_the_receipt_is_not_over__waits_since_no_challenge_could_be_answered() -> None:
    ahead = waiting(1, 10_000_000, period_end=NOW + 1)
    now = BatchLimits(age=0)
    assert plan_batches([ahead], NOW, now) == []
    assert len(plan_batches([ahead], NOW + 1, now)) == 1
