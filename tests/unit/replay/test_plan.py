"""The first pass: row -> agreement, budgets, rejections. Numbers worked by hand."""

from tallystick.replay.plan import (
    MAX_BUDGET,
    MAX_UNITS,
    Rejection,
    Step,
    Tally,
    output_root,
    slot_of_row,
    survey,
)
from tallystick.sources.base import Rejected, Row


def rows(*units):
    """Rows from line 2 on; a text is a rejected row's reason."""
    return [
        Rejected(k, k + 2, one) if isinstance(one, str) else Row(k, k + 2, one) for k, one in enumerate(units)
    ]


def place(row, customers, providers):
    return divmod(slot_of_row(row, customers, providers), providers)


def test_slot_of_row__three_customers_two_providers__customers_turn_first_then_providers():
    # customer k mod 3, provider (k div 3) mod 2
    assert [place(k, 3, 2) for k in range(8)] == [
        (0, 0), (1, 0), (2, 0),
        (0, 1), (1, 1), (2, 1),
        (0, 0), (1, 0),
    ]  # fmt: skip


def test_slot_of_row__fifty_by_twenty__every_thousand_rows_meet_every_agreement_once():
    assert sorted(slot_of_row(k, 50, 20) for k in range(1000)) == list(range(1000))
    assert slot_of_row(1000, 50, 20) == slot_of_row(0, 50, 20)


def test_survey__rejected_rows__take_their_turn_all_the_same():
    found = survey(rows(10, "no_gpu", 30), customers=2, providers=1, unit_price=1_000_000, fee_bps=0)
    # Row 2 belongs to customer 0 although row 1 was rejected.
    assert found.units == [40, 0]
    assert found.receipts == [2, 0]
    assert found.accepted == 2
    assert found.rejected == [Rejection(3, "no_gpu")]
    assert found.used == [0]


def test_survey__one_agreement__gross_fee_and_budget_are_floors_of_the_sum():
    # 3 x 833 333 units at 600 000 µ a million: floor(1 499 999.4) = 1 499 999; 5 % floored = 74 999.
    found = survey(rows(833_333, 833_333, 833_333), customers=1, providers=1, unit_price=600_000, fee_bps=500)
    assert found.units == [2_499_999]
    assert (found.gross(0), found.fee(0), found.budget(0)) == (1_499_999, 74_999, 1_499_999)


def test_survey__agreement_without_money__has_the_smallest_budget():
    found = survey(rows(1), customers=2, providers=1, unit_price=999_999, fee_bps=500)
    assert [found.gross(0), found.gross(1)] == [0, 0]
    assert [found.budget(0), found.budget(1)] == [1, 1]


def test_survey__no_rows__is_empty():
    found = survey([], customers=2, providers=3, unit_price=1, fee_bps=0)
    assert (found.accepted, found.rejected, found.used, found.units) == (0, [], [], [0] * 6)


def test_survey__newest__is_the_last_accepted_row_with_its_root():
    found = survey(rows(5, 7, "units_below_one"), customers=1, providers=1, unit_price=1, fee_bps=0)
    assert found.newest == [Step(0, 3, 12, output_root(3, 7))]


def test_survey__progress__hears_thousands_and_the_end():
    heard = []
    survey(rows(*[1] * 2500), customers=1, providers=1, unit_price=1, fee_bps=0, progress=heard.append)
    assert heard == [1000, 2000, 2500]


def test_survey__reasons__most_frequent_first():
    found = survey(rows("a", "b", "b"), customers=1, providers=1, unit_price=1, fee_bps=0)
    assert list(found.reasons().items()) == [("b", 2), ("a", 1)]


def test_tally__sum_leaves_what_a_relayer_keeps__refuses_and_goes_on():
    tally = Tally(1, 1, 1)
    assert isinstance(tally.take(Row(0, 2, MAX_UNITS)), Step)
    assert tally.take(Row(1, 3, 1)) == Rejection(3, "units_out_of_range")
    assert tally.units == [MAX_UNITS]


def test_tally__gross_leaves_a_budget__refuses_exactly_there():
    # At one µ a unit the largest budget is reached by MAX_BUDGET units.
    tally = Tally(1, 1, 1_000_000)
    assert isinstance(tally.take(Row(0, 2, MAX_BUDGET)), Step)
    assert tally.take(Row(1, 3, 1)) == Rejection(3, "over_budget")
    assert isinstance(Tally(1, 1, 1_000_000).take(Row(0, 2, MAX_BUDGET)), Step)


def test_tally__price_of_half_a_micro__allows_the_rest_of_the_last_micro():
    tally = Tally(1, 1, 500_000)
    # floor((2 x MAX_BUDGET + 1) / 2) = MAX_BUDGET still fits; one unit more does not.
    assert isinstance(tally.take(Row(0, 2, 2 * MAX_BUDGET + 1)), Step)
    assert tally.take(Row(1, 3, 1)) == Rejection(3, "over_budget")


def test_output_root__other_line_or_units__is_another():
    assert len({output_root(2, 5), output_root(3, 5), output_root(2, 6)}) == 3
