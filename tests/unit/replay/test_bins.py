"""The histogram of the report loses no row, whatever the order and the range."""

import pytest

from tallystick.replay.bins import Bins
from tallystick.sources.base import Rejected, Row


def filled(rows, most=8):
    bins = Bins(most)
    for row in rows:
        bins.add(row, isinstance(row, Row))
    return bins


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 1234])
def test_add__rows_without_times__are_counted_by_number(count):
    bins = filled([Row(k, k + 2, 1) if k % 3 else Rejected(k, k + 2, "no_gpu") for k in range(count)])
    accepted, rejected = bins.series
    assert sum(accepted) == count - (count + 2) // 3
    assert sum(rejected) == (count + 2) // 3
    assert len(accepted) == len(rejected) <= 9
    assert not bins.timed
    assert bins.label(0) == "row 0"


def test_add__times_in_any_order__fall_into_their_bins():
    # 40 seconds over 8 bins: the least power of two that does is 8 seconds (bins 0 to 5).
    bins = filled(
        [Row(0, 2, 1, began=17), Row(1, 3, 1, began=0), Row(2, 4, 1, began=40), Row(3, 5, 1, began=16)]
    )
    assert bins.width == 8
    assert bins.series == ([1, 0, 2, 0, 0, 1], [0] * 6)
    assert [bins.label(0), bins.label(5)] == ["second 0", "second 40"]


def test_add__rejected_rows_of_a_timed_trace__count_where_the_row_before_was():
    rows = [Rejected(0, 2, "no_gpu"), Row(1, 3, 1, began=3), Rejected(2, 4, "no_gpu"), Row(3, 5, 1, began=5)]
    assert filled(rows).series == ([1, 0, 1], [2, 0, 0])


def test_label__unix_time__is_a_date():
    bins = filled([Row(0, 2, 1, began=1_700_158_546)])
    assert bins.label(0) == "2023-11-16 18:15:46"


def test_series__nothing_or_nothing_usable__is_short():
    assert filled([]).series == ([], [])
    assert filled([Rejected(0, 2, "no_gpu"), Rejected(1, 3, "no_gpu")]).series == ([0], [2])
